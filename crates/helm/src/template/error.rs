//! Errors of execution.

/// A template that failed while it was executed.
#[derive(Clone, Debug)]
pub struct ExecError {
    /// Go's text.
    pub message: String,
}
