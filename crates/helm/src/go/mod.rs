//! What the Go libraries do that Helm's input and output depend on: YAML as `sigs.k8s.io/yaml` reads it, JSON decoding into
//! structs with its error texts, and `filepath.Match`.

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
