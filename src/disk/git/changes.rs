//! The differences between two revisions, found by comparing tree IDs: trees with equal IDs are never read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::id::Id;
use super::links::{LinkSearch, changes_through};
use super::revision::Revision;
use super::tree_object;
use super::tree_object::{Mode, TreeEntry};
use crate::disk::FOLDERS_MAX;
use crate::tree::{Changes, FilesError, TreePath};
use crate::workspace_diff::Memory;

/// Refuses to compare more folders than a revision may list.
pub(super) fn check_folder_count(count: usize) -> Result<(), FilesError> {
    match count > FOLDERS_MAX {
        true => {
            let message = format!("more than {FOLDERS_MAX} folders differ between the revisions");
            Err(FilesError::Other(message))
        }
        false => Ok(()),
    }
}

/// A folder that differs between two revisions.
struct DifferingFolder {
    path: TreePath,
    /// Its tree in each revision; `None` where the folder does not exist.
    trees: [Option<Id>; 2],
}

impl Revision {
    /// The differences between this revision and another one of the same repository. For links below the `inputs` folders, a change
    /// of a file is reported under its own path and under the path through the link. `memory` remembers trees without links.
    pub fn changes(
        &self,
        after: &Revision,
        inputs: &[TreePath],
        memory: Option<&dyn Memory>,
    ) -> Result<Changes, FilesError> {
        if self.root == after.root {
            return Ok(Changes::new());
        }
        let mut search = LinkSearch::new(memory);
        let mut changes = self.walk(after)?;
        let mut links = search.links(self, inputs)?;
        links.extend(search.links(after, inputs)?);
        search.finish();
        changes_through(links, &mut changes)?;
        Ok(changes)
    }

    /// Adds differences that are visible through links of this revision below some folders. `memory` remembers trees without links.
    pub fn add_linked(
        &self,
        inputs: &[TreePath],
        changes: &mut Changes,
        memory: Option<&dyn Memory>,
    ) -> Result<(), FilesError> {
        let mut search = LinkSearch::new(memory);
        let links = search.links(self, inputs)?;
        search.finish();
        changes_through(links, changes)
    }

    /// The differences, without following links.
    fn walk(&self, after: &Revision) -> Result<Changes, FilesError> {
        let mut changes = Changes::new();
        let mut pending = vec![DifferingFolder {
            path: TreePath::root(),
            trees: [Some(self.root), Some(after.root)],
        }];
        let mut walked = 0;
        while !pending.is_empty() {
            walked += pending.len();
            check_folder_count(walked)?;
            self.prefetch(pending.iter().flat_map(|it| it.trees.iter().flatten()))?;
            let mut subfolders = Vec::new();
            for folder in pending {
                folder.compare([self, after], &mut changes, &mut subfolders)?;
            }
            pending = subfolders;
        }
        Ok(changes)
    }

    /// The differences from this revision to another one, without following links. `None` if a tree of this revision no longer
    /// exists, or if too many folders differ.
    pub(super) fn changes_to(&self, after: &Revision) -> Option<Changes> {
        let mut changes = Changes::new();
        let mut pending = vec![DifferingFolder {
            path: TreePath::root(),
            trees: [Some(self.root), Some(after.root)],
        }];
        let mut walked = 0;
        while let Some(folder) = pending.pop() {
            walked += 1;
            let exists = folder.trees[0].is_none_or(|it| self.objects.has(&it));
            if !exists || walked > FOLDERS_MAX {
                return None;
            }
            folder
                .compare([self, after], &mut changes, &mut pending)
                .ok()?;
        }
        Some(changes)
    }

    pub(super) fn prefetch<'a>(&self, ids: impl Iterator<Item = &'a Id>) -> Result<(), FilesError> {
        let trees = self
            .trees
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let ids: Vec<Id> = ids.filter(|it| !trees.contains_key(it)).copied().collect();
        drop(trees);
        let fetched = self.objects.prefetch(&ids);
        fetched.map_err(|it| FilesError::Other(it.source.to_string()))
    }
}

impl DifferingFolder {
    /// The entries that differ between the two trees; all entries if only a complete comparison can tell.
    fn differing(&self, revisions: [&Revision; 2]) -> Result<[Arc<[TreeEntry]>; 2], FilesError> {
        if let [Some(old), Some(new)] = &self.trees
            && !old.digest().is_empty()
            && old.digest().len() == new.digest().len()
        {
            let (before, after) = (revisions[0].object(old)?, revisions[1].object(new)?);
            let entries = tree_object::differing([&before, &after], old.digest().len());
            if let Some(entries) = entries {
                return Ok(entries.map(Arc::from));
            }
        }
        let all = |at: usize| match &self.trees[at] {
            Some(id) => revisions[at].tree(id),
            None => Ok(Arc::from([])),
        };
        Ok([all(0)?, all(1)?])
    }

    /// Adds the differences of this folder to `changes`, and its differing subfolders to `subfolders`.
    fn compare(
        &self,
        revisions: [&Revision; 2],
        changes: &mut Changes,
        subfolders: &mut Vec<DifferingFolder>,
    ) -> Result<(), FilesError> {
        // Names that are not valid UTF-8 may be equal after the lossy conversion, so equal names are numbered.
        let mut names: BTreeMap<(Box<str>, usize), [Option<TreeEntry>; 2]> = BTreeMap::new();
        for (side, entries) in self.differing(revisions)?.iter().enumerate() {
            let mut previous: Option<&str> = None;
            let mut number = 0;
            for entry in entries.iter() {
                number = match previous {
                    Some(previous) if *previous == *entry.name => number + 1,
                    _ => 0,
                };
                previous = Some(&entry.name);
                let both = names.entry((entry.name.clone(), number)).or_default();
                both[side] = Some(entry.clone());
            }
        }
        for ((name, _), [old, new]) in names {
            if old == new {
                continue;
            }
            let path = self.path.child(&name);
            let tree = |it: &Option<TreeEntry>| {
                let folder = it.as_ref().filter(|it| it.mode == Mode::Folder);
                folder.map(|it| it.id)
            };
            let is_file =
                |it: &Option<TreeEntry>| it.as_ref().is_some_and(|it| it.mode != Mode::Folder);
            let mut entries = [&old, &new].into_iter().flatten();
            if entries.any(|it| it.mode == Mode::Submodule) {
                changes.change_all(&path);
            }
            match (is_file(&old), is_file(&new)) {
                (true, true) => changes.change(&path),
                (true, false) | (false, true) => changes.add_or_remove(&path, |_| true),
                (false, false) => {}
            }
            let trees = [tree(&old), tree(&new)];
            if trees.iter().any(Option::is_none) && trees.iter().any(Option::is_some) {
                changes.add_or_remove(&path, |_| true);
            }
            if trees.iter().any(Option::is_some) {
                subfolders.push(DifferingFolder { path, trees });
            }
        }
        Ok(())
    }
}
