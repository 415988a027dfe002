//! Kubernetes objects as YAML nodes with spans: their identity, their schemas, patches of them, and what differs between two.

pub mod object;
pub mod schema;
pub mod patch;
pub mod secret;
pub mod diff;
pub mod validate;
