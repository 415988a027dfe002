//! A repository's work tree as [`Files`]: what a commit of all that stands there would hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath};

use super::error::DiskError;
use super::folder::Folder;
use super::git::Repository;

/// The work tree's top folder. What Git ignores is not listed; who knows its name may read it.
pub struct WorkTree {
    folder: Folder,
    ignored: BTreeSet<TreePath>,
}

impl WorkTree {
    /// Opens the work tree of a repository.
    pub fn open(repository: &Repository) -> Result<WorkTree, DiskError> {
        Ok(WorkTree {
            folder: Folder::open(repository.root())?,
            ignored: repository.ignored()?,
        })
    }
}

impl Files for WorkTree {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        self.folder.read(path)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let mut entries = self.folder.list(folder)?;
        entries.retain(|it| &*it.name != ".git" && !self.ignored.contains(&folder.child(&it.name)));
        Ok(entries)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.folder.kind(path)
    }
}
