//! The files of a workspace in an editor: read once, with unsaved texts on top of those on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::layout::{BASE, ENVIRONMENT};
use crate::load::environment_folder;
use crate::tree::{Entry, EntryKind, Files, FilesError, Tree, TreePath};

/// The results of reading, by path.
type Results<T> = Mutex<BTreeMap<TreePath, Result<T, FilesError>>>;

/// Files that are cached until they are reported as changed.
pub struct CachedFiles {
    files: Arc<dyn Files + Send + Sync>,
    bytes: Results<Arc<[u8]>>,
    lists: Results<Vec<Entry>>,
    kinds: Results<Option<EntryKind>>,
    real: Results<TreePath>,
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
            forget(&self.bytes, &path);
            forget(&self.lists, &path);
            forget(&self.kinds, &path);
            forget(&self.real, &path);
            location = path.parent();
        }
    }
}

fn forget<T>(cache: &Results<T>, path: &TreePath) {
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    cache.remove(path);
}

/// The cached result for a path, or otherwise that of `read`, which is then cached. `read` runs without the lock.
fn cached<T: Clone>(
    cache: &Results<T>,
    path: &TreePath,
    read: impl FnOnce() -> Result<T, FilesError>,
) -> Result<T, FilesError> {
    let results = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(result) = results.get(path) {
        return result.clone();
    }
    drop(results);
    let result = read();
    let mut results = cache.lock().unwrap_or_else(PoisonError::into_inner);
    results.insert(path.clone(), result.clone());
    result
}

impl Files for CachedFiles {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        cached(&self.bytes, path, || self.files.read(path))
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        cached(&self.lists, folder, || self.files.list(folder))
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        cached(&self.real, path, || self.files.real(path))
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        cached(&self.kinds, path, || self.files.kind(path))
    }
}

/// The files on disk, with the unsaved texts on top.
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
        match (self.disk.list(folder), self.open.list(folder)) {
            (on_disk, Err(_)) => on_disk,
            (Err(_), open) => open,
            (Ok(mut entries), Ok(open)) => {
                for entry in open {
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

/// Files with only some of the claim files, so that the time of a check does not depend on the others.
pub(super) struct SelectedFiles<'a> {
    files: &'a dyn Files,
    folder: TreePath,
    selected: &'a BTreeSet<TreePath>,
}

impl<'a> SelectedFiles<'a> {
    /// Files in which only the selected claim files are visible.
    pub(super) fn new(files: &'a dyn Files, selected: &'a BTreeSet<TreePath>) -> SelectedFiles<'a> {
        let (base, _) = environment_folder(BASE);
        let folder = base.parent().unwrap_or(base);
        SelectedFiles {
            files,
            folder,
            selected,
        }
    }

    fn is_visible(&self, path: &TreePath) -> bool {
        let Some(below) = path.below(&self.folder) else {
            return true;
        };
        let parts: Vec<&str> = below.parts().collect();
        // `environment.yaml` is always visible.
        parts.len() < 2
            || parts.len() == 2 && parts[1] == ENVIRONMENT
            || self.selected.contains(path)
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
                    EntryKind::File => self.is_visible(&path),
                    EntryKind::Folder => {
                        let is_environment = path.parent().as_ref() == Some(&self.folder);
                        is_environment || self.selected.iter().any(|it| it.below(&path).is_some())
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
