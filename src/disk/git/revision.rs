//! The files of one revision.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::id::Id;
use super::objects::Objects;
use super::tree_object::{self, Mode, TreeEntry};
use crate::disk::{FOLDERS_MAX, PATH_BYTES_MAX};
use crate::tree::{Changes, Entry, EntryKind, Files, FilesError, TreePath, Unlisted};

/// The maximum length of a chain of links.
const LINKS_MAX: usize = 40;

/// The files of one revision. Symbolic links are followed if they stay inside the repository. The files of submodules are read if they
/// are checked out.
pub struct Revision {
    pub(super) objects: Arc<Objects>,
    pub(super) root: Id,
    /// The folders found so far, by path: their real paths and their trees.
    folders: Mutex<BTreeMap<TreePath, (TreePath, Id)>>,
    unlisted: Mutex<BTreeMap<TreePath, Unlisted>>,
    /// The number of listed folders.
    listed_folders: AtomicUsize,
    /// The trees parsed so far, and those built from the index, which are not stored as objects.
    pub(super) trees: Mutex<BTreeMap<Id, Arc<[TreeEntry]>>>,
    pub(super) has_submodules: OnceLock<bool>,
    /// The submodules that were read; `None` for one that is not available.
    pub(super) submodules: Mutex<BTreeMap<TreePath, Option<Arc<Revision>>>>,
}

impl Revision {
    pub(super) fn new(objects: Arc<Objects>, root: Id) -> Revision {
        Revision {
            objects,
            folders: Mutex::new(BTreeMap::from([(
                TreePath::root(),
                (TreePath::root(), root),
            )])),
            unlisted: Mutex::default(),
            root,
            listed_folders: AtomicUsize::new(0),
            trees: Mutex::default(),
            has_submodules: OnceLock::new(),
            submodules: Mutex::default(),
        }
    }

    pub(super) fn object(&self, id: &Id) -> Result<Arc<[u8]>, FilesError> {
        let read = self.objects.read(id);
        read.map_err(|it| FilesError::Other(it.source.to_string()))
    }

    /// Whether a tree contains a folder or a symbolic link. Searches for their modes instead of parsing each entry.
    pub(super) fn has_more_than_files(&self, id: &Id) -> Result<bool, FilesError> {
        let trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = trees.get(id) {
            return Ok(entries
                .iter()
                .any(|it| !matches!(it.mode, Mode::File | Mode::Submodule)));
        }
        drop(trees);
        let bytes = self.object(id)?;
        let modes = [&b"40000 "[..], b"120000 "];
        Ok(modes
            .iter()
            .any(|it| memchr::memmem::find(&bytes, it).is_some()))
    }

    /// The entries of a tree, sorted by name. Links are not followed.
    pub(super) fn tree(&self, id: &Id) -> Result<Arc<[TreeEntry]>, FilesError> {
        let cached = |trees: &BTreeMap<Id, Arc<[TreeEntry]>>| trees.get(id).cloned();
        if let Some(entries) = cached(&self.trees.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(entries);
        }
        let entries = tree_object::parse(&self.object(id)?, id.digest().len());
        let entries = entries.ok_or_else(|| {
            let message = format!("the tree {id} is corrupt: it contains an invalid file name");
            FilesError::Other(self.objects.damage_error(&message).source.to_string())
        })?;
        let entries: Arc<[TreeEntry]> = entries.into();
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        trees.insert(*id, entries.clone());
        Ok(entries)
    }

    /// The entry with a name in a tree.
    pub(super) fn tree_entry(&self, id: &Id, name: &str) -> Result<Option<TreeEntry>, FilesError> {
        let find = |entries: &[TreeEntry]| {
            let entry = entries.get(entries.partition_point(|it| *it.name < *name));
            entry.filter(|it| *it.name == *name).cloned()
        };
        let trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = trees.get(id) {
            return Ok(find(entries));
        }
        drop(trees);
        let bytes = self.object(id)?;
        let layout = self.objects.layout(id, &bytes);
        match layout.and_then(|it| it.find(&bytes, name)) {
            Some(entry) => Ok(entry),
            None => Ok(find(&self.tree(id)?)),
        }
    }

    /// The real path of a folder, and its tree. `links` is the number of links followed so far.
    fn folder(&self, path: &TreePath, links: usize) -> Result<(TreePath, Id), FilesError> {
        let cached = |folders: &BTreeMap<TreePath, (TreePath, Id)>| folders.get(path).cloned();
        if let Some(found) = cached(&self.folders.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(found);
        }
        match self.find(path, links)? {
            (EntryKind::Folder, real, id) => {
                let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
                folders.insert(path.clone(), (real.clone(), id));
                Ok((real, id))
            }
            (EntryKind::File, ..) => Err(FilesError::NotAFolder),
        }
    }

    /// The kind, the real path and the object of the entry at a path. `links` is the number of links followed so far.
    fn find(&self, path: &TreePath, links: usize) -> Result<(EntryKind, TreePath, Id), FilesError> {
        if path.as_str().len() > PATH_BYTES_MAX {
            let message = format!("a link leads to a path of more than {PATH_BYTES_MAX} bytes");
            return Err(FilesError::Other(message));
        }
        let Some(parent) = path.parent() else {
            return Ok((EntryKind::Folder, TreePath::root(), self.root));
        };
        let (parent, id) = match self.folder(&parent, links) {
            Err(FilesError::NotAFolder) => return Err(FilesError::NotFound),
            folder => folder?,
        };
        let name = path.name();
        let entry = self.tree_entry(&id, name)?;
        let entry = entry.ok_or(FilesError::NotFound)?;
        match entry.mode {
            Mode::File => Ok((EntryKind::File, parent.child(name), entry.id)),
            Mode::Folder => Ok((EntryKind::Folder, parent.child(name), entry.id)),
            Mode::Submodule => Err(FilesError::NotFound),
            Mode::NotUtf8 => Err(FilesError::Other("its name is not valid UTF-8".to_string())),
            Mode::Link if links == LINKS_MAX => Err(FilesError::BrokenLink),
            Mode::Link => {
                let target = self.object(&entry.id)?;
                let target = str::from_utf8(&target)
                    .ok()
                    .and_then(|it| parent.resolve(it));
                let found = self.find(&target.ok_or(FilesError::Outside)?, links + 1);
                found.map_err(|it| match it {
                    FilesError::NotFound => FilesError::BrokenLink,
                    error => error,
                })
            }
        }
    }

    fn record_unlisted(&self, path: TreePath, why: Unlisted) {
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        unlisted.insert(path, why);
    }

    /// The listed form of a tree entry. `None` for a submodule that is not available, for a name that is not valid UTF-8, and for a link that leads back
    /// to a parent folder, which would make a walk endless.
    fn listed_entry(&self, folder: &TreePath, entry: &TreeEntry) -> Option<Entry> {
        let kind = match entry.mode {
            Mode::File => EntryKind::File,
            Mode::Folder => EntryKind::Folder,
            Mode::Submodule if !self.has_submodules() => return None,
            Mode::Submodule => {
                let path = folder.child(&entry.name);
                if self.submodule(&path, entry).is_none() {
                    self.record_unlisted(path, Unlisted::Submodule);
                    return None;
                }
                EntryKind::Folder
            }
            Mode::NotUtf8 => {
                self.record_unlisted(folder.child(&entry.name), Unlisted::NotUtf8);
                return None;
            }
            Mode::Link => match self.find(&folder.child(&entry.name), 0) {
                Ok((EntryKind::Folder, real, _)) => {
                    let mut ancestors =
                        std::iter::successors(Some(folder.clone()), TreePath::parent);
                    if ancestors.any(|it| self.folder(&it, 0).is_ok_and(|it| it.0 == real)) {
                        self.record_unlisted(folder.child(&entry.name), Unlisted::Cycle);
                        return None;
                    }
                    EntryKind::Folder
                }
                // Listed as a folder, because callers may skip a file, but report a folder that they cannot list.
                Err(_) => EntryKind::Folder,
                Ok((EntryKind::File, ..)) => EntryKind::File,
            },
        };
        Some(Entry {
            name: entry.name.clone(),
            kind,
        })
    }
}

impl Files for Revision {
    fn expect(&self, paths: &[TreePath]) {
        let ids = paths.iter().filter_map(|it| Some(self.find(it, 0).ok()?.2));
        let ids: Vec<Id> = ids.collect();
        // An error here occurs again when the entry is read, and is reported then.
        let _ = self.objects.prefetch(&ids);
    }

    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.find(path, 0) {
            Ok((EntryKind::File, _, id)) => self.object(&id),
            Ok((EntryKind::Folder, ..)) => Err(FilesError::NotAFile),
            Err(FilesError::NotFound) => match self.in_submodule(path) {
                Some(inner) => inner.revision()?.read(&inner.rest),
                None => Err(FilesError::NotFound),
            },
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        if self.listed_folders.fetch_add(1, Ordering::Relaxed) >= FOLDERS_MAX {
            let message = format!("more than {FOLDERS_MAX} folders are listed in the revision");
            return Err(FilesError::Other(message));
        }
        let id = match self.folder(folder, 0) {
            Err(FilesError::NotFound) => match self.in_submodule(folder) {
                Some(inner) => return inner.revision()?.list(&inner.rest),
                None => return Err(FilesError::NotFound),
            },
            found => found?.1,
        };
        let tree = self.tree(&id)?;
        let mut entries: Vec<Entry> = tree
            .iter()
            .filter_map(|it| self.listed_entry(folder, it))
            .collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        match self.find(path, 0) {
            Err(FilesError::NotFound) => match self.in_submodule(path) {
                Some(inner) => Ok(inner.at.join(&inner.revision()?.real(&inner.rest)?)),
                None => Err(FilesError::NotFound),
            },
            found => Ok(found?.1),
        }
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        let unlisted = self.unlisted.lock();
        unlisted.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn id(&self, folder: &TreePath) -> Option<String> {
        let (real, id) = self.folder(folder, 0).ok()?;
        // The same tree has other content when a submodule of it becomes available.
        let is_content = !id.digest().is_empty() && !self.has_submodules();
        (real == *folder && is_content).then(|| id.to_string())
    }

    fn since(&self, folder: &TreePath, id: &str) -> Option<Changes> {
        let (real, now) = self.folder(folder, 0).ok()?;
        let is_content = real == *folder && !self.has_submodules();
        let before = Id::parse(id).filter(|_| is_content)?;
        Revision::new(self.objects.clone(), before)
            .changes_to(&Revision::new(self.objects.clone(), now))
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        match self.find(path, 0) {
            Ok((kind, ..)) => Ok(Some(kind)),
            Err(FilesError::NotFound) => match self.in_submodule(path) {
                Some(inner) => match inner.revision() {
                    Ok(revision) => revision.kind(&inner.rest),
                    // As in a work tree in which the submodule is not checked out.
                    Err(_) => {
                        self.record_unlisted(inner.at, Unlisted::Submodule);
                        Ok(None)
                    }
                },
                None => Ok(None),
            },
            Err(error) => Err(error),
        }
    }
}
