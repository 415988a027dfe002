//! The differences between two states of a tree, by path, and what was read of one.

use std::collections::BTreeSet;

use super::{Tree, TreePath};

/// The files that were read and the folders that were listed.
///
/// It answers "does this change touch that result" exactly: a result can only depend on what is recorded here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    /// Files whose bytes were read, or looked for and missed.
    pub files: BTreeSet<TreePath>,
    /// Folders whose names were listed.
    pub folders: BTreeSet<TreePath>,
}

/// The paths at which two states differ, and the folders whose lists of names differ.
///
/// Together with a [`ReadSet`], it shows what a change affects: everything that has read none of these paths gives the same result
/// again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    paths: BTreeSet<TreePath>,
    folders: BTreeSet<TreePath>,
    /// Folders in which anything may differ.
    wholes: BTreeSet<TreePath>,
}

impl Changes {
    /// A comparison without any difference.
    pub fn new() -> Changes {
        Changes::default()
    }

    /// The differences between two trees.
    pub fn between(before: &Tree, after: &Tree) -> Changes {
        let mut changes = Changes::new();
        for (path, bytes) in after {
            match before.get(path) {
                None => changes.add_or_remove(path, |it| before.has_folder(it)),
                Some(old) if old != bytes => changes.change(path),
                Some(_) => {}
            }
        }
        for (path, _) in before {
            if after.get(path).is_none() {
                changes.add_or_remove(path, |it| after.has_folder(it));
            }
        }
        changes
    }

    /// Records a file whose content differs.
    pub fn change(&mut self, path: &TreePath) {
        self.paths.insert(path.clone());
    }

    /// Records a folder in which anything may differ, such as a submodule.
    pub fn change_all(&mut self, folder: &TreePath) {
        self.paths.insert(folder.clone());
        self.wholes.insert(folder.clone());
    }

    /// Records a file that only one state has. `has_folder` returns whether the other state has a folder.
    pub fn add_or_remove(&mut self, path: &TreePath, has_folder: impl Fn(&TreePath) -> bool) {
        self.paths.insert(path.clone());
        let mut above = path.parent();
        while let Some(folder) = above {
            // The listing of the folder differs, which affects everything that lists it.
            self.folders.insert(folder.clone());
            // Only up to the first folder that both states have, because listings of its parents do not change.
            if folder == TreePath::root() || has_folder(&folder) {
                break;
            }
            self.paths.insert(folder.clone());
            above = folder.parent();
        }
    }

    /// Records that a file and each folder above it may have changed in an unknown way.
    pub fn change_unknown(&mut self, path: &TreePath) {
        self.add_or_remove(path, |_| true);
    }

    /// Whether a result with these reads may be different.
    pub fn touches(&self, read: &ReadSet) -> bool {
        // Iterates over the smaller set, because one changed file is compared with read sets of thousands.
        let meets = |a: &BTreeSet<TreePath>, b: &BTreeSet<TreePath>| match a.len() < b.len() {
            true => a.iter().any(|it| b.contains(it)),
            false => b.iter().any(|it| a.contains(it)),
        };
        let mut all = read.files.iter().chain(&read.folders);
        meets(&self.paths, &read.files)
            || meets(&self.folders, &read.folders)
            || !self.wholes.is_empty() && all.any(|it| self.is_in_whole(it))
    }

    fn is_in_whole(&self, path: &TreePath) -> bool {
        let is_above = |it: &TreePath| path == it || path.below(it).is_some();
        self.wholes.iter().any(is_above)
    }

    /// The folders of which everything has changed.
    pub fn wholes(&self) -> impl Iterator<Item = &TreePath> {
        self.wholes.iter()
    }

    /// The paths that differ.
    pub fn paths(&self) -> impl Iterator<Item = &TreePath> {
        self.paths.iter()
    }

    /// The differing paths that cannot be read because their names are not valid UTF-8: they have U+FFFD in place of the invalid
    /// parts. A path that really contains this character is included.
    pub fn misnamed(&self) -> impl Iterator<Item = &TreePath> {
        let is_misnamed = |it: &&TreePath| it.as_str().contains(char::REPLACEMENT_CHARACTER);
        self.paths.iter().filter(is_misnamed)
    }

    /// Whether a path differs.
    pub fn has(&self, path: &TreePath) -> bool {
        self.paths.contains(path)
    }

    /// Whether the names in a folder differ.
    pub fn has_listing(&self, folder: &TreePath) -> bool {
        self.folders.contains(folder)
    }

    /// Whether anything differs in a folder or below it.
    pub fn is_below(&self, folder: &TreePath) -> bool {
        self.below(folder).next().is_some() || self.folders.contains(folder)
    }

    /// The paths below a folder that differ.
    pub fn below(&self, folder: &TreePath) -> impl Iterator<Item = &TreePath> {
        let start = match folder.as_str() {
            // Paths are sorted by bytes, so all paths below a folder are contiguous.
            "" => folder.clone(),
            _ => folder.child("\0"),
        };
        let paths = self.paths.range(start..);
        paths.take_while(|it| it.below(folder).is_some())
    }

    /// The differences below a folder, by paths relative to it.
    pub fn within(&self, folder: &TreePath) -> Changes {
        let relative = |it: &TreePath| it.below(folder);
        let mut folders: BTreeSet<TreePath> = self.folders.iter().filter_map(relative).collect();
        if self.folders.contains(folder) {
            folders.insert(TreePath::root());
        }
        let mut wholes: BTreeSet<TreePath> = self.wholes.iter().filter_map(relative).collect();
        if self.is_in_whole(folder) {
            wholes.insert(TreePath::root());
        }
        Changes {
            paths: self.below(folder).filter_map(relative).collect(),
            folders,
            wholes,
        }
    }

    /// Adds the differences that a link makes visible below itself.
    pub fn follow_link(&mut self, link: &TreePath, target: &TreePath) {
        let linked = self.within(target);
        if self.paths.contains(target) {
            self.change(link);
        }
        let below_link = |it: &TreePath| link.join(it);
        self.paths.extend(linked.paths.iter().map(below_link));
        self.folders.extend(linked.folders.iter().map(below_link));
    }

    /// The differences at the paths that a condition selects.
    pub fn filter(&self, is_selected: impl Fn(&TreePath) -> bool) -> Changes {
        let selected = |it: &&TreePath| is_selected(it);
        Changes {
            paths: self.paths.iter().filter(selected).cloned().collect(),
            folders: self.folders.iter().filter(selected).cloned().collect(),
            wholes: self.wholes.iter().filter(selected).cloned().collect(),
        }
    }

    /// The number of differing paths and folders.
    pub fn len(&self) -> usize {
        self.paths.len() + self.folders.len()
    }

    /// Whether the two sides are equal.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.folders.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text).unwrap()
    }

    fn read(files: &[&str], folders: &[&str]) -> ReadSet {
        ReadSet {
            files: files.iter().map(|it| path(it)).collect(),
            folders: folders.iter().map(|it| path(it)).collect(),
        }
    }

    #[test]
    fn changes_touch_what_was_read() {
        let before = Tree::from_text("-- a/b --\n1\n-- a/c --\n1\n-- d --\n");
        let after = Tree::from_text("-- a/b --\n2\n-- d --\n-- new/x --\n");
        let changes = Changes::between(&before, &after);
        for (files, folders, touched) in [
            (&["a/b"][..], &[][..], true),
            (&["a/c"], &[], true),
            (&["d"], &[], false),
            (&[], &["a"], true),
            (&[], &["", "new"], true),
            (&["new"], &[], true),
            (&["a"], &["elsewhere"], false),
        ] {
            let read = read(files, folders);
            assert_eq!(changes.touches(&read), touched, "{read:?}");
        }
    }

    #[test]
    fn changes_are_visible_below_links() {
        let mut changes = Changes::new();
        changes.change(&path("shared/x/a"));
        changes.follow_link(&path("env/link"), &path("shared/x"));
        assert!(changes.has(&path("env/link/a")));
    }
}
