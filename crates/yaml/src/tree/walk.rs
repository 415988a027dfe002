//! Walks folders that may contain links.

use std::collections::BTreeSet;

use super::{Files, TreePath};

/// The folders below one, each once, even if several links lead to it; otherwise, a few links could create an exponential number of
/// paths. Folders that are not reached by links come first, so that a folder is visited by its own path if it has one.
pub struct Walk<'a> {
    files: &'a dyn Files,
    plain: Vec<TreePath>,
    linked: Vec<TreePath>,
    seen: BTreeSet<TreePath>,
    repeated: Vec<TreePath>,
}

impl<'a> Walk<'a> {
    /// Starts at a folder.
    pub fn new(files: &'a dyn Files, folder: TreePath) -> Walk<'a> {
        Walk {
            files,
            plain: vec![folder],
            linked: Vec::new(),
            seen: BTreeSet::new(),
            repeated: Vec::new(),
        }
    }

    /// Adds a child of the folder that was returned last.
    pub fn add(&mut self, folder: TreePath) {
        let is_plain = self.files.real(&folder).is_ok_and(|it| it == folder);
        let list = if is_plain {
            &mut self.plain
        } else {
            &mut self.linked
        };
        list.push(folder);
    }

    /// The folders that were skipped, because they were visited under another path.
    pub fn into_repeated(self) -> Vec<TreePath> {
        self.repeated
    }
}

impl Iterator for Walk<'_> {
    type Item = TreePath;

    fn next(&mut self) -> Option<TreePath> {
        while let Some(folder) = self.plain.pop().or_else(|| self.linked.pop()) {
            // Missing folders are returned, so that reading them reports the error.
            let real = self.files.real(&folder).unwrap_or_else(|_| folder.clone());
            match self.seen.insert(real) {
                true => return Some(folder),
                false => self.repeated.push(folder),
            }
        }
        None
    }
}
