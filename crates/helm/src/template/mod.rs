//! Go's `text/template`, as used by Helm.
//!
//! [`Templates::parse`] compiles texts; the set can be shared between threads. [`Renderer`] executes it. Values are
//! [`crate::value::Value`], functions are [`Function`]. Error messages are exactly those of Go.

mod builtins;
mod compare;
mod compile;
mod context;
mod cost;
mod error;
mod exec;
mod function;
mod iterate;
mod lex;
mod limits;
mod literal;
mod parse;
mod program;
mod reads;
mod render;
mod slot;
mod syntax;
mod trace;

pub use context::Context;
pub use error::{Cause, ExecError, ParseError};
pub use function::{Arguments, Function, FunctionError, Functions, Returned, Signature};
pub use limits::{Limits, MAX_INCLUDES, MAX_TEMPLATE_DEPTH};
pub use parse::MAX_PARENTHESES;
pub(crate) use reads::{GLOBAL, Path, ReadInput, reads};
pub use render::{MissingKey, RenderError, Renderer, Templates};
pub use trace::{Entry, Segment};

#[cfg(test)]
mod tests;
