//! An index of the words in the claim files of an environment, which is cached between runs.
//!
//! To find a few claims among thousands, only the files that may contain them are read. The index stores short digests of words.
//! A wrong match does no harm, because each matching file is then read.

use std::collections::{BTreeMap, BTreeSet};

use super::claim_files::{claim_files, is_claim_file};
use super::document::read_text;
use crate::diag::Diagnostics;
use crate::tree::{Changes, EntryKind, Files, TreePath, is_word, words};

/// The first bytes of the stored form. They contain the version of pleach, because another version may read files with other names.
const HEAD: &str = concat!("pleach words 1 ", env!("CARGO_PKG_VERSION"), "\n");

/// Stored instead of a file for a word that occurs in too many files: all files may contain it.
const ALL_FILES: u32 = u32::MAX;

/// The number of changed files after which the index is rebuilt.
const CHANGED_MAX: usize = 256;

/// The beginning of an escape sequence. A file with one may contain any word, so it is indexed like a word.
pub(super) const ESCAPE: &str = "\\";

/// An index of the words of a folder's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordIndex {
    /// The paths of the files below the folder, sorted, each followed by a zero byte.
    paths: String,
    /// For each file: the start of its path in `paths`.
    path_starts: Vec<u32>,
    /// Pairs of the digest of a word and the number of a file that contains it, sorted.
    words: Vec<(u32, u32)>,
    changed: WordChanges,
}

/// By path of each file that differs from an index: the digests of its words; empty for a removed file.
pub type WordChanges = BTreeMap<String, BTreeSet<u32>>;

impl WordIndex {
    /// What has changed since the index was built.
    pub fn changes(&self) -> &WordChanges {
        &self.changed
    }

    /// The index of another state of the files, which differs from the state when the index was built.
    pub fn with_changes(self, changed: WordChanges) -> WordIndex {
        WordIndex { changed, ..self }
    }

    /// Indexes all files of an environment's folder. `None` if a file has a diagnostic or is reached by a link.
    pub fn build(files: &dyn Files, folder: &TreePath) -> Option<WordIndex> {
        let mut found = Diagnostics::default();
        let paths = claim_files(files, folder, &mut found);
        files.expect(&paths);
        if !found.is_empty() || !files.unlisted().is_empty() {
            return None;
        }
        let mut index = WordIndex::default();
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        let mut words_by_file = Vec::with_capacity(paths.len());
        for path in &paths {
            let words = words_of(files, path)?;
            words
                .iter()
                .for_each(|it| *counts.entry(*it).or_default() += 1);
            index.add_path(path.below(folder)?.as_str())?;
            words_by_file.push(words);
        }
        let files_max = (paths.len() / 4).max(16);
        for (file, words) in words_by_file.into_iter().enumerate() {
            let file = u32::try_from(file).ok()?;
            let rare = words
                .into_iter()
                .filter(|it| counts.get(it).is_some_and(|it| *it <= files_max));
            index.words.extend(rare.map(|it| (it, file)));
        }
        let frequent = counts.iter().filter(|it| *it.1 > files_max);
        index.words.extend(frequent.map(|it| (*it.0, ALL_FILES)));
        index.words.sort_unstable();
        Some(index)
    }

    /// Updates the index after a change, whose paths are relative to the folder. `None` if it must be rebuilt.
    pub fn update(
        mut self,
        files: &dyn Files,
        folder: &TreePath,
        changes: &Changes,
    ) -> Option<WordIndex> {
        for path in changes.paths() {
            let full_path = folder.join(path);
            let words = match files.kind(&full_path).ok()? {
                // A file whose name is not valid UTF-8 seems not to exist.
                None if path.as_str().contains(char::REPLACEMENT_CHARACTER) => return None,
                None => BTreeSet::new(),
                // The changes contain the files of a folder, but not those behind a link to a folder.
                Some(EntryKind::Folder) if files.real(&full_path).as_ref() == Ok(&full_path) => {
                    continue;
                }
                Some(EntryKind::Folder) => return None,
                Some(EntryKind::File) => match is_claim_file(path)? {
                    true => words_of(files, &full_path)?,
                    false => continue,
                },
            };
            self.changed.insert(path.as_str().to_string(), words);
        }
        (self.changed.len() <= CHANGED_MAX).then_some(self)
    }

    /// The paths of the files that may contain one of the words. `None` if a text is not a single word.
    pub fn files_with(&self, words: &[&str]) -> Option<BTreeSet<TreePath>> {
        let mut found = BTreeSet::new();
        for word in words {
            if *word != ESCAPE && !is_word(word) {
                return None;
            }
            let word = digest(word.as_bytes());
            let start = self.words.partition_point(|it| it.0 < word);
            let pairs = self.words.get(start..).unwrap_or_default();
            for (_, file) in pairs.iter().take_while(|it| it.0 == word) {
                match *file {
                    ALL_FILES => {
                        found.extend(self.path_starts.iter().filter_map(|it| self.path(*it)));
                    }
                    file => found.extend(self.path(*self.path_starts.get(file as usize)?)),
                }
            }
            let changed = self.changed.iter().filter(|it| it.1.contains(&word));
            found.extend(changed.filter_map(|it| TreePath::new(it.0)));
        }
        Some(found)
    }

    /// The path that starts at an offset; `None` if the file has changed since.
    fn path(&self, start: u32) -> Option<TreePath> {
        let path = self.paths.get(start as usize..)?.split('\0').next()?;
        let is_unchanged = !self.changed.contains_key(path);
        TreePath::new(path).filter(|_| is_unchanged)
    }

    fn add_path(&mut self, path: &str) -> Option<()> {
        self.path_starts.push(u32::try_from(self.paths.len()).ok()?);
        self.paths.push_str(path);
        self.paths.push('\0');
        Some(())
    }

    /// The form in which the index is stored, without later changes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = HEAD.as_bytes().to_vec();
        let count = |it: usize| u32::try_from(it).unwrap_or(u32::MAX).to_le_bytes();
        bytes.extend(count(self.words.len()));
        for (word, file) in &self.words {
            bytes.extend(word.to_le_bytes());
            bytes.extend(file.to_le_bytes());
        }
        bytes.extend(self.paths.as_bytes());
        bytes
    }

    /// Reads the stored form; `None` if it was stored by another version or is invalid.
    pub fn from_bytes(bytes: &[u8]) -> Option<WordIndex> {
        let rest = bytes.strip_prefix(HEAD.as_bytes())?;
        let (count, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*count))
            .ok()?
            .checked_mul(8)?;
        let (numbers, paths) = rest.split_at_checked(length)?;
        let words = numbers.chunks_exact(8).filter_map(|it| {
            let (word, file) = it.split_first_chunk()?;
            let file = u32::from_le_bytes(file.try_into().ok()?);
            Some((u32::from_le_bytes(*word), file))
        });
        let paths = str::from_utf8(paths).ok()?.to_string();
        let ends = memchr::memchr_iter(0, paths.as_bytes()).map(|it| it + 1);
        let starts = std::iter::once(0)
            .chain(ends)
            .filter(|it| *it < paths.len());
        Some(WordIndex {
            words: words.collect(),
            path_starts: starts.filter_map(|it| u32::try_from(it).ok()).collect(),
            paths,
            changed: BTreeMap::new(),
        })
    }
}

/// The digests of the words of a file; `None` if it is not text or is reached by a link.
fn words_of(files: &dyn Files, path: &TreePath) -> Option<BTreeSet<u32>> {
    if files.real(path).ok()? != *path {
        return None;
    }
    let source = read_text(files, path).ok()?;
    let text = source.text.as_bytes();
    let mut found: BTreeSet<u32> = words(text).map(digest).collect();
    if memchr::memchr(b'\\', text).is_some() {
        found.insert(digest(ESCAPE.as_bytes()));
    }
    Some(found)
}

/// The FNV-1a hash of a word.
fn digest(word: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    word.iter().fold(0x811c_9dc5, step)
}
