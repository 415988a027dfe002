//! Errors of parsing and execution.

use std::fmt;

use super::FunctionError;
use super::program::quoted;

/// A syntax error in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The name of the template.
    pub template: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The message of Go's text/template.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "template: {}:{}: {}",
            self.template, self.line, self.message
        )
    }
}

impl std::error::Error for ParseError {}

/// An error while a template was executed.
#[derive(Clone, Debug)]
pub struct ExecError {
    /// The name of the text that contains the template.
    pub source: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 0, as in Go.
    pub column: usize,
    /// The name of the template.
    pub template: String,
    /// The expression that failed, as printed by Go.
    pub expression: String,
    /// The kind of failure behind the message.
    pub cause: Cause,
}

/// The cause of an error.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A failure of the template itself, with Go's message.
    Message(String),
    /// A limit was reached, which Go does not have.
    Limit(String),
    /// A function or method failed.
    Call(String, FunctionError),
}

impl ExecError {
    /// The message of `fail` or `required`, if it stopped the template.
    pub fn author_message(&self) -> Option<&str> {
        match &self.cause {
            Cause::Call(_, error) => error.author_message(),
            Cause::Message(_) | Cause::Limit(_) => None,
        }
    }

    /// Whether a limit was reached, which Go does not have.
    pub fn is_limit(&self) -> bool {
        match &self.cause {
            Cause::Limit(_) => true,
            Cause::Message(_) => false,
            Cause::Call(_, error) => error.is_limit(),
        }
    }

    /// The location, as printed by Go: `file:line:column`.
    pub fn location(&self) -> String {
        format!("{}:{}:{}", self.source, self.line, self.column)
    }
}

impl FunctionError {
    fn is_limit(&self) -> bool {
        match self {
            FunctionError::Author(_) | FunctionError::Message(_) => false,
            FunctionError::Template(error) => error.is_limit(),
            FunctionError::Wrapped(_, error) => error.is_limit(),
        }
    }

    fn author_message(&self) -> Option<&str> {
        match self {
            FunctionError::Author(message) => Some(message),
            FunctionError::Message(_) => None,
            FunctionError::Template(error) => error.author_message(),
            FunctionError::Wrapped(_, error) => error.author_message(),
        }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "template: {}: executing {} at <{}>: ",
            self.location(),
            quoted(self.template.as_bytes()),
            self.expression
        )?;
        match &self.cause {
            Cause::Message(message) | Cause::Limit(message) => f.write_str(message),
            Cause::Call(name, error) => write!(f, "error calling {name}: {error}"),
        }
    }
}

impl std::error::Error for ExecError {}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FunctionError::Message(message) | FunctionError::Author(message) => {
                f.write_str(message)
            }
            FunctionError::Template(error) => error.fmt(f),
            FunctionError::Wrapped(prefix, error) => write!(f, "{prefix}: {error}"),
        }
    }
}

impl std::error::Error for FunctionError {}
