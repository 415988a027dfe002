//! JSON Schema over nodes, the built-in list keys and scopes of Kubernetes kinds.

mod kinds;
mod openapi;

pub use kinds::{ListRule, Schemas, TypeRef};
