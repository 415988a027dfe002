//! The read interface, its errors, and views of other files.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::{Changes, Tree, TreePath};

/// A source of input: a [`Tree`] in memory, a folder on disk, or a Git revision. Confined to one root.
pub trait Files: Sync {
    /// The bytes of a file.
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError>;

    /// The entries of a folder, sorted by name. Dot files are listed like any other.
    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError>;

    /// Announces that these files will be read, so that a slow implementation can fetch them all at once; errors are reported when
    /// they are read.
    fn expect(&self, _paths: &[TreePath]) {}

    /// The real path of a file or folder, with all links resolved.
    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        Ok(path.clone())
    }

    /// The names that were left out of listings so far.
    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        BTreeMap::new()
    }

    /// The files below a folder that may contain one of some words, if there is an index; a few others may be included. If so, all
    /// files below the folder are YAML text with valid names. The result depends on the whole folder, which records of reads do not
    /// show.
    fn files_containing(&self, _folder: &TreePath, _words: &[&str]) -> Option<Vec<TreePath>> {
        None
    }

    /// An identifier of a folder's complete content, if it is available at no cost: folders with the same identifier have the same
    /// content. The folder is not reached by a link.
    fn id(&self, _folder: &TreePath) -> Option<String> {
        None
    }

    /// The differences below a folder from the folder with an identifier, by paths relative to it. `None` if unknown.
    fn since(&self, _folder: &TreePath, _id: &str) -> Option<Changes> {
        None
    }

    /// The type of the entry at a path; `None` if it does not exist.
    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        let Some(parent) = path.parent() else {
            return Ok(Some(EntryKind::Folder));
        };
        match self.list(&parent) {
            Ok(entries) => Ok(entries
                .into_iter()
                .find(|it| *it.name == *path.name())
                .map(|it| it.kind)),
            Err(FilesError::NotFound | FilesError::NotAFolder) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// One name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without the folder.
    pub name: Box<str>,
    /// File or folder; links are followed.
    pub kind: EntryKind,
}

/// The reason why a name is left out of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unlisted {
    /// A link leads back to one of its parent folders.
    Cycle,
    /// The name is not valid UTF-8. Its path has U+FFFD in place of invalid bytes.
    NotUtf8,
    /// It is a Git submodule whose files are not available.
    Submodule,
}

/// The type of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file, or a link to one.
    File,
    /// A folder, or a link to one.
    Folder,
}

/// The reason why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilesError {
    /// The path does not exist.
    NotFound,
    /// A file was requested, but the path is a folder.
    NotAFile,
    /// A folder was requested, but the path is a file.
    NotAFolder,
    /// A link leads out of the root.
    Outside,
    /// A link leads to nothing, or to itself.
    BrokenLink,
    /// Another failure, with the message of the operating system.
    Other(String),
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FilesError::NotFound => "no such file or folder",
            FilesError::NotAFile => "this is a folder, not a file",
            FilesError::NotAFolder => "this is a file, not a folder",
            FilesError::Outside => "a link leads out of the root folder",
            FilesError::BrokenLink => "a link leads to a file or folder that does not exist",
            FilesError::Other(reason) => reason,
        })
    }
}

impl std::error::Error for FilesError {}

impl Files for Tree {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.files.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            None if self.has_folder(path) => Err(FilesError::NotAFile),
            None => Err(FilesError::NotFound),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        if self.files.contains_key(folder) {
            return Err(FilesError::NotAFolder);
        }
        let mut entries: Vec<Entry> = Vec::new();
        for path in self.below(folder) {
            let (name, kind) = match path.as_str().split_once('/') {
                Some((name, _)) => (name, EntryKind::Folder),
                None => (path.as_str(), EntryKind::File),
            };
            entries.push(Entry {
                name: name.into(),
                kind,
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        // A folder occurs once for each file below it; after sorting, these are adjacent.
        entries.dedup();
        // As in Git, there are no empty folders, except the root.
        if entries.is_empty() && *folder != TreePath::root() {
            return Err(FilesError::NotFound);
        }
        Ok(entries)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        if self.files.contains_key(path) {
            return Ok(Some(EntryKind::File));
        }
        Ok(self.has_folder(path).then_some(EntryKind::Folder))
    }
}

impl Tree {
    /// The paths below a folder, relative to it. They are contiguous in the order of paths.
    fn below(&self, folder: &TreePath) -> impl Iterator<Item = TreePath> {
        let start = match folder.as_str() {
            "" => folder.clone(),
            _ => folder.child("\0"),
        };
        let paths = self.files.range(start..).map(|it| it.0.below(folder));
        paths.take_while(Option::is_some).flatten()
    }

    /// Whether there is anything below a path.
    pub(super) fn has_folder(&self, path: &TreePath) -> bool {
        *path == TreePath::root() || self.below(path).next().is_some()
    }
}

/// A folder of other files, with paths relative to it.
pub struct Below<'a> {
    files: &'a dyn Files,
    folder: TreePath,
}

impl<'a> Below<'a> {
    /// Uses a folder as the root.
    pub fn new(files: &'a dyn Files, folder: TreePath) -> Below<'a> {
        Below { files, folder }
    }
}

impl Below<'_> {
    /// A path of the folder as a path of all files. An error if a link leads out of the folder.
    fn confined(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        let full = self.folder.join(path);
        // The root of the files already confines it.
        if self.folder == TreePath::root() {
            return Ok(full);
        }
        // If the path does not exist, a link in its parents may lead out.
        let mut above = Some(path.clone());
        while let Some(path) = above {
            match self.real(&path) {
                Err(FilesError::NotFound) => above = path.parent(),
                // A link that leads outside must be reported as such even if its target does not exist.
                Err(FilesError::Outside) => return Err(FilesError::Outside),
                _ => break,
            }
        }
        Ok(full)
    }
}

impl Files for Below<'_> {
    fn expect(&self, paths: &[TreePath]) {
        let paths: Vec<TreePath> = paths.iter().map(|it| self.folder.join(it)).collect();
        self.files.expect(&paths);
    }

    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        self.files.read(&self.confined(path)?)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        self.files.list(&self.confined(folder)?)
    }

    fn files_containing(&self, folder: &TreePath, words: &[&str]) -> Option<Vec<TreePath>> {
        let found = self
            .files
            .files_containing(&self.folder.join(folder), words)?;
        found.iter().map(|it| it.below(&self.folder)).collect()
    }

    fn id(&self, folder: &TreePath) -> Option<String> {
        self.files.id(&self.folder.join(folder))
    }

    fn since(&self, folder: &TreePath, id: &str) -> Option<Changes> {
        self.files.since(&self.folder.join(folder), id)
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        let real = self.files.real(&self.folder.join(path))?;
        let folder = self.files.real(&self.folder)?;
        match real == folder {
            true => Ok(TreePath::root()),
            false => real.below(&folder).ok_or(FilesError::Outside),
        }
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        let unlisted = self.files.unlisted().into_iter();
        let below = unlisted.filter_map(|it| Some((it.0.below(&self.folder)?, it.1)));
        below.collect()
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.files.kind(&self.confined(path)?)
    }
}

/// Files with some of them changed or added, as after an edit.
pub struct Over<'a> {
    files: &'a dyn Files,
    changed: Tree,
}

impl<'a> Over<'a> {
    /// Adds `changed` on top of `files`.
    pub fn new(files: &'a dyn Files, changed: Tree) -> Over<'a> {
        Over { files, changed }
    }
}

impl Files for Over<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.changed.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            None => self.files.read(path),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        let (below, own) = (self.files.list(folder), self.changed.list(folder));
        let (mut entries, own) = match (below, own) {
            (below, Err(_)) => return below,
            (Err(_), own) => return own,
            (Ok(below), Ok(own)) => (below, own),
        };
        entries.retain(|it| own.iter().all(|own| own.name != it.name));
        entries.extend(own);
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        match self.changed.get(path) {
            Some(_) => Ok(path.clone()),
            None => self.files.real(path),
        }
    }
}

/// Files without one folder.
pub struct Without<'a> {
    files: &'a dyn Files,
    folder: TreePath,
}

impl<'a> Without<'a> {
    /// Removes `folder` from `files`.
    pub fn new(files: &'a dyn Files, folder: TreePath) -> Without<'a> {
        Without { files, folder }
    }

    fn has(&self, path: &TreePath) -> bool {
        *path != self.folder && path.below(&self.folder).is_none()
    }
}

impl Files for Without<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.has(path) {
            true => self.files.read(path),
            false => Err(FilesError::NotFound),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        if !self.has(folder) {
            return Err(FilesError::NotFound);
        }
        let mut entries = self.files.list(folder)?;
        entries.retain(|it| self.has(&folder.child(&it.name)));
        Ok(entries)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.files.real(path)
    }
}
