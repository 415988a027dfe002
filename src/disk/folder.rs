//! A folder on disk as [`Files`].

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::tree::{Entry, EntryKind, Files, FilesError, TreePath, Unlisted};

use super::error::{DiskError, reason};
use super::git::NotCheckedOut;
use super::{FILE_BYTES_MAX, too_large};

/// A folder on disk. Reading is confined to it: a link that leads outside is an error.
///
/// Only files and folders are listed. Names that are not valid UTF-8 are not listed, nor are links that lead back to a parent
/// folder, so that a walk always ends: [`Files::unlisted`] records these.
pub struct Folder {
    root: PathBuf,
    /// The real paths of folders. Links are followed once per folder, not once per file.
    real: RwLock<BTreeMap<TreePath, Result<PathBuf, FilesError>>>,
    /// The entries of listed folders that are not links, by name. The system has returned their type with the list.
    plain: RwLock<BTreeMap<TreePath, Vec<Entry>>>,
    unlisted: Mutex<BTreeMap<TreePath, Unlisted>>,
    /// The tracked files that a sparse checkout leaves out.
    not_checked_out: Option<NotCheckedOut>,
}

impl Folder {
    /// Opens a folder for reading, and resolves links in its own path.
    pub fn open(path: &Path) -> Result<Folder, DiskError> {
        let root = fs::canonicalize(path).map_err(DiskError::when("open", path))?;
        if !root.is_dir() {
            return Err(DiskError::when("open", path)(
                io::ErrorKind::NotADirectory.into(),
            ));
        }
        Ok(Folder {
            root,
            real: RwLock::default(),
            plain: RwLock::default(),
            unlisted: Mutex::default(),
            not_checked_out: None,
        })
    }

    /// The folder, with tracked files that are not checked out.
    pub(super) fn with_not_checked_out(self, files: NotCheckedOut) -> Folder {
        Folder {
            not_checked_out: Some(files),
            ..self
        }
    }

    /// Whether some of its files are not on disk but in Git's index.
    pub fn is_partial(&self) -> bool {
        self.not_checked_out.is_some()
    }

    /// The result for a path that does not exist on disk, from the files that are not checked out.
    fn or_in_index<T>(
        &self,
        found: Result<T, FilesError>,
        from_index: impl Fn(&NotCheckedOut) -> Option<Result<T, FilesError>>,
    ) -> Result<T, FilesError> {
        match (found, &self.not_checked_out) {
            (Err(FilesError::NotFound), Some(files)) => {
                from_index(files).unwrap_or(Err(FilesError::NotFound))
            }
            (found, _) => found,
        }
    }

    /// The folder itself, absolute and without links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path on disk of a path in this folder.
    pub fn locate(&self, path: &TreePath) -> PathBuf {
        let mut full = self.root.clone();
        full.extend(path.parts());
        full
    }

    /// The real path of a folder that was used before.
    fn known_folder(&self, path: &TreePath) -> Option<Result<PathBuf, FilesError>> {
        let known = self.real.read().unwrap_or_else(PoisonError::into_inner);
        known.get(path).cloned()
    }

    /// The real path of a folder.
    fn folder(&self, path: &TreePath) -> Result<PathBuf, FilesError> {
        if let Some(found) = self.known_folder(path) {
            return found;
        }
        let found = self.entry(path).and_then(|(real, metadata)| {
            let kind = metadata.is_dir().then_some(real);
            kind.ok_or(FilesError::NotAFolder)
        });
        let mut known = self.real.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.clone(), found.clone());
        found
    }

    /// The real path of an entry, and its metadata.
    fn entry(&self, path: &TreePath) -> Result<(PathBuf, fs::Metadata), FilesError> {
        let Some(parent) = path.parent() else {
            let metadata = fs::metadata(&self.root).map_err(files_error)?;
            return Ok((self.root.clone(), metadata));
        };
        let parent = self.folder(&parent).map_err(|error| match error {
            FilesError::NotAFolder => FilesError::NotFound,
            error => error,
        })?;
        let full_path = parent.join(path.name());
        let metadata = fs::symlink_metadata(&full_path).map_err(files_error)?;
        if !metadata.is_symlink() {
            return Ok((full_path, metadata));
        }
        let full_path = fs::canonicalize(&full_path).map_err(link_error)?;
        if !full_path.starts_with(&self.root) {
            return Err(FilesError::Outside);
        }
        let metadata = fs::metadata(&full_path).map_err(files_error)?;
        Ok((full_path, metadata))
    }

    /// The kind of an entry that was listed and is not a link.
    fn plain(&self, path: &TreePath) -> Option<EntryKind> {
        let parent = path.parent()?;
        let plain = self.plain.read().unwrap_or_else(PoisonError::into_inner);
        let entries = plain.get(&parent)?;
        let at = entries.binary_search_by(|it| (*it.name).cmp(path.name()));
        entries.get(at.ok()?).map(|it| it.kind)
    }

    /// The kind and the real path of an entry that was listed and is not a link.
    fn plain_path(&self, path: &TreePath) -> Option<(EntryKind, PathBuf)> {
        let kind = self.plain(path)?;
        let parent = self.known_folder(&path.parent()?)?.ok()?;
        Some((kind, parent.join(path.name())))
    }

    /// Opens a file for reading.
    fn open_file(&self, path: &TreePath) -> Result<(fs::File, fs::Metadata), FilesError> {
        if let Some((EntryKind::File, full_path)) = self.plain_path(path)
            && let Some(file) = open_unless_link(&full_path)
        {
            let metadata = file.metadata().map_err(files_error)?;
            return Ok((file, metadata));
        }
        let (full_path, metadata) = self.entry(path)?;
        if metadata.is_dir() {
            return Err(FilesError::NotAFile);
        }
        // Opening a pipe would wait forever.
        if !metadata.is_file() {
            return Err(FilesError::Other("this is not a regular file".to_string()));
        }
        let file = fs::File::open(full_path).map_err(files_error)?;
        Ok((file, metadata))
    }

    /// Whether a link leads to one of its parent folders.
    fn links_to_parent(&self, folder: &TreePath, link: &Path) -> bool {
        let Ok(target) = fs::canonicalize(link) else {
            return false;
        };
        let mut parents = std::iter::successors(Some(folder.clone()), TreePath::parent);
        parents.any(|it| self.folder(&it).is_ok_and(|real| real == target))
    }

    fn record_unlisted(&self, path: TreePath, why: Unlisted) {
        let mut unlisted = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        unlisted.insert(path, why);
    }

    /// An entry of a folder, with links followed; `None` if it is not listed.
    fn listed(&self, folder: &TreePath, entry: &fs::DirEntry) -> Option<Entry> {
        let name = match entry.file_name().into_string() {
            Ok(name) => name,
            Err(name) => {
                self.record_unlisted(folder.child(&name.to_string_lossy()), Unlisted::NotUtf8);
                return None;
            }
        };
        let kind = entry.file_type().ok()?;
        let kind = match kind {
            kind if kind.is_dir() => EntryKind::Folder,
            kind if kind.is_file() => EntryKind::File,
            kind if kind.is_symlink() => match fs::metadata(entry.path()) {
                Ok(target) if target.is_dir() && self.links_to_parent(folder, &entry.path()) => {
                    self.record_unlisted(folder.child(&name), Unlisted::Cycle);
                    return None;
                }
                Ok(target) if !target.is_dir() => EntryKind::File,
                // This includes broken links: callers may skip a file, but none skips a folder that it cannot list.
                _ => EntryKind::Folder,
            },
            _ => return None,
        };
        Some(Entry {
            name: name.into(),
            kind,
        })
    }
}

impl Folder {
    fn read_from_disk(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        let (file, metadata) = self.open_file(path)?;
        if metadata.len() > FILE_BYTES_MAX {
            return Err(too_large());
        }
        // A file may grow meanwhile, and some files report a size of 0 although they have content.
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
        let mut limited = file.take(FILE_BYTES_MAX + 1);
        limited.read_to_end(&mut bytes).map_err(files_error)?;
        match bytes.len() as u64 > FILE_BYTES_MAX {
            true => Err(too_large()),
            false => Ok(bytes.into()),
        }
    }

    fn real_on_disk(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        let full_path = match self.known_folder(path) {
            Some(Ok(folder)) => folder,
            _ => match self.plain_path(path) {
                Some((_, full_path)) => full_path,
                None => self.entry(path)?.0,
            },
        };
        let below = full_path
            .strip_prefix(&self.root)
            .ok()
            .and_then(Path::to_str);
        below.and_then(TreePath::new).ok_or(FilesError::Outside)
    }

    fn list_on_disk(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let (mut entries, mut plain) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(self.folder(folder)?).map_err(files_error)? {
            let entry = entry.map_err(files_error)?;
            let is_link = entry.file_type().is_ok_and(|it| it.is_symlink());
            if let Some(found) = self.listed(folder, &entry) {
                if !is_link {
                    plain.push(found.clone());
                }
                entries.push(found);
            }
        }
        let by_name = |a: &Entry, b: &Entry| a.name.cmp(&b.name);
        entries.sort_by(by_name);
        plain.sort_by(by_name);
        let mut known = self.plain.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(folder.clone(), plain);
        Ok(entries)
    }

    fn kind_on_disk(&self, path: &TreePath) -> Result<EntryKind, FilesError> {
        if let Some(kind) = self.plain(path) {
            return Ok(kind);
        }
        match self.entry(path) {
            Ok((_, metadata)) if metadata.is_dir() => Ok(EntryKind::Folder),
            Ok(_) => Ok(EntryKind::File),
            Err(error) => Err(error),
        }
    }
}

impl Files for Folder {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        self.or_in_index(self.read_from_disk(path), |it| it.read(path))
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        let unlisted = self.unlisted.lock();
        unlisted.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.or_in_index(self.real_on_disk(path), |it| it.real(path))
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let on_disk = self.list_on_disk(folder);
        let more = self.not_checked_out.as_ref();
        let Some(more) = more.and_then(|it| it.list(folder)).transpose()? else {
            return on_disk;
        };
        let mut entries = match on_disk {
            Err(FilesError::NotFound) => Vec::new(),
            on_disk => on_disk?,
        };
        for entry in more {
            if let Err(at) = entries.binary_search_by(|it| it.name.cmp(&entry.name)) {
                entries.insert(at, entry);
            }
        }
        Ok(entries)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        let on_disk = self.kind_on_disk(path).map(Some);
        match self.or_in_index(on_disk, |it| it.kind(path)) {
            Err(FilesError::NotFound) => Ok(None),
            kind => kind,
        }
    }
}

/// A file, unless it has been removed or replaced by a link.
#[cfg(unix)]
fn open_unless_link(path: &Path) -> Option<fs::File> {
    use rustix::fs::{Mode, OFlags, open};
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    open(path, flags, Mode::empty()).ok().map(fs::File::from)
}

#[cfg(not(unix))]
fn open_unless_link(_: &Path) -> Option<fs::File> {
    None
}

/// The error for a link that cannot be followed.
fn link_error(error: io::Error) -> FilesError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => files_error(error),
        // The target does not exist, or the link leads through a file or is part of a cycle.
        _ => FilesError::BrokenLink,
    }
}

fn files_error(error: io::Error) -> FilesError {
    match error.kind() {
        io::ErrorKind::NotFound => FilesError::NotFound,
        // The path goes through a file as if it were a folder.
        io::ErrorKind::NotADirectory => FilesError::NotFound,
        _ => FilesError::Other(reason(&error)),
    }
}
