//! Ensures that folders are not written to through links.

use std::fs;
use std::io;
use std::path::Path;

use super::error::DiskError;
use crate::tree::TreePath;

/// An error at the first link between a folder and a path below it. Links of a repository are not trusted: the target may be an
/// endless file, or files of somebody else that would be overwritten or removed.
pub fn refuse_links(root: &Path, path: &TreePath) -> Result<(), DiskError> {
    let mut current = root.to_path_buf();
    for part in path.parts() {
        current.push(part);
        if fs::symlink_metadata(&current).is_ok_and(|it| it.is_symlink()) {
            let error = io::Error::other("this is a symbolic link to another location");
            let failed = DiskError::when("write to", &current)(error);
            return Err(failed.help("remove the link; it is replaced with a folder"));
        }
    }
    Ok(())
}
