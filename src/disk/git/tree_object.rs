//! Tree objects: repetitions of `<mode> <name>\0<id>`, sorted as if the names of folders ended with `/`.
//!
//! A comparison reads trees with thousands of entries but needs few of them, so most entries are skipped.

use std::cmp::Ordering;

use super::id::Id;

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TreeEntry {
    pub(super) name: Box<str>,
    pub(super) mode: Mode,
    pub(super) id: Id,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    File,
    Folder,
    Link,
    /// A commit of another repository, whose files are not in this one.
    Submodule,
    /// An entry of any kind whose name is not valid UTF-8.
    NotUtf8,
}

impl Mode {
    /// Parses the octal mode of a tree entry.
    pub(super) fn parse(octal: &str) -> Mode {
        match octal {
            "40000" => Mode::Folder,
            "120000" => Mode::Link,
            "160000" => Mode::Submodule,
            _ => Mode::File,
        }
    }
}

/// The mode of an entry that is a tree.
const FOLDER: &[u8] = b"40000";

/// An entry as stored.
#[derive(Clone, Copy)]
struct RawEntry<'a> {
    mode: &'a [u8],
    name: &'a [u8],
    id: &'a [u8],
}

impl RawEntry<'_> {
    fn to_entry(self) -> Option<TreeEntry> {
        let mode = Mode::parse(str::from_utf8(self.mode).ok()?);
        let mode = str::from_utf8(self.name).map_or(Mode::NotUtf8, |_| mode);
        Some(TreeEntry {
            name: String::from_utf8_lossy(self.name).into(),
            mode,
            id: Id::new(self.id)?,
        })
    }

    fn has_valid_name(&self) -> bool {
        let is_special = matches!(self.name, b"" | b"." | b".." | b".git");
        !is_special && memchr::memchr(b'/', self.name).is_none()
    }

    /// Git's order: the name of a folder is compared as if it ended with `/`.
    fn order(&self, other: &RawEntry<'_>) -> Ordering {
        let shared = self.name.len().min(other.name.len());
        let (this, that) = (self.name.split_at(shared), other.name.split_at(shared));
        let end = |rest: &[u8], mode: &[u8]| match rest.first() {
            Some(byte) => Some(*byte),
            None => (mode == FOLDER).then_some(b'/'),
        };
        this.0
            .cmp(that.0)
            .then_with(|| end(this.1, self.mode).cmp(&end(that.1, other.mode)))
            .then_with(|| self.name.len().cmp(&other.name.len()))
    }
}

/// Iterates over the entries of a tree, up to its end or to the first invalid entry: an incomplete one, or one with an invalid
/// name.
struct RawEntries<'a> {
    rest: &'a [u8],
    id_bytes: usize,
    is_corrupt: bool,
    last: Option<RawEntry<'a>>,
    /// Whether the entries so far are sorted.
    is_ordered: bool,
}

impl<'a> RawEntries<'a> {
    fn new(bytes: &'a [u8], id_bytes: usize) -> RawEntries<'a> {
        RawEntries {
            rest: bytes,
            id_bytes,
            is_corrupt: false,
            last: None,
            is_ordered: true,
        }
    }

    fn parse_next(&mut self) -> Option<RawEntry<'a>> {
        let end = memchr::memchr(0, self.rest)?;
        let (head, tail) = self.rest.split_at_checked(end)?;
        let (id, next) = tail.get(1..)?.split_at_checked(self.id_bytes)?;
        self.rest = next;
        let space = memchr::memchr(b' ', head)?;
        let (mode, name) = (head.get(..space)?, head.get(space + 1..)?);
        Some(RawEntry { mode, name, id }).filter(RawEntry::has_valid_name)
    }

    /// Whether the entries read so far are valid and sorted, as in all trees that Git writes.
    fn is_valid(&self) -> bool {
        self.is_ordered && !self.is_corrupt
    }
}

impl<'a> Iterator for RawEntries<'a> {
    type Item = RawEntry<'a>;

    fn next(&mut self) -> Option<RawEntry<'a>> {
        if self.rest.is_empty() || self.is_corrupt {
            return None;
        }
        let entry = self.parse_next();
        match (&entry, &self.last) {
            (None, _) => self.is_corrupt = true,
            (Some(entry), Some(last)) if last.order(entry) != Ordering::Less => {
                self.is_ordered = false;
            }
            _ => {}
        }
        self.last = entry;
        entry
    }
}

/// Parses a tree object, and sorts its entries by name. `None` if it is invalid, or if two entries have the same name: it is
/// undefined which of them a checkout would write.
pub(super) fn parse(bytes: &[u8], id_bytes: usize) -> Option<Vec<TreeEntry>> {
    let mut raw = RawEntries::new(bytes, id_bytes);
    let mut found: Vec<RawEntry<'_>> = raw.by_ref().collect();
    found.sort_by(|a, b| a.name.cmp(b.name));
    let is_same = |it: &[RawEntry<'_>]| matches!(it, [a, b] if a.name == b.name);
    if raw.is_corrupt || found.windows(2).any(is_same) {
        return None;
    }
    let entries: Option<Vec<TreeEntry>> = found.into_iter().map(RawEntry::to_entry).collect();
    let mut entries = entries?;
    // Replacing bytes that are not valid UTF-8 may have changed the order.
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Some(entries)
}

/// The offsets of the entries in a tree object, for a binary search by name.
pub(super) struct Layout {
    starts: Vec<u32>,
    id_bytes: usize,
}

impl Layout {
    /// `None` if the tree is corrupt or not sorted in Git's order: then all of its entries must be parsed.
    pub(super) fn parse(bytes: &[u8], id_bytes: usize) -> Option<Layout> {
        let mut entries = RawEntries::new(bytes, id_bytes);
        let mut starts = Vec::with_capacity(bytes.len() / 40);
        while !entries.rest.is_empty() && !entries.is_corrupt {
            starts.push(u32::try_from(bytes.len() - entries.rest.len()).ok()?);
            entries.next();
        }
        entries.is_valid().then_some(Layout { starts, id_bytes })
    }

    /// The entry with a name, if any. The outer `None` means that all entries must be parsed.
    pub(super) fn find(&self, bytes: &[u8], name: &str) -> Option<Option<TreeEntry>> {
        let entry = |start: u32| {
            let rest = bytes.get(start as usize..)?;
            RawEntries::new(rest, self.id_bytes).next()
        };
        // A folder is sorted at another position than a file of the same name.
        let find = |mode: &'static [u8]| {
            let key = RawEntry {
                mode,
                name: name.as_bytes(),
                id: &[],
            };
            let is_before = |it: &u32| entry(*it).is_some_and(|it| it.order(&key).is_lt());
            let at = self.starts.partition_point(is_before);
            let found = self.starts.get(at).and_then(|it| entry(*it))?;
            (found.name == key.name).then_some(found)
        };
        let is_folder = |it: &RawEntry<'_>| it.mode == FOLDER;
        let file = find(b"100644").filter(|it| !is_folder(it));
        match (file, find(FOLDER).filter(is_folder)) {
            (Some(_), Some(_)) => None,
            (Some(found), None) | (None, Some(found)) => found.to_entry().map(Some),
            (None, None) => Some(None),
        }
    }
}

/// If more entries differ, all entries are parsed, which then takes no longer.
const DIFFERING_MAX: usize = 256;

/// The entries that differ between two trees. `None` if all entries must be parsed.
pub(super) fn differing(trees: [&[u8]; 2], id_bytes: usize) -> Option<[Vec<TreeEntry>; 2]> {
    let [mut before, mut after] = trees.map(|it| RawEntries::new(it, id_bytes));
    let (mut old, mut new) = (before.next(), after.next());
    let mut found = [Vec::new(), Vec::new()];
    loop {
        let order = match (&old, &new) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.order(b),
        };
        let is_same = |(a, b): (&RawEntry<'_>, &RawEntry<'_>)| a.id == b.id && a.mode == b.mode;
        let is_common =
            order == Ordering::Equal && old.as_ref().zip(new.as_ref()).is_some_and(is_same);
        if order != Ordering::Greater {
            let entry = old.filter(|_| !is_common).map(RawEntry::to_entry);
            found[0].extend(entry.map_or(Some(None), |it| it.map(Some))?);
            old = before.next();
        }
        if order != Ordering::Less {
            let entry = new.filter(|_| !is_common).map(RawEntry::to_entry);
            found[1].extend(entry.map_or(Some(None), |it| it.map(Some))?);
            new = after.next();
        }
    }
    for (entries, bytes) in found.iter_mut().zip(trees) {
        let is_ambiguous =
            |it: &TreeEntry| it.mode == Mode::NotUtf8 || is_duplicate(&it.name, bytes);
        if entries.len() > DIFFERING_MAX || entries.iter().any(is_ambiguous) {
            return None;
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
    }
    (before.is_valid() && after.is_valid()).then_some(found)
}

/// Whether a tree may contain both a file and a folder with this name.
fn is_duplicate(name: &str, bytes: &[u8]) -> bool {
    let entry = format!(" {name}\0");
    memchr::memmem::find_iter(bytes, &entry).nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, &str, u8)]) -> Vec<u8> {
        let entry = |(mode, name, id): &(&str, &str, u8)| {
            [format!("{mode} {name}\0").as_bytes(), &[*id; 20]].concat()
        };
        entries.iter().flat_map(entry).collect()
    }

    fn names(entries: &[TreeEntry]) -> Vec<&str> {
        entries.iter().map(|it| &*it.name).collect()
    }

    #[test]
    fn trees_are_compared_by_their_entries() {
        let before = tree(&[("100644", "a", 1), ("40000", "a.b", 2), ("100644", "c", 3)]);
        let after = tree(&[("100644", "a", 1), ("40000", "a.b", 9), ("100644", "d", 3)]);
        let [old, new] = differing([&before, &after], 20).unwrap();
        assert_eq!(
            (names(&old), names(&new)),
            (vec!["a.b", "c"], vec!["a.b", "d"])
        );
        let layout = Layout::parse(&before, 20).unwrap();
        assert_eq!(layout.find(&before, "c"), Some(Some(old[1].clone())));
        assert_eq!(layout.find(&before, "a.b"), Some(Some(old[0].clone())));
        for name in ["d", "a.", "b", ""] {
            assert_eq!(layout.find(&before, name), Some(None));
        }
    }

    #[test]
    fn trees_that_git_would_not_write_are_parsed_completely() {
        let valid = tree(&[("100644", "a", 1)]);
        for entries in [
            &[("100644", "b", 1), ("100644", "a", 2)][..],
            &[("100644", "a", 1), ("100644", "a", 2)],
            &[("100644", "a", 1), ("100644", "a.b", 1), ("40000", "a", 2)],
            &[("100644", "..", 1)],
        ] {
            let bytes = tree(entries);
            assert!(differing([&valid, &bytes], 20).is_none(), "{entries:?}");
            let found = Layout::parse(&bytes, 20).and_then(|it| it.find(&bytes, "a"));
            assert_eq!(found, None, "{entries:?}");
        }
        assert!(Layout::parse(&valid[..valid.len() - 1], 20).is_none());
    }
}
