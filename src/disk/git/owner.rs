//! Checks the owner of the repository.
//!
//! Git refuses a repository that belongs to another user, since its configuration can name programs. Objects that are read without
//! git must be refused where git would refuse them, or the same command would work or fail by what it happens to ask.

use std::path::Path;

use super::command::{command, output};
use crate::disk::error::DiskError;

/// An error where git does not trust the owner of a repository. Git decides about those that are not our own: `safe.directory`
/// counts, and who called `sudo`.
pub(super) fn check(root: &Path) -> Result<(), DiskError> {
    if is_own(root) && is_own(&root.join(".git")) {
        return Ok(());
    }
    output(root, command(root).args(["rev-parse", "--git-dir"])).map(drop)
}

#[cfg(unix)]
fn is_own(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    // A link is for git to follow.
    let metadata = std::fs::symlink_metadata(path).ok();
    let user = rustix::process::geteuid().as_raw();
    metadata.is_some_and(|it| it.is_dir() && it.uid() == user)
}

/// Git knows who owns what on every system.
#[cfg(not(unix))]
fn is_own(_path: &Path) -> bool {
    false
}
