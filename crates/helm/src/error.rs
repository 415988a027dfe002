//! Errors of loading and rendering charts.

use std::fmt;

use pleach_yaml::diag::{Diagnostic, Span};

/// The reason why a chart cannot be loaded or rendered.
#[derive(Clone, Debug)]
pub struct HelmError {
    /// Helm's message, without the `Error: ` before it.
    pub message: String,
    /// The location in the chart, if known.
    pub span: Option<Box<Span>>,
    /// What to do, for errors that Helm does not have.
    pub help: Option<&'static str>,
}

impl HelmError {
    /// An error without a location.
    pub fn new(message: impl Into<String>) -> HelmError {
        HelmError {
            message: message.into(),
            span: None,
            help: None,
        }
    }

    /// Sets the location in the chart, if it is known.
    #[must_use]
    pub(crate) fn at(self, span: Option<Span>) -> HelmError {
        let span = span.map(Box::new);
        HelmError { span, ..self }
    }

    /// The error with a prefix, as Go wraps errors.
    pub(crate) fn within(self, prefix: &str) -> HelmError {
        HelmError {
            message: format!("{prefix}: {}", self.message),
            ..self
        }
    }
}

impl fmt::Display for HelmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HelmError {}

impl From<Diagnostic> for HelmError {
    fn from(diagnostic: Diagnostic) -> HelmError {
        HelmError::new(diagnostic.message).at(diagnostic.span)
    }
}

/// Messages that Helm prints to standard error and that are not errors, without time and source line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    lines: Vec<String>,
}

impl Warnings {
    /// Adds a line, unless it was added before.
    pub(crate) fn push(&mut self, line: String) {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    /// The lines in the order in which they were added.
    pub fn iter(&self) -> std::slice::Iter<'_, String> {
        self.lines.iter()
    }
}
