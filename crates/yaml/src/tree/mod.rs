//! Trees (maps from path to bytes), which are the output, and the read interface for all input.
//!
//! A [`Tree`] also implements [`Files`]: the repository of a test is a string literal, and a bug report can be a tree printed as
//! text.

mod changes;
mod files;
mod path;
mod recorded;
mod text;
mod walk;
mod words;

pub use changes::{Changes, ReadSet};
pub use files::{Below, Entry, EntryKind, Files, FilesError, Over, Unlisted, Without};
pub use path::TreePath;
pub use recorded::Recorded;
pub use walk::Walk;
pub use words::{WordFinder, is_word, words};

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::sync::Arc;

/// An ordered map from path to bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<TreePath, Arc<[u8]>>,
}

impl Tree {
    /// A tree without any file.
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Inserts a file, and returns the previous one at the path.
    pub fn insert(&mut self, path: TreePath, bytes: impl Into<Arc<[u8]>>) -> Option<Arc<[u8]>> {
        self.files.insert(path, bytes.into())
    }

    /// The bytes of one file.
    pub fn get(&self, path: &TreePath) -> Option<&Arc<[u8]>> {
        self.files.get(path)
    }

    /// All files in the order of their paths.
    pub fn iter(&self) -> btree_map::Iter<'_, TreePath, Arc<[u8]>> {
        self.files.iter()
    }

    /// The number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether the tree is empty.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Adds another tree on top of this one: its files take precedence.
    pub fn overlay(&mut self, other: &Tree) {
        self.files.extend(
            other
                .files
                .iter()
                .map(|(path, bytes)| (path.clone(), bytes.clone())),
        );
    }

    /// The files below a folder, with paths relative to it.
    pub fn folder(&self, folder: &TreePath) -> Tree {
        let first = match folder.as_str() {
            "" => TreePath::root(),
            _ => folder.inside(),
        };
        let files = self.files.range(first..);
        Tree {
            files: files
                .map_while(|(path, bytes)| Some((path.below(folder)?, bytes.clone())))
                .collect(),
        }
    }

    /// The same files, with `folder` before their paths.
    pub fn under(&self, folder: &TreePath) -> Tree {
        Tree {
            files: self
                .files
                .iter()
                .map(|(path, bytes)| (folder.join(path), bytes.clone()))
                .collect(),
        }
    }
}

impl<'a> IntoIterator for &'a Tree {
    type Item = (&'a TreePath, &'a Arc<[u8]>);
    type IntoIter = btree_map::Iter<'a, TreePath, Arc<[u8]>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<(TreePath, Arc<[u8]>)> for Tree {
    fn from_iter<T: IntoIterator<Item = (TreePath, Arc<[u8]>)>>(files: T) -> Tree {
        Tree {
            files: files.into_iter().collect(),
        }
    }
}
