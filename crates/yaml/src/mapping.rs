//! Ordered maps of keys and values.

use std::collections::{BTreeMap, BTreeSet};

use triomphe::Arc;

use super::Node;
use super::read::keys::for_each_duplicate;

/// An ordered map. Keys are unique scalars.
///
/// Cheap to clone: the entries are shared until one of the clones changes.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    entries: Arc<Vec<Entry>>,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, a scalar.
    pub key: Node,
    /// The value that the key maps to.
    pub value: Node,
}

impl Mapping {
    /// A map without entries.
    pub fn new() -> Mapping {
        Mapping::default()
    }

    /// A map of these entries; the caller ensures that no key occurs twice.
    pub fn from_entries(entries: Vec<Entry>) -> Mapping {
        Mapping {
            entries: Arc::new(entries),
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|it| &it.value)
    }

    /// The entry of a key.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        // Linear search: most mappings have fewer than ten keys, so a hash table would cost more than it saves.
        self.entries.iter().find(|it| it.key.is_text(key))
    }

    /// The value of a key, mutably.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.entries_mut()
            .iter_mut()
            .find(|it| it.key.is_text(key))
            .map(|it| &mut it.value)
    }

    /// The value of a key; if it is missing, the result of `make` is appended first.
    pub fn get_or_insert_with(&mut self, key: &str, make: impl FnOnce() -> Node) -> &mut Node {
        let at = self.position(key);
        let entries = self.entries_mut();
        let at = at.unwrap_or_else(|| {
            entries.push(Entry {
                key: Node::string(key),
                value: make(),
            });
            entries.len() - 1
        });
        &mut entries[at].value
    }

    /// Whether the key exists.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The index of the key.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.entries.iter().position(|it| it.key.is_text(key))
    }

    /// Sets a value: replaces that of the key, or appends an entry. Returns the old value.
    pub fn insert(&mut self, key: impl Into<Node>, value: impl Into<Node>) -> Option<Node> {
        let (key, value) = (key.into(), value.into());
        match key.as_str().and_then(|key| self.position(key)) {
            Some(at) => Some(std::mem::replace(&mut self.entries_mut()[at].value, value)),
            None => {
                self.entries_mut().push(Entry { key, value });
                None
            }
        }
    }

    /// Merges another mapping into this one: values that are mappings in both are merged, others are replaced, and new entries are
    /// appended.
    pub fn merge(&mut self, over: Mapping) {
        let mut index = KeyIndex::default();
        for Entry { key, value } in over {
            let at = index.position(self, key.as_str().unwrap_or(""));
            match at.and_then(|at| self.entries_mut().get_mut(at)) {
                Some(inner) => inner.value.merge(value),
                None => self.push(key, value),
            }
        }
    }

    /// Removes an entry; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.position(key).map(|at| self.entries_mut().remove(at))
    }

    /// Keeps the entries for which `keep` is true.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries_mut().retain(keep);
    }

    /// Keeps the entries for which `keep` is true; it may also modify them.
    pub fn retain_mut(&mut self, keep: impl FnMut(&mut Entry) -> bool) {
        self.entries_mut().retain_mut(keep);
    }

    /// Keeps only the last of entries with the same key, as parsers do that accept duplicate keys.
    pub fn keep_last_of_duplicates(&mut self) {
        let mut has_duplicates = false;
        for_each_duplicate(&self.entries, |_, _| has_duplicates = true);
        if !has_duplicates {
            return;
        }
        let mut seen = BTreeSet::new();
        let mut is_last: Vec<bool> = self.keys().rev().map(|it| seen.insert(it)).collect();
        self.entries_mut().retain(|_| is_last.pop().unwrap_or(true));
    }

    /// Appends an entry; the caller ensures that the key does not exist yet.
    pub fn push(&mut self, key: Node, value: Node) {
        self.entries_mut().push(Entry { key, value });
    }

    /// Keys and values in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries.iter()
    }

    /// Keys and values in order, mutably.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entry> {
        self.entries_mut().iter_mut()
    }

    /// The keys' texts in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.entries.iter().map(|it| it.key.as_str().unwrap_or(""))
    }

    /// Whether two maps contain the same data, independent of the order of keys.
    pub(super) fn same_data(&self, other: &Mapping) -> bool {
        let mut index = KeyIndex::default();
        let mut entries = self.entries.iter().enumerate();
        Arc::ptr_eq(&self.entries, &other.entries)
            || self.len() == other.len()
                && entries.all(|(at, Entry { key, value })| {
                    let key = key.as_str().unwrap_or("");
                    // Usually, the order is also the same.
                    let beside = other.entries.get(at).filter(|it| it.key.is_text(key));
                    let own = beside.or_else(|| {
                        let at = index.position(other, key)?;
                        other.entries.get(at)
                    });
                    own.is_some_and(|it| it.value.same_data(value))
                })
    }

    /// All entries in order.
    pub fn as_slice(&self) -> &[Entry] {
        &self.entries
    }

    /// All entries, to reorder.
    pub fn entries_mut(&mut self) -> &mut Vec<Entry> {
        Arc::make_mut(&mut self.entries)
    }
}

/// Above this number of keys, searching all of them for each key of another map takes too long.
const INDEXED_MIN: usize = 32;

/// An index of the keys of a map, for many searches. Between searches, entries may be appended but not removed.
#[derive(Debug, Default)]
pub struct KeyIndex {
    positions: BTreeMap<Box<str>, usize>,
    /// The number of entries in the index.
    indexed: usize,
}

impl KeyIndex {
    /// The position of a key.
    pub fn position(&mut self, mapping: &Mapping, key: &str) -> Option<usize> {
        // An index is only worthwhile for large maps, such as the data of a ConfigMap.
        if mapping.len() <= INDEXED_MIN {
            return mapping.position(key);
        }
        for (at, entry) in mapping.entries.iter().enumerate().skip(self.indexed) {
            let key = entry.key.as_str().unwrap_or("");
            // Of equal keys, the first one, as in a search.
            self.positions.entry(key.into()).or_insert(at);
        }
        self.indexed = mapping.len();
        self.positions.get(key).copied()
    }

    /// Sets a value, like [`Mapping::insert`].
    pub fn insert(&mut self, mapping: &mut Mapping, key: Node, value: Node) {
        let at = self.position(mapping, key.as_str().unwrap_or(""));
        match at.and_then(|at| mapping.entries_mut().get_mut(at)) {
            Some(entry) => entry.value = value,
            None => mapping.entries_mut().push(Entry { key, value }),
        }
    }
}

impl IntoIterator for Mapping {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.entries).into_iter()
    }
}

impl<'a> IntoIterator for &'a Mapping {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.iter()
    }
}

impl FromIterator<Entry> for Mapping {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Mapping {
        Mapping::from_entries(entries.into_iter().collect())
    }
}

impl<const N: usize> From<[(&'static str, Node); N]> for Mapping {
    fn from(entries: [(&'static str, Node); N]) -> Mapping {
        entries
            .into_iter()
            .map(|(key, value)| Entry {
                key: Node::constant(key),
                value,
            })
            .collect()
    }
}
