//! An index of the words in the claim files of an environment, kept between runs.
//!
//! To find a few claims among thousands, only the files that may contain them are read. The index stores short digests of words,
//! because each match is verified in the text.

use std::collections::{BTreeMap, BTreeSet};

use super::claim_files::{claim_files, is_claim_file};
use super::document::read_text;
use crate::diag::Diagnostics;
use crate::tree::{Changes, EntryKind, Files, TreePath, is_word, words};

/// The first bytes of the format. Other versions may read files with other names.
const HEAD: &str = concat!("pleach words 1 ", env!("CARGO_PKG_VERSION"), "\n");

/// Replaces the list of files for a word that occurs in too many files to be useful.
const MANY: u32 = u32::MAX;

/// The number of changed files after which the index is rebuilt.
const CHANGED_MAX: usize = 256;

/// The beginning of an escape sequence, with which a word may be written differently. It is indexed like a word.
pub(super) const ESCAPE: &str = "\\";

/// An index of the words of a folder's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WordIndex {
    /// The paths below the folder, in order, each followed by a zero byte.
    paths: String,
    /// Where each path begins.
    places: Vec<u32>,
    /// Pairs of the digest of a word and a file that contains it, in order.
    words: Vec<(u32, u32)>,
    /// The words of files that have changed since; `None` for a removed file.
    changed: BTreeMap<String, BTreeSet<u32>>,
}

impl WordIndex {
    /// Reads all files of an environment's folder. `None` if one has a diagnostic or is reached by a link.
    pub fn of(files: &dyn Files, folder: &TreePath) -> Option<WordIndex> {
        let mut found = Diagnostics::default();
        let paths = claim_files(files, folder, &mut found);
        files.expect(&paths);
        if !found.is_empty() || !files.unlisted().is_empty() {
            return None;
        }
        let mut index = WordIndex::default();
        let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
        let mut said = Vec::with_capacity(paths.len());
        for path in &paths {
            let own = words_of(files, path)?;
            own.iter()
                .for_each(|it| *counts.entry(*it).or_default() += 1);
            index.add_path(path.below(folder)?.as_str())?;
            said.push(own);
        }
        let many = (paths.len() / 4).max(16);
        for (at, own) in said.into_iter().enumerate() {
            let at = u32::try_from(at).ok()?;
            let rare = own
                .into_iter()
                .filter(|it| counts.get(it).is_some_and(|it| *it <= many));
            index.words.extend(rare.map(|it| (it, at)));
        }
        let common = counts.iter().filter(|it| *it.1 > many);
        index.words.extend(common.map(|it| (*it.0, MANY)));
        index.words.sort_unstable();
        Some(index)
    }

    /// The index after a change, whose paths are relative to the folder. `None` if it must be rebuilt.
    pub fn after(
        mut self,
        files: &dyn Files,
        folder: &TreePath,
        changes: &Changes,
    ) -> Option<WordIndex> {
        for path in changes.paths() {
            let place = folder.join(path);
            let words = match files.kind(&place).ok()? {
                // A file whose name is not valid UTF-8 appears not to exist.
                None if path.as_str().contains(char::REPLACEMENT_CHARACTER) => return None,
                None => BTreeSet::new(),
                // The files of a folder are listed by themselves, but a link hides them.
                Some(EntryKind::Folder) if files.real(&place).as_ref() == Ok(&place) => continue,
                Some(EntryKind::Folder) => return None,
                Some(EntryKind::File) => match is_claim_file(path)? {
                    true => words_of(files, &place)?,
                    false => continue,
                },
            };
            self.changed.insert(path.as_str().to_string(), words);
        }
        (self.changed.len() <= CHANGED_MAX).then_some(self)
    }

    /// The paths of the files that may contain one of some words. `None` if a text is not a word.
    pub fn saying(&self, words: &[&str]) -> Option<BTreeSet<TreePath>> {
        let mut found = BTreeSet::new();
        for word in words {
            if *word != ESCAPE && !is_word(word) {
                return None;
            }
            let word = digest(word.as_bytes());
            let start = self.words.partition_point(|it| it.0 < word);
            let own = self.words.get(start..).unwrap_or_default();
            for (_, file) in own.iter().take_while(|it| it.0 == word) {
                match *file {
                    MANY => found.extend(self.places.iter().filter_map(|it| self.path(*it))),
                    file => found.extend(self.path(*self.places.get(file as usize)?)),
                }
            }
            let changed = self.changed.iter().filter(|it| it.1.contains(&word));
            found.extend(changed.filter_map(|it| TreePath::new(it.0)));
        }
        Some(found)
    }

    /// The path that begins at an offset, unless the file has changed since.
    fn path(&self, place: u32) -> Option<TreePath> {
        let path = self.paths.get(place as usize..)?.split('\0').next()?;
        let is_known = !self.changed.contains_key(path);
        TreePath::new(path).filter(|_| is_known)
    }

    fn add_path(&mut self, path: &str) -> Option<()> {
        self.places.push(u32::try_from(self.paths.len()).ok()?);
        self.paths.push_str(path);
        self.paths.push('\0');
        Some(())
    }

    /// The stored form, without later changes.
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

    /// Reads the stored form; `None` if it is not of this version.
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
            places: starts.filter_map(|it| u32::try_from(it).ok()).collect(),
            paths,
            changed: BTreeMap::new(),
        })
    }
}

/// The words of a file; `None` if it is not text or is reached by a link.
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

fn digest(word: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    word.iter().fold(0x811c_9dc5, step)
}
