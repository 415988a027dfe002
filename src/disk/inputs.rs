//! The inputs of a run, kept for a later one: what has changed since, and what it was before.
//!
//! If stat data show that an input is unchanged, it is not read again: its bytes are stored here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Folder;
use super::store_private;
use crate::tree::{Changes, Entry, EntryKind, Files, FilesError, ReadSet, TreePath, Unlisted};

/// The first bytes of the file. Another version's is not read.
const HEAD: &[u8] = b"pleach inputs 1\n";

/// The bytes of a larger file are not kept, and this is also the limit for all files together: charts are large and rarely change.
const FILE_BYTES_MAX: usize = 256 << 10;
const BYTES_MAX: usize = 64 << 20;

/// What a run has read.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The bytes of all files, one after the other.
    text: Vec<u8>,
    files: BTreeMap<TreePath, Known>,
    folders: BTreeMap<TreePath, Vec<Entry>>,
}

/// What was at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    Folder,
    /// A file, and where its bytes are in the text.
    File(Range<usize>),
    /// A file of which no bytes are kept.
    Large,
}

impl Inputs {
    /// What a run has read, read once more. `None` where something can't be read, or is too much to keep.
    pub fn of(files: &Folder, read: &ReadSet) -> Option<Inputs> {
        let mut inputs = Inputs::default();
        inputs.add(files, read)?;
        Some(inputs)
    }

    /// Adds what is not known yet.
    fn add(&mut self, files: &Folder, read: &ReadSet) -> Option<()> {
        for path in &read.files {
            if !self.files.contains_key(path) {
                self.look(files, path)?;
            }
        }
        for folder in &read.folders {
            if !self.folders.contains_key(folder) {
                self.list(files, folder)?;
            }
        }
        Some(())
    }

    fn look(&mut self, files: &Folder, path: &TreePath) -> Option<()> {
        let known = match files.kind(path).ok()? {
            None => Known::Nothing,
            Some(EntryKind::Folder) => Known::Folder,
            Some(EntryKind::File) => self.keep(&files.read(path).ok()?)?,
        };
        self.files.insert(path.clone(), known);
        Some(())
    }

    fn keep(&mut self, bytes: &[u8]) -> Option<Known> {
        if bytes.len() > FILE_BYTES_MAX {
            return Some(Known::Large);
        }
        let start = self.text.len();
        self.text.extend_from_slice(bytes);
        (self.text.len() <= BYTES_MAX).then_some(Known::File(start..self.text.len()))
    }

    /// A folder that is not there has no entry among the folders: its path says so.
    fn list(&mut self, files: &Folder, folder: &TreePath) -> Option<()> {
        match files.list(folder) {
            Ok(entries) => drop(self.folders.insert(folder.clone(), entries)),
            Err(FilesError::NotFound) => drop(self.files.insert(folder.clone(), Known::Nothing)),
            Err(_) => return None,
        }
        Some(())
    }

    /// The inputs as they are now, and what has changed. `changed` are the paths whose stat data are not as they were. `None` where
    /// folders come or go, and where a large file changes.
    pub fn now(&self, files: &Folder, changed: &BTreeSet<TreePath>) -> Option<(Inputs, Changes)> {
        let (mut now, mut changes) = (self.clone(), Changes::new());
        for path in changed {
            if self.files.contains_key(path) {
                now.look(files, path)?;
                self.compare(&now, path, &mut changes)?;
            }
            let Some(before) = self.folders.get(path) else {
                continue;
            };
            now.list(files, path)?;
            let after = now.folders.get(path)?;
            let gone = before.iter().filter(|it| !after.contains(it));
            let come = after.iter().filter(|it| !before.contains(it));
            let differing: Vec<Entry> = gone.chain(come).cloned().collect();
            for entry in differing {
                if entry.kind == EntryKind::Folder {
                    return None;
                }
                let inner = path.child(&entry.name);
                now.look(files, &inner)?;
                changes.mention(&inner);
            }
        }
        // A name that cannot be read changes no list, and only a run of the whole workspace reports it.
        files.unlisted().is_empty().then_some((now, changes))
    }

    fn compare(&self, now: &Inputs, path: &TreePath, changes: &mut Changes) -> Option<()> {
        match (self.files.get(path)?, now.files.get(path)?) {
            (Known::File(before), Known::File(after)) => {
                if self.text.get(before.clone()) != now.text.get(after.clone()) {
                    changes.change(path);
                }
            }
            (Known::Nothing, Known::Nothing) | (Known::Folder, Known::Folder) => {}
            (Known::Nothing, Known::File(_)) | (Known::File(_), Known::Nothing) => {
                changes.mention(path);
            }
            _ => return None,
        }
        Some(())
    }

    /// The paths and folders that are known.
    pub fn paths(&self) -> impl Iterator<Item = &TreePath> {
        self.files.keys().chain(self.folders.keys())
    }

    /// Adds what a later run has read besides.
    pub fn with(mut self, files: &Folder, read: &ReadSet) -> Option<Inputs> {
        self.add(files, read)?;
        Some(self)
    }

    /// Whether any file holds a text.
    pub fn has_text(&self, text: &str) -> bool {
        memchr::memmem::find(&self.text, text.as_bytes()).is_some()
    }

    /// Writes them to a file. `id` names the run that they belong to.
    pub fn store(&self, file: &Path, id: &str) -> Option<()> {
        let mut bytes = Vec::with_capacity(self.text.len() + 64 * self.files.len());
        bytes.extend_from_slice(HEAD);
        let mut writer = Writer(&mut bytes);
        writer.text(id.as_bytes())?;
        writer.number(self.files.len())?;
        for (path, known) in &self.files {
            writer.text(path.as_str().as_bytes())?;
            match known {
                Known::Nothing => writer.0.push(b'-'),
                Known::Folder => writer.0.push(b'd'),
                Known::Large => writer.0.push(b'l'),
                Known::File(range) => {
                    writer.0.push(b'f');
                    writer.text(self.text.get(range.clone())?)?;
                }
            }
        }
        writer.number(self.folders.len())?;
        for (path, entries) in &self.folders {
            writer.text(path.as_str().as_bytes())?;
            writer.number(entries.len())?;
            for entry in entries {
                let is_folder = entry.kind == EntryKind::Folder;
                writer.0.push(if is_folder { b'd' } else { b'f' });
                writer.text(entry.name.as_bytes())?;
            }
        }
        writer.0.extend_from_slice(HEAD);
        store_private(file, &bytes).ok()
    }

    /// Reads them; `None` where they are of another run, or not whole.
    #[allow(clippy::disallowed_methods, reason = "a file of the cache")]
    pub fn load(file: &Path, id: &str) -> Option<Inputs> {
        let bytes = std::fs::read(file).ok()?;
        let body = bytes.strip_prefix(HEAD)?.strip_suffix(HEAD)?;
        let start = HEAD.len();
        let mut reader = Reader { bytes: body, at: 0 };
        if reader.text()? != id {
            return None;
        }
        let mut inputs = Inputs::default();
        for _ in 0..reader.number()? {
            let path = TreePath::new(reader.text()?)?;
            let known = match reader.byte()? {
                b'-' => Known::Nothing,
                b'd' => Known::Folder,
                b'l' => Known::Large,
                b'f' => {
                    let range = reader.range()?;
                    Known::File(start + range.start..start + range.end)
                }
                _ => return None,
            };
            inputs.files.insert(path, known);
        }
        for _ in 0..reader.number()? {
            let path = TreePath::new(reader.text()?)?;
            let mut entries = Vec::new();
            for _ in 0..reader.number()? {
                let kind = match reader.byte()? {
                    b'd' => EntryKind::Folder,
                    _ => EntryKind::File,
                };
                let name = reader.text()?.into();
                entries.push(Entry { name, kind });
            }
            inputs.folders.insert(path, entries);
        }
        let is_whole = reader.at == body.len();
        inputs.text = bytes;
        is_whole.then_some(inputs)
    }
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn number(&mut self, number: usize) -> Option<()> {
        let number = u32::try_from(number).ok()?;
        self.0.extend_from_slice(&number.to_le_bytes());
        Some(())
    }

    fn text(&mut self, text: &[u8]) -> Option<()> {
        self.number(text.len())?;
        self.0.extend_from_slice(text);
        Some(())
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn number(&mut self) -> Option<usize> {
        let bytes = self.bytes.get(self.at..self.at + 4)?;
        self.at += 4;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }

    fn range(&mut self) -> Option<Range<usize>> {
        let length = self.number()?;
        let range = self.at..self.at.checked_add(length)?;
        self.bytes.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }

    fn text(&mut self) -> Option<&'a str> {
        let range = self.range()?;
        str::from_utf8(self.bytes.get(range)?).ok()
    }
}

/// The files of a workspace at a time: what is known of that time is answered from memory, and all else is read from the disk.
pub struct Remembered<'a> {
    inputs: &'a Inputs,
    files: &'a Folder,
}

impl<'a> Remembered<'a> {
    /// `files` is where what is not known is read.
    pub fn new(inputs: &'a Inputs, files: &'a Folder) -> Remembered<'a> {
        Remembered { inputs, files }
    }
}

impl Remembered<'_> {
    /// What was at a path. If the run did not look for it, the listing of its folder may still show that it did not exist.
    fn known(&self, path: &TreePath) -> Option<&Known> {
        let is_missing = || {
            let entries = self.inputs.folders.get(&path.parent()?)?;
            let is_there = entries.iter().any(|it| *it.name == *path.name());
            (!is_there).then_some(&Known::Nothing)
        };
        self.inputs.files.get(path).or_else(is_missing)
    }
}

impl Files for Remembered<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.known(path) {
            Some(Known::Nothing) => Err(FilesError::NotFound),
            Some(Known::Folder) => Err(FilesError::NotAFile),
            Some(Known::File(range)) => {
                let bytes = self.inputs.text.get(range.clone());
                Ok(bytes.unwrap_or_default().into())
            }
            Some(Known::Large) | None => self.files.read(path),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        match (self.inputs.folders.get(folder), self.known(folder)) {
            (Some(entries), _) => Ok(entries.clone()),
            (None, Some(Known::Nothing)) => Err(FilesError::NotFound),
            (None, _) => self.files.list(folder),
        }
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        match self.known(path) {
            Some(Known::Nothing) => Ok(None),
            Some(Known::Folder) => Ok(Some(EntryKind::Folder)),
            Some(Known::File(_) | Known::Large) => Ok(Some(EntryKind::File)),
            None if self.inputs.folders.contains_key(path) => Ok(Some(EntryKind::Folder)),
            None => self.files.kind(path),
        }
    }

    /// No link leads to what is known.
    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        match self.kind(path)? {
            Some(_) if self.inputs.files.contains_key(path) => Ok(path.clone()),
            Some(_) if self.inputs.folders.contains_key(path) => Ok(path.clone()),
            Some(_) => self.files.real(path),
            None => Err(FilesError::NotFound),
        }
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }
}
