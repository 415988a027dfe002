//! The stored inputs of a run, with which a later run finds changes and the previous content.
//!
//! If stat data show that an input is unchanged, it is not read again: its bytes are stored here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Folder;
use super::checksum::make_room;
use super::store_private;
use crate::tree::{Changes, Entry, EntryKind, Files, FilesError, ReadSet, TreePath, Unlisted};

/// The first bytes of the file. Files of other versions are not read.
const HEAD: &[u8] = b"pleach inputs 2\n";

/// The bytes of a larger file are not kept, and this is also the limit for all files together: charts are large and rarely change.
const FILE_BYTES_MAX: usize = 256 << 10;
const BYTES_MAX: usize = 64 << 20;

/// The number of files, one for each workspace and output folder; the oldest are removed first.
const FILES_MAX: usize = 64;

/// The inputs of a run.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The inputs of an earlier run, usually most of them.
    loaded: Arc<Loaded>,
    /// Inputs that were read since, which replace the loaded ones.
    files: BTreeMap<TreePath, Known>,
    folders: BTreeMap<TreePath, Vec<Entry>>,
    /// The bytes of these files, one after the other.
    text: Vec<u8>,
}

/// The entry at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    Folder,
    /// A file, and the range of its bytes in the text.
    File(Range<usize>),
    /// A file whose bytes are not kept.
    Large,
}

/// The entry at a path, with its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Nothing,
    Folder,
    File(&'a [u8]),
    Large,
}

impl Inputs {
    /// Reads the inputs of a run again. `None` if something cannot be read or is too large.
    pub fn read(files: &Folder, read: &ReadSet) -> Option<Inputs> {
        Inputs::default().with_more(files, read)
    }

    fn add(&mut self, files: &Folder, path: &TreePath) -> Option<()> {
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
        let all = self.text.len() + self.loaded.bytes.len();
        (all <= BYTES_MAX).then_some(Known::File(start..self.text.len()))
    }

    /// Lists a folder. A missing folder has no entry among the folders, only one for its path.
    fn list(&mut self, files: &Folder, folder: &TreePath) -> Option<()> {
        match files.list(folder) {
            Ok(entries) => drop(self.folders.insert(folder.clone(), entries)),
            Err(FilesError::NotFound) => drop(self.files.insert(folder.clone(), Known::Nothing)),
            Err(_) => return None,
        }
        Some(())
    }

    /// The current inputs, and the changes. `changed` are the paths whose stat data differ. `None` if folders were added or
    /// removed, or if a large file changed.
    pub fn read_again(
        &self,
        files: &Folder,
        changed: &BTreeSet<TreePath>,
    ) -> Option<(Inputs, Changes)> {
        let (mut now, mut changes) = (self.clone(), Changes::new());
        for path in changed {
            if self.file(path).is_some() {
                now.add(files, path)?;
                self.compare(&now, path, &mut changes)?;
            }
            let Some(before) = self.folder(path) else {
                continue;
            };
            now.list(files, path)?;
            if now.file(path) == Some(Found::Nothing) {
                return None;
            }
            let after = now.folder(path)?;
            let gone = before.iter().filter(|it| !after.contains(it));
            let come = after.iter().filter(|it| !before.contains(it));
            for entry in gone.chain(come) {
                if entry.kind == EntryKind::Folder {
                    return None;
                }
                let inner = path.child(&entry.name);
                now.add(files, &inner)?;
                changes.change_unknown(&inner);
            }
        }
        // A name that cannot be read does not change the list; only a complete run reports it.
        files.unlisted().is_empty().then_some((now, changes))
    }

    fn compare(&self, now: &Inputs, path: &TreePath, changes: &mut Changes) -> Option<()> {
        match (self.file(path)?, now.file(path)?) {
            (Found::File(before), Found::File(after)) => {
                if before != after {
                    changes.change(path);
                }
            }
            (Found::Nothing, Found::Nothing) | (Found::Folder, Found::Folder) => {}
            (Found::Nothing, Found::File(_)) | (Found::File(_), Found::Nothing) => {
                changes.change_unknown(path);
            }
            _ => return None,
        }
        Some(())
    }

    /// Adds further inputs of a later run.
    pub fn with_more(mut self, files: &Folder, read: &ReadSet) -> Option<Inputs> {
        for path in &read.files {
            if self.file(path).is_none() {
                self.add(files, path)?;
            }
        }
        for folder in &read.folders {
            if !self.is_folder(folder) {
                self.list(files, folder)?;
            }
        }
        Some(self)
    }

    /// Whether any file contains a text.
    pub fn has_text(&self, text: &str) -> bool {
        let has = |bytes: &[u8]| memchr::memmem::find(bytes, text.as_bytes()).is_some();
        has(&self.loaded.bytes) || has(&self.text)
    }

    fn file(&self, path: &TreePath) -> Option<Found<'_>> {
        let (known, text) = match self.files.get(path) {
            Some(known) => (known, &self.text),
            None => (self.loaded.file(path)?, &self.loaded.bytes),
        };
        Some(known.found(text))
    }

    fn folder(&self, path: &TreePath) -> Option<Vec<Entry>> {
        match self.folders.get(path) {
            Some(entries) => Some(entries.clone()),
            None => self.loaded.entries(path),
        }
    }

    fn is_folder(&self, path: &TreePath) -> bool {
        self.folders.contains_key(path) || self.loaded.folder(path).is_some()
    }

    /// Whether a listed folder contains a name; `None` if the folder was not listed.
    fn has_name(&self, folder: &TreePath, name: &str) -> Option<bool> {
        match self.folders.get(folder) {
            Some(entries) => Some(entries.iter().any(|it| *it.name == *name)),
            None => self.loaded.has_name(folder, name),
        }
    }

    /// Writes the inputs to a file. `id` identifies their run.
    pub fn store(&self, file: &Path, id: &str) -> Option<()> {
        make_room(file, FILES_MAX);
        store_private(file, &self.bytes(id)?).ok()
    }

    /// What was added since the inputs were loaded, for [`Inputs::with_changes`].
    pub fn changes(&self, id: &str) -> Option<Vec<u8>> {
        let changes = Inputs {
            loaded: Arc::default(),
            ..self.clone()
        };
        changes.bytes(id)
    }

    /// Adds changes to loaded inputs; `None` if they belong to another run or are incomplete.
    pub fn with_changes(mut self, bytes: Vec<u8>, id: &str) -> Option<Inputs> {
        let changes = Loaded::decode(bytes, id)?;
        let path = |range| TreePath::new(str::from_utf8(changes.text(range)).ok()?);
        for (range, known) in &changes.files {
            self.files.insert(path(range)?, known.clone());
        }
        for (range, _) in &changes.folders {
            let path = path(range)?;
            let entries = changes.entries(&path)?;
            self.folders.insert(path, entries);
        }
        self.text = changes.bytes;
        Some(self)
    }

    pub(super) fn bytes(&self, id: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.text.len() + self.loaded.bytes.len() + 4096);
        bytes.extend_from_slice(HEAD);
        let mut writer = Writer(&mut bytes);
        writer.text(id.as_bytes())?;
        self.store_files(&mut writer)?;
        self.store_folders(&mut writer)?;
        writer.0.extend_from_slice(HEAD);
        Some(bytes)
    }

    /// All paths that were read, with their entries, sorted by the bytes of the paths.
    pub(super) fn files(&self) -> Vec<(&[u8], Found<'_>)> {
        let loaded = self.loaded.files.iter();
        let loaded =
            loaded.map(|(path, known)| (self.loaded.text(path), known.found(&self.loaded.bytes)));
        let own = self.files.iter();
        let own = own.map(|(path, known)| (path.as_str().as_bytes(), known.found(&self.text)));
        merged(loaded.collect(), own.collect(), |it| it.0)
    }

    /// All folders that were listed.
    pub(super) fn folders(&self) -> Vec<&[u8]> {
        let loaded = self.loaded.folders.iter().map(|it| self.loaded.text(&it.0));
        let own = self.folders.keys().map(|it| it.as_str().as_bytes());
        merged(loaded.collect(), own.collect(), |it| *it)
    }

    fn store_files(&self, writer: &mut Writer<'_>) -> Option<()> {
        let all = self.files();
        writer.number(all.len())?;
        for (path, found) in all {
            writer.text(path)?;
            match found {
                Found::Nothing => writer.0.push(b'-'),
                Found::Folder => writer.0.push(b'd'),
                Found::Large => writer.0.push(b'l'),
                Found::File(bytes) => {
                    writer.0.push(b'f');
                    writer.text(bytes)?;
                }
            }
        }
        Some(())
    }

    fn store_folders(&self, writer: &mut Writer<'_>) -> Option<()> {
        let loaded = self.loaded.folders.iter();
        let loaded = loaded.map(|(path, entries)| (self.loaded.text(path), Err(entries)));
        let own = self.folders.iter();
        let own = own.map(|(path, entries)| (path.as_str().as_bytes(), Ok(entries)));
        let all = merged(loaded.collect(), own.collect(), |it| it.0);
        writer.number(all.len())?;
        for (path, entries) in all {
            writer.text(path)?;
            match entries {
                Ok(entries) => writer.entries(entries)?,
                Err(entries) => writer.text(self.loaded.text(entries))?,
            }
        }
        Some(())
    }

    /// Reads the inputs; `None` if they belong to another run or are incomplete.
    #[allow(clippy::disallowed_methods, reason = "a file of the cache")]
    pub fn load(file: &Path, id: &str) -> Option<Inputs> {
        Inputs::decode(std::fs::read(file).ok()?, id)
    }

    pub(super) fn decode(bytes: Vec<u8>, id: &str) -> Option<Inputs> {
        Some(Inputs {
            loaded: Arc::new(Loaded::decode(bytes, id)?),
            ..Inputs::default()
        })
    }
}

impl Known {
    fn found<'a>(&self, text: &'a [u8]) -> Found<'a> {
        match self {
            Known::Nothing => Found::Nothing,
            Known::Folder => Found::Folder,
            Known::Large => Found::Large,
            Known::File(range) => Found::File(text.get(range.clone()).unwrap_or_default()),
        }
    }
}

/// Merges two sorted lists. If both contain an item, that of the second list is used.
fn merged<'a, T: Clone>(first: Vec<T>, second: Vec<T>, key: impl Fn(&T) -> &'a [u8]) -> Vec<T> {
    let mut all = Vec::with_capacity(first.len() + second.len());
    let mut rest = second.into_iter().peekable();
    for item in first {
        while let Some(own) = rest.next_if(|it| key(it) < key(&item)) {
            all.push(own);
        }
        all.push(rest.next_if(|it| key(it) == key(&item)).unwrap_or(item));
    }
    all.extend(rest);
    all
}

/// The inputs in a file. Nothing is copied, because few of them are needed.
#[derive(Debug, Default)]
struct Loaded {
    bytes: Vec<u8>,
    /// The range of each path, sorted by path.
    files: Vec<(Range<usize>, Known)>,
    /// The ranges of each path and of the names of its entries.
    folders: Vec<(Range<usize>, Range<usize>)>,
}

impl Loaded {
    fn decode(bytes: Vec<u8>, id: &str) -> Option<Loaded> {
        let end = bytes.len().checked_sub(HEAD.len())?;
        let is_whole = bytes.starts_with(HEAD) && bytes.get(end..)? == HEAD;
        let mut reader = Reader {
            bytes: bytes.get(..end)?,
            at: HEAD.len(),
        };
        if !is_whole || reader.text()? != id.as_bytes() {
            return None;
        }
        let count = reader.number()?;
        let (mut files, mut folders) = (Vec::with_capacity(count.min(end)), Vec::new());
        for _ in 0..count {
            let path = reader.range()?;
            let known = match reader.byte()? {
                b'-' => Known::Nothing,
                b'd' => Known::Folder,
                b'l' => Known::Large,
                b'f' => Known::File(reader.range()?),
                _ => return None,
            };
            files.push((path, known));
        }
        for _ in 0..reader.number()? {
            folders.push((reader.range()?, reader.range()?));
        }
        let is_whole = reader.at == end;
        let loaded = Loaded {
            bytes,
            files,
            folders,
        };
        let is_sorted = loaded.files.is_sorted_by_key(|it| loaded.text(&it.0))
            && loaded.folders.is_sorted_by_key(|it| loaded.text(&it.0));
        (is_whole && is_sorted).then_some(loaded)
    }

    fn text(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    fn file(&self, path: &TreePath) -> Option<&Known> {
        let path = path.as_str().as_bytes();
        let at = self.files.partition_point(|it| self.text(&it.0) < path);
        let (found, known) = self.files.get(at)?;
        (self.text(found) == path).then_some(known)
    }

    /// The kinds and names of a folder's entries, as stored.
    fn folder(&self, path: &TreePath) -> Option<impl Iterator<Item = &[u8]>> {
        let path = path.as_str().as_bytes();
        let at = self.folders.partition_point(|it| self.text(&it.0) < path);
        let (found, entries) = self.folders.get(at)?;
        let entries = self.text(entries).split(|it| *it == 0);
        (self.text(found) == path).then(|| entries.filter(|it| !it.is_empty()))
    }

    fn entries(&self, path: &TreePath) -> Option<Vec<Entry>> {
        let entries = self.folder(path)?.filter_map(|it| {
            let (kind, name) = it.split_first()?;
            let kind = match kind {
                b'd' => EntryKind::Folder,
                _ => EntryKind::File,
            };
            let name = str::from_utf8(name).ok()?.into();
            Some(Entry { name, kind })
        });
        Some(entries.collect())
    }

    fn has_name(&self, folder: &TreePath, name: &str) -> Option<bool> {
        let mut names = self.folder(folder)?;
        Some(names.any(|it| it.get(1..) == Some(name.as_bytes())))
    }
}

pub(super) struct Writer<'a>(pub(super) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(super) fn number(&mut self, number: usize) -> Option<()> {
        let number = u32::try_from(number).ok()?;
        self.0.extend_from_slice(&number.to_le_bytes());
        Some(())
    }

    pub(super) fn text(&mut self, text: &[u8]) -> Option<()> {
        self.number(text.len())?;
        self.0.extend_from_slice(text);
        Some(())
    }

    /// Writes a letter and a name for each entry, followed by a zero byte, which names cannot contain.
    fn entries(&mut self, entries: &[Entry]) -> Option<()> {
        let mut text = Vec::new();
        for entry in entries {
            let is_folder = entry.kind == EntryKind::Folder;
            text.push(if is_folder { b'd' } else { b'f' });
            text.extend_from_slice(entry.name.as_bytes());
            text.push(0);
        }
        self.text(&text)
    }
}

pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    pub(super) fn number(&mut self) -> Option<usize> {
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

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let range = self.range()?;
        self.bytes.get(range)
    }
}

/// The files of a workspace at the time of a run: stored inputs are read from memory, other files from disk.
pub struct CachedInputs<'a> {
    inputs: &'a Inputs,
    files: &'a Folder,
}

impl<'a> CachedInputs<'a> {
    /// `files` is used for everything that is not stored.
    pub fn new(inputs: &'a Inputs, files: &'a Folder) -> CachedInputs<'a> {
        CachedInputs { inputs, files }
    }
}

impl CachedInputs<'_> {
    /// The entry at a path. If the run did not read it, the listing of its folder may still show that it did not exist.
    fn known(&self, path: &TreePath) -> Option<Found<'_>> {
        let is_missing = || {
            let is_there = self.inputs.has_name(&path.parent()?, path.name())?;
            (!is_there).then_some(Found::Nothing)
        };
        self.inputs.file(path).or_else(is_missing)
    }
}

impl Files for CachedInputs<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        match self.known(path) {
            Some(Found::Nothing) => Err(FilesError::NotFound),
            Some(Found::Folder) => Err(FilesError::NotAFile),
            Some(Found::File(bytes)) => Ok(bytes.into()),
            Some(Found::Large) | None => self.files.read(path),
        }
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        if let Some(entries) = self.inputs.folder(folder) {
            return Ok(entries);
        }
        match self.known(folder) {
            Some(Found::Nothing) => Err(FilesError::NotFound),
            _ => self.files.list(folder),
        }
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        match self.known(path) {
            Some(Found::Nothing) => Ok(None),
            Some(Found::Folder) => Ok(Some(EntryKind::Folder)),
            Some(Found::File(_) | Found::Large) => Ok(Some(EntryKind::File)),
            None if self.inputs.is_folder(path) => Ok(Some(EntryKind::Folder)),
            None => self.files.kind(path),
        }
    }

    /// Stored paths contain no links.
    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        match self.kind(path)? {
            Some(_) if self.inputs.file(path).is_some() => Ok(path.clone()),
            Some(_) if self.inputs.is_folder(path) => Ok(path.clone()),
            Some(_) => self.files.real(path),
            None => Err(FilesError::NotFound),
        }
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }
}
