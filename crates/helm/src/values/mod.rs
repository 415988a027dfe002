//! Values: what users give, and how it is laid over what charts say.

pub(crate) mod schema;
pub(crate) mod strvals;
mod user;

pub use user::{UserValues, ValuesFile};
