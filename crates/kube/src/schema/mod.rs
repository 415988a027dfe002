//! JSON Schema over nodes, the built-in list keys and scopes of Kubernetes kinds.

mod api;
mod custom;
mod defaults;
mod document;
mod faults;
mod format;
mod kinds;
mod openapi;
mod parse;
pub(crate) mod pattern;
mod structural;
mod table;
mod validate;

pub use api::ApiSchemas;
pub use custom::CustomResource;
pub use defaults::apply_defaults;
pub use document::OpenApi;
pub use kinds::{ListRule, Schemas, TypeRef};
pub use parse::own_schema;
pub use structural::{ConditionalDefault, ListType, Schema};
pub use validate::validate;
