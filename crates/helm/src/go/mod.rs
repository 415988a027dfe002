//! The behaviour of Go libraries that Helm's input and output depend on, such as `sigs.k8s.io/yaml`, JSON decoding with its error
//! messages, and `filepath.Match`.

pub(crate) mod base64;
pub(crate) mod decimal;
pub(crate) mod decode;
pub(crate) mod glob;
pub(crate) mod path;
pub(crate) mod path_match;
pub(crate) mod scalar;
pub(crate) mod strconv;
pub(crate) mod time;
pub(crate) mod unicode;
pub(crate) mod url;
pub(crate) mod yaml;
