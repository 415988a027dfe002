//! Errors of the file system: the operation, the path and the reason.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Something on disk could not be read or written.
#[derive(Debug)]
pub struct DiskError {
    /// The operation: `write`, `remove`, `read`.
    pub action: &'static str,
    /// The path of the operation.
    pub path: PathBuf,
    /// The error of the operating system.
    pub source: io::Error,
    /// What the user can do about it.
    pub help: Option<String>,
}

impl DiskError {
    /// For `map_err`, with a known operation and path.
    pub(super) fn when(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
        move |source| DiskError {
            action,
            path: path.to_path_buf(),
            source,
            help: None,
        }
    }

    /// Whether the error is that a folder is not in a Git repository.
    pub fn is_no_repository(&self) -> bool {
        self.source.to_string().contains("not a git repository")
    }

    /// Adds a help text.
    pub fn help(self, help: impl Into<String>) -> DiskError {
        DiskError {
            help: Some(help.into()),
            ..self
        }
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "cannot {} {path}: {}", self.action, reason(&self.source))
    }
}

// The reason is part of the message, so a chain of causes must not repeat it.
impl std::error::Error for DiskError {}

/// Common reasons, without error numbers.
pub(super) fn reason(error: &io::Error) -> String {
    let text = match error.kind() {
        io::ErrorKind::NotFound => "no such file or folder",
        io::ErrorKind::PermissionDenied => "permission denied",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        io::ErrorKind::StorageFull => "the disk is full",
        io::ErrorKind::QuotaExceeded => "the disk quota is exceeded",
        io::ErrorKind::NotADirectory => "a file is where a folder is expected",
        io::ErrorKind::IsADirectory | io::ErrorKind::DirectoryNotEmpty => "it is a folder",
        io::ErrorKind::InvalidFilename => "the system does not allow this name",
        _ => return error.to_string(),
    };
    text.to_string()
}
