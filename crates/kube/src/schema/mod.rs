//! JSON Schema over nodes, the built-in list keys and scopes of Kubernetes kinds.

mod defaults;
mod faults;
mod format;
mod kinds;
mod openapi;
mod parse;
pub(crate) mod pattern;
mod structural;
mod table;
mod validate;

pub use defaults::apply_defaults;
pub use kinds::{ListRule, Schemas, TypeRef};
pub use parse::own_schema;
pub use structural::{ConditionalDefault, EffectiveWhen, ListType, Schema};
pub use validate::validate;
