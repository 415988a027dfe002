//! Kubernetes objects as YAML nodes with spans: identity, schemas, validation, patches and comparisons.

pub mod object;
pub mod schema;
pub mod patch;
pub mod secret;
pub mod retention;
pub mod diff;
pub mod validate;
