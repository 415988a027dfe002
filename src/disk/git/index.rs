//! The index: the content of the next commit, independent of the work tree.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::PoisonError;

use super::Repository;
use super::command::{command, output, start_error, stdout_of};
use super::id::Id;
use super::revision::Revision;
use super::tree_object::{Mode, TreeEntry};
use crate::disk::error::DiskError;
use crate::tree::{FilesError, TreePath};

/// Entries of the index that differ from HEAD, by path. `None` for a path that is removed or unmerged.
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
        let mut diff_index = command(&self.root);
        // Changes inside a submodule cannot be committed here, and detecting them would start git in each submodule.
        diff_index
            .args(arguments)
            .args(["--ignore-submodules=dirty", "HEAD", "--"]);
        diff_index.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = diff_index.spawn().map_err(start_error)?;
        let head = self.revision("HEAD");
        let output = child.wait_with_output().map_err(start_error)?;
        let mut unmerged = BTreeSet::new();
        let (head, entries) = match head? {
            Some(head) => {
                let stdout = stdout_of(&self.root, output)?;
                (head, parse_diff_index(&stdout, &mut unmerged))
            }
            // Before the first commit, git has nothing to compare the index with.
            None => {
                let root = Id::synthetic(0);
                let head = Revision::new(objects, root);
                let mut trees = head.trees.lock().unwrap_or_else(PoisonError::into_inner);
                trees.insert(root, Vec::new().into());
                drop(trees);
                (head, self.all_entries()?)
            }
        };
        let index = head.with_entries(&entries);
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
    fn all_entries(&self) -> Result<Entries, DiskError> {
        let mut ls_files = command(&self.root);
        let listed = output(&self.root, ls_files.args(["ls-files", "--stage", "-z"]))?;
        let text = String::from_utf8_lossy(&listed);
        // `<mode> <id> <stage>\t<path>`
        let entries = text.split('\0').filter_map(|it| {
            let (fields, path) = it.split_once('\t')?;
            let mut fields = fields.split(' ');
            let mode = Mode::parse(fields.next()?);
            let id = Id::parse(fields.next()?)?;
            Some((TreePath::new(path)?, Some((mode_at(mode, path), id))))
        });
        Ok(entries.collect())
    }
}

/// Parses repetitions of `:<mode> <mode> <id> <id> <status>\0<path>\0`.
fn parse_diff_index(stdout: &[u8], unmerged: &mut BTreeSet<TreePath>) -> Entries {
    let text = String::from_utf8_lossy(stdout);
    let mut parts = text.split('\0');
    let mut entries = Entries::new();
    while let (Some(fields), Some(path)) = (parts.next(), parts.next()) {
        let fields: Vec<&str> = fields.split(' ').collect();
        let (Some(path), [_, mode, _, id, status]) = (TreePath::new(path), &*fields) else {
            continue;
        };
        // An unmerged path has no entry of stage 0, only one for each side of the merge.
        if status.starts_with('U') {
            unmerged.insert(path.clone());
        }
        let exists = !status.starts_with(['D', 'U']);
        let mode = mode_at(Mode::parse(mode), path.as_str());
        let entry = Id::parse(id).map(|it| (mode, it));
        entries.insert(path, entry.filter(|_| exists));
    }
    entries
}

/// The mode of an entry whose path was converted to UTF-8 lossily. A path with U+FFFD was most likely not valid UTF-8; a path that
/// really contains this character is refused as well.
fn mode_at(mode: Mode, path: &str) -> Mode {
    match path.contains(char::REPLACEMENT_CHARACTER) {
        true => Mode::NotUtf8,
        false => mode,
    }
}

/// The changed entries of each folder; `None` for a removed entry.
type ChangedFolders<'a> = BTreeMap<TreePath, Vec<(&'a str, Option<TreeEntry>)>>;

/// The names of the direct subfolders of a folder that contain changes at any depth.
fn changed_subfolders(folder: &TreePath, changed: &ChangedFolders<'_>) -> Vec<String> {
    // Paths below a folder sort after its name and a byte, so they are one range of the sorted map.
    let start = match folder.as_str() {
        "" => folder.clone(),
        _ => folder.child("\0"),
    };
    let below = changed.range(start..).map(|it| it.0.below(folder));
    let below = below.take_while(Option::is_some).flatten();
    let mut names: Vec<String> = below
        .filter_map(|it| it.parts().next().map(str::to_string))
        .collect();
    names.dedup();
    names
}

impl Revision {
    /// The revision with some files added, replaced or removed.
    fn with_entries(&self, entries: &Entries) -> Result<Revision, FilesError> {
        if entries.is_empty() {
            let same = Revision::new(self.objects.clone(), self.root);
            // The tree before the first commit is in no object.
            let trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
            let mut copies = same.trees.lock().unwrap_or_else(PoisonError::into_inner);
            copies.extend(trees.get(&self.root).map(|it| (self.root, it.clone())));
            drop(copies);
            return Ok(same);
        }
        let index = Revision::new(self.objects.clone(), Id::synthetic(1));
        let mut changed = ChangedFolders::new();
        for (path, entry) in entries {
            let entry = entry.as_ref().map(|(mode, id)| TreeEntry {
                name: path.name().into(),
                mode: *mode,
                id: *id,
            });
            let folder = path.parent().unwrap_or_else(TreePath::root);
            changed
                .entry(folder)
                .or_default()
                .push((path.name(), entry));
        }
        index.rebuild_tree(self, &TreePath::root(), Some(&self.root), &changed)?;
        Ok(index)
    }

    /// Adds the tree of a folder, with its changed entries and subfolders, to this revision. `id` is its tree in `base`, if any.
    /// Returns the entry of the folder in its parent; `None` if the folder is empty.
    fn rebuild_tree(
        &self,
        base: &Revision,
        folder: &TreePath,
        id: Option<&Id>,
        changed: &ChangedFolders<'_>,
    ) -> Result<Option<TreeEntry>, FilesError> {
        let old = id.map(|it| base.tree(it)).transpose()?;
        let mut entries: BTreeMap<Box<str>, TreeEntry> = BTreeMap::new();
        for entry in old.iter().flat_map(|it| it.iter()) {
            entries.insert(entry.name.clone(), entry.clone());
        }
        for (name, entry) in changed.get(folder).into_iter().flatten() {
            match entry {
                Some(entry) => drop(entries.insert((*name).into(), entry.clone())),
                None => drop(entries.remove(*name)),
            }
        }
        for name in changed_subfolders(folder, changed) {
            let entry = entries.get(&*name).filter(|it| it.mode == Mode::Folder);
            let id = entry.map(|it| it.id);
            match self.rebuild_tree(base, &folder.child(&name), id.as_ref(), changed)? {
                Some(entry) => drop(entries.insert(name.into(), entry)),
                None if id.is_some() => drop(entries.remove(&*name)),
                None => {}
            }
        }
        let entries: Vec<TreeEntry> = entries.into_values().collect();
        // A commit has no empty trees: a folder is removed with its last file.
        let is_empty = entries.is_empty();
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        // These trees are not stored as objects: Git writes trees when it commits, and this tree is only read.
        let id = match folder.as_str() {
            "" => self.root,
            _ => Id::synthetic(trees.len() + 2),
        };
        trees.insert(id, entries.into());
        Ok((!is_empty).then(|| TreeEntry {
            name: folder.name().into(),
            mode: Mode::Folder,
            id,
        }))
    }
}
