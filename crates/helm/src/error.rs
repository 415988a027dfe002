//! What can go wrong between a chart and its manifests.

use std::fmt;

use pleach_yaml::diag::{Diagnostic, Span};

/// A chart that cannot be loaded or rendered, in the words that Helm has for it.
#[derive(Clone, Debug)]
pub struct HelmError {
    /// Helm's message, without the `Error: ` before it.
    pub message: String,
    /// The place in the chart, as far as it is known.
    pub span: Option<Box<Span>>,
}

impl HelmError {
    /// An error without a place.
    pub fn new(message: impl Into<String>) -> HelmError {
        HelmError {
            message: message.into(),
            span: None,
        }
    }

    /// The error with words before it, as Go wraps errors.
    pub(crate) fn within(self, words: &str) -> HelmError {
        HelmError {
            message: format!("{words}: {}", self.message),
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
        HelmError {
            message: diagnostic.message,
            span: diagnostic.span.map(Box::new),
        }
    }
}

/// What Helm says on standard error without stopping, without the time and the line of its own source before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    lines: Vec<String>,
}

impl Warnings {
    /// Adds a line, unless it was said before.
    pub(crate) fn push(&mut self, line: String) {
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    /// The lines in the order in which they came up.
    pub fn iter(&self) -> std::slice::Iter<'_, String> {
        self.lines.iter()
    }
}
