//! Structural schemas for nodes, and merge keys and scopes of built-in kinds.

mod defaults;
mod ecma;
mod effect;
mod faults;
mod format;
mod json;
mod json_schema;
mod kinds;
mod openapi;
mod parse;
pub(crate) mod pattern;
mod structural;
mod table;
mod trail;
mod validate;
mod values_of;
mod documentation;

pub use defaults::apply_defaults;
pub use json::as_json;
pub use json_schema::{Form, JsonSchema};
pub use kinds::{ListRule, Schemas};
pub use parse::{own_document, own_schema, schema_keywords, schema_of_own};
pub use structural::{ConditionalDefault, EffectiveWhen, ListType, Schema};
pub use table::TypeRef;
pub use validate::validate;
pub use values_of::ValuesOf;
