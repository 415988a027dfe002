//! Checks the owner of the repository.
//!
//! Git refuses a repository of another user, because its configuration can name programs. Reading objects without git must be
//! refused as well; otherwise, the result of a command would depend on which objects it reads.

use std::path::Path;

use super::command::{command, output};
use crate::disk::error::DiskError;

/// An error if git does not trust the owner of a repository. For repositories of other users, git decides: it considers
/// `safe.directory`, and the user who called `sudo`.
pub(super) fn check(root: &Path) -> Result<(), DiskError> {
    if is_owned_by_user(root) && is_owned_by_user(&root.join(".git")) {
        return Ok(());
    }
    output(root, command(root).args(["rev-parse", "--git-dir"])).map(drop)
}

/// Whether the current user owns a folder.
#[cfg(unix)]
fn is_owned_by_user(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    // A link is left to git.
    let metadata = std::fs::symlink_metadata(path).ok();
    let user = rustix::process::geteuid().as_raw();
    metadata.is_some_and(|it| it.is_dir() && it.uid() == user)
}

/// On other systems, git checks the owner.
#[cfg(not(unix))]
fn is_owned_by_user(_path: &Path) -> bool {
    false
}
