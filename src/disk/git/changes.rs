//! The differences between two revisions, found by comparing tree IDs: trees with equal IDs are never read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::id::Id;
use super::revision::Revision;
use super::tree_object;
use super::tree_object::{Item, Mode};
use crate::disk::FOLDERS_MAX;
use crate::tree::{Changes, FilesError, TreePath};
use crate::yaml::parallel::join;

/// Refuses to compare more folders than a revision may list.
fn check_folders(count: usize) -> Result<(), FilesError> {
    match count > FOLDERS_MAX {
        true => {
            let message = format!("more than {FOLDERS_MAX} folders differ between the revisions");
            Err(FilesError::Other(message))
        }
        false => Ok(()),
    }
}

/// A folder that differs between the sides.
struct Pair {
    folder: TreePath,
    sides: [Option<Id>; 2],
}

impl Revision {
    /// The differences between this revision and another one of the same repository. Changes below one of the `inputs` folders are
    /// seen through links too: a file that a link leads to counts by both its paths.
    pub fn changes(&self, after: &Revision, inputs: &[TreePath]) -> Result<Changes, FilesError> {
        if self.root == after.root {
            return Ok(Changes::new());
        }
        // Most trees are only read to find out that they contain no links.
        let mut seen = BTreeSet::new();
        let (walked, links) = join(|| self.walk(after), || self.links(inputs, &mut seen));
        let (mut changes, mut links) = (walked?, links?);
        links.extend(after.links(inputs, &mut seen)?);
        changes_through(links, &mut changes)?;
        Ok(changes)
    }

    /// The differences, without following links.
    fn walk(&self, after: &Revision) -> Result<Changes, FilesError> {
        let mut changes = Changes::new();
        let mut open = vec![Pair {
            folder: TreePath::root(),
            sides: [Some(self.root), Some(after.root)],
        }];
        let mut walked = 0;
        while !open.is_empty() {
            walked += open.len();
            check_folders(walked)?;
            self.prefetch(open.iter().flat_map(|it| it.sides.iter().flatten()))?;
            let mut deeper = Vec::new();
            for pair in open {
                pair.compare([self, after], &mut changes, &mut deeper)?;
            }
            open = deeper;
        }
        Ok(changes)
    }

    /// The differences from this revision to another one, without following links. `None` if a tree of this one no longer exists.
    pub(super) fn changes_to(&self, after: &Revision) -> Option<Changes> {
        let mut changes = Changes::new();
        let mut open = vec![Pair {
            folder: TreePath::root(),
            sides: [Some(self.root), Some(after.root)],
        }];
        let mut walked = 0;
        while let Some(pair) = open.pop() {
            walked += 1;
            let is_here = pair.sides[0].is_none_or(|it| self.objects.has(&it));
            if !is_here || walked > FOLDERS_MAX {
                return None;
            }
            pair.compare([self, after], &mut changes, &mut open).ok()?;
        }
        Some(changes)
    }

    /// Adds differences that are visible through links of this revision below some folders.
    pub fn add_linked(&self, inputs: &[TreePath], changes: &mut Changes) -> Result<(), FilesError> {
        changes_through(self.links(inputs, &mut BTreeSet::new())?, changes)
    }

    /// The links below some folders, with their targets. Targets outside cannot change.
    fn links(
        &self,
        folders: &[TreePath],
        seen: &mut BTreeSet<(TreePath, Id)>,
    ) -> Result<Vec<(TreePath, TreePath)>, FilesError> {
        let mut found = Vec::new();
        let known = folders
            .iter()
            .filter_map(|it| Some((it.clone(), self.plain_folder(it)?)));
        let mut open: Vec<(TreePath, Id)> = known.collect();
        let mut walked = 0;
        while !open.is_empty() {
            walked += open.len();
            check_folders(walked)?;
            self.prefetch(open.iter().map(|it| &it.1))?;
            let mut deeper = Vec::new();
            for (folder, id) in open {
                // Most folders are the same on both sides, and most hold files only.
                if !seen.insert((folder.clone(), id)) || !self.has_more_than_files(&id)? {
                    continue;
                }
                for item in self.tree(&id)?.iter() {
                    let path = folder.child(&item.name);
                    match item.mode {
                        Mode::File | Mode::Submodule | Mode::NotUtf8 => {}
                        Mode::Folder => deeper.push((path, item.id)),
                        Mode::Link => {
                            let target = self.object(&item.id)?;
                            let target = str::from_utf8(&target).ok();
                            let target = target.and_then(|it| folder.resolve(it));
                            // Links that lead back to a parent folder are not followed.
                            let target = target.filter(|it| path.below(it).is_none());
                            found.extend(target.map(|it| (path, it)));
                        }
                    }
                }
            }
            open = deeper;
        }
        Ok(found)
    }

    /// A folder, if no link leads to it.
    fn plain_folder(&self, path: &TreePath) -> Option<Id> {
        let mut id = self.root;
        for part in path.parts() {
            let items = self.tree(&id).ok()?;
            let item = items.iter().find(|it| *it.name == *part)?;
            id = Some(item).filter(|it| it.mode == Mode::Folder)?.id;
        }
        Some(id)
    }

    fn prefetch<'a>(&self, ids: impl Iterator<Item = &'a Id>) -> Result<(), FilesError> {
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

/// Links that lead to each other are looked through so often, which is how far they are followed.
const ROUNDS_MAX: usize = 40;

/// A few links that lead to each other show each change by more paths than memory has room for.
const SEEN_MAX: usize = 200_000;

fn changes_through(
    links: Vec<(TreePath, TreePath)>,
    changes: &mut Changes,
) -> Result<(), FilesError> {
    let most = changes.len() + SEEN_MAX;
    for _ in 0..ROUNDS_MAX {
        let before = changes.len();
        for (link, target) in &links {
            changes.see_through(link, target);
            if changes.len() > most {
                return Err(FilesError::Other(format!(
                    "the changes are visible under more than {SEEN_MAX} paths through `{link}` and other links: remove some of the links"
                )));
            }
        }
        if changes.len() == before {
            break;
        }
    }
    Ok(())
}

impl Pair {
    /// The entries that differ between the sides, or all entries if that is unknown.
    fn differing(&self, revisions: [&Revision; 2]) -> Result<[Arc<[Item]>; 2], FilesError> {
        if let [Some(old), Some(new)] = &self.sides
            && !old.digest().is_empty()
            && old.digest().len() == new.digest().len()
        {
            let (before, after) = (revisions[0].object(old)?, revisions[1].object(new)?);
            let found = tree_object::differing([&before, &after], old.digest().len());
            if let Some(found) = found {
                return Ok(found.map(Arc::from));
            }
        }
        let all = |at: usize| match &self.sides[at] {
            Some(id) => revisions[at].tree(id),
            None => Ok(Arc::from([])),
        };
        Ok([all(0)?, all(1)?])
    }

    fn compare(
        &self,
        revisions: [&Revision; 2],
        changes: &mut Changes,
        deeper: &mut Vec<Pair>,
    ) -> Result<(), FilesError> {
        // Names that are not valid UTF-8 may look the same: they count by their order.
        let mut names: BTreeMap<(Box<str>, usize), [Option<Item>; 2]> = BTreeMap::new();
        for (at, items) in self.differing(revisions)?.iter().enumerate() {
            let mut last: Option<&str> = None;
            let mut alike = 0;
            for item in items.iter() {
                alike = match last {
                    Some(last) if *last == *item.name => alike + 1,
                    _ => 0,
                };
                last = Some(&item.name);
                let both = names.entry((item.name.clone(), alike)).or_default();
                both[at] = Some(item.clone());
            }
        }
        for ((name, _), [old, new]) in names {
            if old == new {
                continue;
            }
            let path = self.folder.child(&name);
            let folder = |it: &Option<Item>| {
                let folder = it.as_ref().filter(|it| it.mode == Mode::Folder);
                folder.map(|it| it.id)
            };
            let is_file = |it: &Option<Item>| it.as_ref().is_some_and(|it| it.mode != Mode::Folder);
            let mut items = [&old, &new].into_iter().flatten();
            if items.any(|it| it.mode == Mode::Submodule) {
                changes.change_all(&path);
            }
            match (is_file(&old), is_file(&new)) {
                (true, true) => changes.change(&path),
                (true, false) | (false, true) => changes.appear(&path, |_| true),
                (false, false) => {}
            }
            let sides = [folder(&old), folder(&new)];
            if sides.iter().any(Option::is_none) && sides.iter().any(Option::is_some) {
                changes.appear(&path, |_| true);
            }
            if sides.iter().any(Option::is_some) {
                deeper.push(Pair {
                    folder: path,
                    sides,
                });
            }
        }
        Ok(())
    }
}
