//! Errors of parsing and execution.

use std::fmt;

use super::FunctionError;
use super::program::quoted;

/// A text that is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The name of the template in which the parser stopped.
    pub template: String,
    /// The line at which the parser stopped, from 1.
    pub line: usize,
    /// The reason, worded as Go words it.
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

/// A template that failed while it was executed.
#[derive(Clone, Debug)]
pub struct ExecError {
    /// The name of the text that the template is in.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 0, as Go counts it.
    pub column: usize,
    /// The name of the template.
    pub template: String,
    /// The expression that failed, as Go prints it.
    pub expression: String,
    /// Why the expression failed.
    pub cause: Cause,
}

/// What is wrong with an expression.
#[derive(Clone, Debug)]
pub enum Cause {
    /// A failure of the template itself, worded as Go words it.
    Message(String),
    /// A limit was reached. Go has none.
    Limit(String),
    /// A function or method failed.
    Call(String, FunctionError),
}

impl ExecError {
    /// What the chart's author says by `fail` or `required`, if that is what stopped the template.
    pub fn author_message(&self) -> Option<&str> {
        match &self.cause {
            Cause::Call(_, error) => error.author_message(),
            Cause::Message(_) | Cause::Limit(_) => None,
        }
    }

    /// The place as Go prints it: `file:line:column`.
    pub fn location(&self) -> String {
        format!("{}:{}:{}", self.source, self.line, self.column)
    }
}

impl FunctionError {
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
            FunctionError::Wrapped(words, error) => write!(f, "{words}: {error}"),
        }
    }
}

impl std::error::Error for FunctionError {}
