//! A repository's work tree as [`Files`]: the content of a commit of all files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath, Unlisted};

use super::error::DiskError;
use super::folder::Folder;
use super::git::{Repository, submodule_paths};

/// The work tree's top folder. Ignored files are not listed, but can be read by name. Files that a sparse checkout leaves out are read
/// from the index.
pub struct WorkTree {
    folder: Folder,
    repository: Arc<Repository>,
    ignored: OnceLock<Result<BTreeSet<TreePath>, FilesError>>,
    submodules: Vec<TreePath>,
}

impl WorkTree {
    /// Opens the work tree of a repository.
    pub fn open(repository: &Arc<Repository>) -> Result<WorkTree, DiskError> {
        Ok(WorkTree {
            folder: Folder::open(repository.root())?.in_checkout(repository)?,
            repository: repository.clone(),
            ignored: OnceLock::new(),
            submodules: submodule_paths(repository.root()),
        })
    }

    fn ignored(&self) -> Result<&BTreeSet<TreePath>, FilesError> {
        let ask = || self.repository.ignored();
        let ignored = self
            .ignored
            .get_or_init(|| ask().map_err(|it| FilesError::Other(it.to_string())));
        ignored.as_ref().map_err(FilesError::clone)
    }

    /// Whether an entry is a separate repository, whose files are not part of a commit, and not a submodule.
    fn is_repository(&self, entry: &Entry, path: &TreePath) -> bool {
        let git = path.child(".git");
        entry.kind == EntryKind::Folder
            && matches!(self.folder.kind(&git), Ok(Some(_)))
            && !self.submodules.contains(path)
    }

    /// The folder on disk.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }
}

impl Files for WorkTree {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        self.folder.read(path)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let (mut entries, ignored) = (self.folder.list(folder)?, self.ignored()?);
        entries.retain(|it| {
            let path = folder.child(&it.name);
            &*it.name != ".git" && !ignored.contains(&path) && !self.is_repository(it, &path)
        });
        Ok(entries)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.folder.unlisted()
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.folder.real(path)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.folder.kind(path)
    }
}
