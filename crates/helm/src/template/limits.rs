//! How much a rendering may do. Go and Helm have no such limits; a chart that anybody can write must not stop a build.

use super::FunctionError;

/// How deep templates may call each other by `template`, as in Go.
pub const MAX_TEMPLATE_DEPTH: usize = 100_000;

/// How often a template may be open by `include`, as in Helm.
pub const MAX_INCLUDES: usize = 1_000;

/// How much one rendering of a chart may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Instructions of template code, all files together. The default is 60 million: about a second.
    pub steps: u64,
    /// Bytes that functions read and make, and that are printed, all files together; what is let go of is counted too, and slow
    /// functions count for more than they read. The default is 128 MiB.
    pub bytes: u64,
    /// Bytes of one file's output. The default is 32 MiB.
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

/// What is used up of the limits.
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
                "the templates make more than {} bytes",
                self.limits.bytes
            )),
            false => Ok(()),
        }
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
