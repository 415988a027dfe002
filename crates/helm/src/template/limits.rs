//! Limits of a rendering. Go and Helm have none, but an untrusted chart must not block a build.

use super::FunctionError;

/// The maximum depth of `template` calls, as in Go.
pub const MAX_TEMPLATE_DEPTH: usize = 100_000;

/// The maximum number of nested `include` calls of a template, as in Helm.
pub const MAX_INCLUDES: usize = 1_000;

/// The limits of one rendering of a chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of instructions in all files. The default is 60 million, about a second.
    pub steps: u64,
    /// The bytes that functions read and create and that are printed, in all files, including temporary values; slow functions
    /// count more. The default is 128 MiB.
    pub bytes: u64,
    /// The size of the output of one file. The default is 32 MiB.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            steps: 60_000_000,
            bytes: 128 << 20,
            output: 32 << 20,
        }
    }
}

/// The used part of the limits.
#[derive(Debug, Default)]
pub(super) struct Budget {
    pub(super) limits: Limits,
    pub(super) steps: u64,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Budget {
        Budget {
            limits,
            ..Budget::default()
        }
    }

    pub(super) fn charge(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        match self.bytes > self.limits.bytes {
            true => Err(format!(
                "the templates make more than {} of text and values",
                size(self.limits.bytes)
            )),
            false => Ok(()),
        }
    }
}

/// A size for messages.
pub(super) fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

impl From<String> for FunctionError {
    fn from(message: String) -> FunctionError {
        FunctionError::Message(message)
    }
}

impl From<&str> for FunctionError {
    fn from(message: &str) -> FunctionError {
        FunctionError::Message(message.to_string())
    }
}
