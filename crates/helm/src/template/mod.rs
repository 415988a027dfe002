//! Go's `text/template` as Helm uses it.

mod context;
mod error;
mod function;

pub use context::Context;
pub use error::ExecError;
pub use function::{Arguments, Function, FunctionError, Functions, Returned, Signature};
