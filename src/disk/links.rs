//! Folders that are written to are reached through no link.

use std::fs;
use std::io;
use std::path::Path;

use super::error::DiskError;
use crate::tree::TreePath;

/// An error at the first link on the way from a folder to a path below it. What a link in a repository leads to is for whoever made
/// it to choose: what is read there may have no end, and what is written or removed there is somebody else's.
pub fn refuse_links(root: &Path, path: &TreePath) -> Result<(), DiskError> {
    let mut place = root.to_path_buf();
    for part in path.parts() {
        place.push(part);
        if fs::symlink_metadata(&place).is_ok_and(|it| it.is_symlink()) {
            let error = io::Error::other("this is a symbolic link to another location");
            let failed = DiskError::when("write to", &place)(error);
            return Err(failed.help("remove the link; it is replaced with a folder"));
        }
    }
    Ok(())
}
