//! Go's regular expressions for Rust: the syntax (RE2), error messages, rules for finding all matches, and replacement templates
//! (`$1`, `${name}`) of Go's package `regexp`, implemented with the `regex` crate.
//!
//! Text may be any bytes: an invalid byte counts as U+FFFD, as in Go.
//!
//! ```
//! let pattern = pleach_re2::Regexp::new(r"(?P<user>\w+)@").unwrap();
//! assert_eq!(pattern.replace_all(b"ann@example.com", b"<${user}> "), b"<ann> example.com");
//! let error = pleach_re2::Regexp::new("a++").unwrap_err();
//! assert_eq!(error.to_string(), "error parsing regexp: invalid nested repetition operator: `++`");
//! ```

mod class;
mod error;
mod escape;
mod item;
mod names;
mod parse;
mod regexp;
mod text;

pub use error::Error;
pub use regexp::{Match, Regexp, quote_meta};
