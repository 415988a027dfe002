//! The files of a workspace in an editor: read once, with unsaved texts on top of those on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::layout::{BASE, ENVIRONMENT};
use crate::load::environment_folder;
use crate::tree::{Entry, EntryKind, Files, FilesError, Tree, TreePath};

type Known<T> = Mutex<BTreeMap<TreePath, Result<T, FilesError>>>;

/// Files that are cached until they are reported as changed.
pub struct CachedFiles {
    files: Arc<dyn Files + Send + Sync>,
    bytes: Known<Arc<[u8]>>,
    lists: Known<Vec<Entry>>,
    kinds: Known<Option<EntryKind>>,
    real: Known<TreePath>,
}

impl CachedFiles {
    /// An empty cache of these files.
    pub fn new(files: Arc<dyn Files + Send + Sync>) -> CachedFiles {
        CachedFiles {
            files,
            bytes: Mutex::default(),
            lists: Mutex::default(),
            kinds: Mutex::default(),
            real: Mutex::default(),
        }
    }

    /// The same files with an empty cache.
    pub fn with_empty_cache(&self) -> CachedFiles {
        CachedFiles::new(self.files.clone())
    }

    /// Removes a path, and the folders above it, from the cache.
    pub fn invalidate(&self, path: &TreePath) {
        let mut location = Some(path.clone());
        while let Some(path) = location {
            take(&self.bytes, &path);
            take(&self.lists, &path);
            take(&self.kinds, &path);
            take(&self.real, &path);
            location = path.parent();
        }
    }
}

fn take<T>(known: &Known<T>, path: &TreePath) {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.remove(path);
}

fn known<T: Clone>(
    known: &Known<T>,
    path: &TreePath,
    find: impl FnOnce() -> Result<T, FilesError>,
) -> Result<T, FilesError> {
    let lock = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = lock.get(path) {
        return found.clone();
    }
    drop(lock);
    let found = find();
    let mut lock = known.lock().unwrap_or_else(PoisonError::into_inner);
    lock.insert(path.clone(), found.clone());
    found
}

impl Files for CachedFiles {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        known(&self.bytes, path, || self.files.read(path))
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        known(&self.lists, folder, || self.files.list(folder))
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        known(&self.real, path, || self.files.real(path))
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        known(&self.kinds, path, || self.files.kind(path))
    }
}

/// A snapshot of the files: those on disk with the unsaved texts on top.
#[derive(Clone)]
pub struct Snapshot {
    /// The files on disk.
    pub disk: Arc<CachedFiles>,
    /// The texts that are open in the editor.
    pub open: Tree,
}

impl Files for Snapshot {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.open.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            None => self.disk.read(path),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let (below, own) = (self.disk.list(folder), self.open.list(folder));
        match (below, own) {
            (below, Err(_)) => below,
            (Err(_), own) => own,
            (Ok(mut entries), Ok(own)) => {
                for entry in own {
                    if let Err(at) = entries.binary_search_by(|it| it.name.cmp(&entry.name)) {
                        entries.insert(at, entry);
                    }
                }
                Ok(entries)
            }
        }
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        match self.disk.real(path) {
            Err(_) if self.open.get(path).is_some() => Ok(path.clone()),
            found => found,
        }
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        match self.open.kind(path) {
            Ok(Some(kind)) => Ok(Some(kind)),
            _ => self.disk.kind(path),
        }
    }
}

/// Files with only some of the claim files, so that the time of a run does not depend on the others.
pub(super) struct SelectedFiles<'a> {
    files: &'a dyn Files,
    folder: TreePath,
    kept: &'a BTreeSet<TreePath>,
}

impl<'a> SelectedFiles<'a> {
    /// Only these claim files are visible.
    pub(super) fn new(files: &'a dyn Files, kept: &'a BTreeSet<TreePath>) -> SelectedFiles<'a> {
        let (base, _) = environment_folder(BASE);
        let folder = base.parent().unwrap_or(base);
        SelectedFiles {
            files,
            folder,
            kept,
        }
    }

    fn is_kept(&self, path: &TreePath) -> bool {
        let Some(below) = path.below(&self.folder) else {
            return true;
        };
        let parts: Vec<&str> = below.parts().collect();
        // The environment's own file is in its folder.
        parts.len() < 2 || parts.len() == 2 && parts[1] == ENVIRONMENT || self.kept.contains(path)
    }
}

impl Files for SelectedFiles<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        self.files.read(path)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let mut entries = self.files.list(folder)?;
        if folder.below(&self.folder).is_some() {
            entries.retain(|it| {
                let path = folder.child(&it.name);
                match it.kind {
                    EntryKind::File => self.is_kept(&path),
                    EntryKind::Folder => {
                        let is_environment = path.parent().as_ref() == Some(&self.folder);
                        is_environment || self.kept.iter().any(|it| it.below(&path).is_some())
                    }
                }
            });
        }
        Ok(entries)
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.files.real(path)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.files.kind(path)
    }
}
