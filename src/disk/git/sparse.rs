//! Tracked files that are not checked out, in a sparse checkout: their content is in the index.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::{command, output};
use super::{Repository, Revision};
use crate::disk::error::DiskError;
use crate::disk::folder::Folder;
use crate::tree::{Below, Entry, EntryKind, Files, FilesError, TreePath};

/// The files below a folder of a work tree that are not checked out.
pub(in crate::disk) struct NotCheckedOut {
    index: Revision,
    /// The folder, below the work tree's top folder.
    folder: TreePath,
    /// Paths below the folder.
    paths: BTreeSet<TreePath>,
}

impl NotCheckedOut {
    /// The part of the index below the folder.
    fn files(&self) -> Below<'_> {
        Below::new(&self.index, self.folder.clone())
    }

    /// Whether a path that does not exist on disk is one of these files, a folder of them, or leads through a link that is one.
    fn has(&self, path: &TreePath) -> bool {
        let mut above = std::iter::successors(Some(path.clone()), TreePath::parent);
        above.any(|it| self.paths.contains(&it)) || self.below(path).next().is_some()
    }

    /// The paths below a folder.
    fn below<'a>(&'a self, folder: &'a TreePath) -> impl Iterator<Item = &'a TreePath> {
        let start = match folder.as_str() {
            "" => folder.clone(),
            _ => folder.child("\0"),
        };
        let range = self.paths.range((Bound::Included(start), Bound::Unbounded));
        range.take_while(move |it| it.below(folder).is_some())
    }

    pub(in crate::disk) fn read(&self, path: &TreePath) -> Option<Result<Arc<[u8]>, FilesError>> {
        self.has(path)
            .then(|| self.files().read(path).map_err(unavailable))
    }

    pub(in crate::disk) fn kind(
        &self,
        path: &TreePath,
    ) -> Option<Result<Option<EntryKind>, FilesError>> {
        self.has(path).then(|| self.files().kind(path))
    }

    pub(in crate::disk) fn real(&self, path: &TreePath) -> Option<Result<TreePath, FilesError>> {
        self.has(path).then(|| self.files().real(path))
    }

    /// The entries of a folder that are not checked out, or that have files that are not.
    pub(in crate::disk) fn list(
        &self,
        folder: &TreePath,
    ) -> Option<Result<Vec<Entry>, FilesError>> {
        if !self.has(folder) {
            return None;
        }
        let entries = self.files().list(folder);
        Some(entries.map(|mut it| {
            it.retain(|entry| self.has(&folder.child(&entry.name)));
            it
        }))
    }
}

/// The error for a file that is neither on disk nor in the object database, such as in a partial clone.
fn unavailable(error: FilesError) -> FilesError {
    match error {
        FilesError::Other(reason) => FilesError::Other(format!(
            "the file is not checked out, and Git cannot read it from the index ({reason}); check it out with `git sparse-checkout add`"
        )),
        error => error,
    }
}

impl Folder {
    /// Opens a folder. If it is in a sparse checkout, tracked files that are not checked out are read from the index, as a commit
    /// keeps them.
    pub fn open_checkout(path: &Path) -> Result<Folder, DiskError> {
        let folder = Folder::open(path)?;
        // Without the pattern file, no process is started.
        let top = folder
            .root()
            .ancestors()
            .find(|it| it.join(".git").exists());
        if top.is_some_and(is_sparse) {
            return folder.in_checkout(&Repository::find(path)?);
        }
        Ok(folder)
    }

    /// Lets a folder read files that are not checked out.
    pub(in crate::disk) fn in_checkout(self, repository: &Repository) -> Result<Folder, DiskError> {
        if !is_sparse(repository.root()) {
            return Ok(self);
        }
        let below = self.root().strip_prefix(repository.root()).ok();
        let Some(folder) = below.and_then(Path::to_str).and_then(TreePath::new) else {
            return Ok(self);
        };
        let skipped = repository.skipped()?;
        let paths: BTreeSet<_> = skipped.iter().filter_map(|it| it.below(&folder)).collect();
        if paths.is_empty() {
            return Ok(self);
        }
        let index = repository.index()?.index;
        Ok(self.with_not_checked_out(NotCheckedOut {
            index,
            folder,
            paths,
        }))
    }
}

impl Repository {
    /// The tracked files with the skip-worktree bit.
    fn skipped(&self) -> Result<Vec<TreePath>, DiskError> {
        let listed = output(
            &self.root,
            command(&self.root).args(["ls-files", "-t", "-z"]),
        )?;
        let text = String::from_utf8_lossy(&listed);
        // `S <path>`; other letters are for files that are checked out.
        let paths = text.split('\0').filter_map(|it| it.strip_prefix("S "));
        Ok(paths.filter_map(TreePath::new).collect())
    }
}

/// Whether a work tree has, or had, patterns for a sparse checkout.
fn is_sparse(top: &Path) -> bool {
    git_folder(top).is_some_and(|it| it.join("info/sparse-checkout").exists())
}

/// The Git folder of a work tree. In linked work trees and submodules, `.git` is a file that names it.
fn git_folder(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(git).ok()?;
    Some(top.join(text.strip_prefix("gitdir:")?.trim()))
}
