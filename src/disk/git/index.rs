//! The index: the content of the next commit, independent of the work tree.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::PoisonError;

use super::Repository;
use super::command::{command, finished, not_started, output};
use super::id::Id;
use super::revision::Revision;
use super::tree_object::{Item, Mode};
use crate::disk::error::DiskError;
use crate::tree::{FilesError, TreePath};

/// The entry of an index at a path, if it differs from HEAD: none, or an object.
type Entries = BTreeMap<TreePath, Option<(Mode, Id)>>;

/// The index, with the commit that it is based on.
pub struct Index {
    /// HEAD; empty before the first commit.
    pub head: Revision,
    /// The content of the next commit.
    pub index: Revision,
    /// Unmerged paths, which cannot be committed yet.
    pub unmerged: BTreeSet<TreePath>,
}

impl Repository {
    /// Reads `.git/index`, with its extensions.
    pub fn index(&self) -> Result<Index, DiskError> {
        let objects = self.objects();
        // Both git processes run at the same time.
        // `diff-index` reads the index in whatever form it has (split, sparse, with extensions), and prints only what differs.
        let arguments = ["diff-index", "--cached", "--raw", "-z", "--no-renames"];
        let mut list = command(&self.root);
        // Changes inside a submodule cannot be committed here, and detecting them would start git in each submodule.
        list.args(arguments)
            .args(["--ignore-submodules=dirty", "HEAD", "--"]);
        list.stdout(Stdio::piped()).stderr(Stdio::piped());
        let listed = list.spawn().map_err(not_started)?;
        let head = self.revision("HEAD");
        let listed = listed.wait_with_output().map_err(not_started)?;
        let mut unmerged = BTreeSet::new();
        let (head, entries) = match head? {
            Some(head) => {
                let listed = finished(&self.root, listed)?;
                (head, changed(&listed, &mut unmerged))
            }
            // Before the first commit, git has nothing to compare the index with.
            None => {
                let root = Id::synthetic(0);
                let head = Revision::new(objects, root);
                let mut trees = head.trees.lock().unwrap_or_else(PoisonError::into_inner);
                trees.insert(root, Vec::new().into());
                drop(trees);
                (head, self.all()?)
            }
        };
        let index = head.with(&entries);
        let index = index.map_err(|it| {
            DiskError::when("read the index of", &self.root)(std::io::Error::other(it.to_string()))
        })?;
        Ok(Index {
            head,
            index,
            unmerged,
        })
    }

    /// All entries of the index.
    fn all(&self) -> Result<Entries, DiskError> {
        let mut list = command(&self.root);
        let listed = output(&self.root, list.args(["ls-files", "--stage", "-z"]))?;
        let text = String::from_utf8_lossy(&listed);
        // `<mode> <id> <stage>\t<path>`
        let entries = text.split('\0').filter_map(|it| {
            let (words, path) = it.split_once('\t')?;
            let mut words = words.split(' ');
            let mode = Mode::read(words.next()?);
            let id = Id::read(words.next()?)?;
            Some((TreePath::new(path)?, Some((of_path(mode, path), id))))
        });
        Ok(entries.collect())
    }
}

/// Reads repetitions of `:<mode> <mode> <id> <id> <status>\0<path>\0`.
fn changed(listed: &[u8], unmerged: &mut BTreeSet<TreePath>) -> Entries {
    let text = String::from_utf8_lossy(listed);
    let mut fields = text.split('\0');
    let mut entries = Entries::new();
    while let (Some(words), Some(path)) = (fields.next(), fields.next()) {
        let words: Vec<&str> = words.split(' ').collect();
        let (Some(path), [_, mode, _, id, status]) = (TreePath::new(path), &*words) else {
            continue;
        };
        // A conflict has no entry of stage 0, only those of the merged sides.
        if status.starts_with('U') {
            unmerged.insert(path.clone());
        }
        let is_there = !status.starts_with(['D', 'U']);
        let mode = of_path(Mode::read(mode), path.as_str());
        let item = Id::read(id).map(|it| (mode, it));
        entries.insert(path, item.filter(|_| is_there));
    }
    entries
}

/// The mode of an entry whose path was read lossily. With U+FFFD in it, a path was most likely not valid UTF-8; one that
/// really has the character is refused as well.
fn of_path(mode: Mode, path: &str) -> Mode {
    match path.contains(char::REPLACEMENT_CHARACTER) {
        true => Mode::NotUtf8,
        false => mode,
    }
}

impl Revision {
    /// The revision with some files added, replaced or removed.
    fn with(&self, entries: &Entries) -> Result<Revision, FilesError> {
        if entries.is_empty() {
            return Ok(Revision::new(self.objects.clone(), self.root));
        }
        let index = Revision::new(self.objects.clone(), Id::synthetic(1));
        let mut changed: BTreeMap<TreePath, Vec<(&str, Option<Item>)>> = BTreeMap::new();
        for (path, entry) in entries {
            let item = entry.as_ref().map(|(mode, id)| Item {
                name: path.name().into(),
                mode: *mode,
                id: *id,
            });
            let folder = path.parent().unwrap_or_else(TreePath::root);
            changed.entry(folder).or_default().push((path.name(), item));
        }
        index.graft(self, &TreePath::root(), Some(&self.root), &changed)?;
        Ok(index)
    }

    /// Rebuilds the tree of a folder with its changed entries and subfolders.
    fn graft(
        &self,
        below: &Revision,
        folder: &TreePath,
        id: Option<&Id>,
        changed: &BTreeMap<TreePath, Vec<(&str, Option<Item>)>>,
    ) -> Result<Option<Item>, FilesError> {
        let old = id.map(|it| below.tree(it)).transpose()?;
        let mut items: BTreeMap<Box<str>, Item> = BTreeMap::new();
        for item in old.iter().flat_map(|it| it.iter()) {
            items.insert(item.name.clone(), item.clone());
        }
        for (name, item) in changed.get(folder).into_iter().flatten() {
            match item {
                Some(item) => drop(items.insert((*name).into(), item.clone())),
                None => drop(items.remove(*name)),
            }
        }
        // Paths below a folder sort after its name and a byte, so they are one range of the sorted map.
        let start = match folder.as_str() {
            "" => folder.clone(),
            _ => folder.child("\0"),
        };
        let deeper = changed.range(start..).map(|it| it.0.below(folder));
        let deeper = deeper.take_while(Option::is_some).flatten();
        let mut names: Vec<String> = deeper
            .filter_map(|it| it.parts().next().map(str::to_string))
            .collect();
        names.dedup();
        for name in names {
            let item = items.get(&*name).filter(|it| it.mode == Mode::Folder);
            let id = item.map(|it| it.id);
            match self.graft(below, &folder.child(&name), id.as_ref(), changed)? {
                Some(item) => drop(items.insert(name.into(), item)),
                None if id.is_some() => drop(items.remove(&*name)),
                None => {}
            }
        }
        let items: Vec<Item> = items.into_values().collect();
        // A commit has no empty trees: a folder is removed with its last file.
        let is_empty = items.is_empty();
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        // These trees are not stored as objects: Git writes trees when it commits, and this tree is only read.
        let id = match folder.as_str() {
            "" => self.root,
            _ => Id::synthetic(trees.len() + 2),
        };
        trees.insert(id, items.into());
        Ok((!is_empty).then(|| Item {
            name: folder.name().into(),
            mode: Mode::Folder,
            id,
        }))
    }
}
