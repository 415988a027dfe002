//! Comparison states with an index of the words in each environment's files, so that only claims that a change may affect are read.
//!
//! An index is stored under the name of a Git tree. The next comparison usually begins at the same tree, or at one that differs in
//! a few files; only these are read again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::State;
use crate::layout::BASE;
use crate::load::{self, WordIndex, environment_folder};
use crate::tree::{Below, Changes, Entry, EntryKind, Files, FilesError, TreePath, Unlisted};
use crate::yaml::parallel::map;

/// A store of bytes by name, kept between runs. Entries may disappear at any time.
pub trait Memory: Sync {
    /// The bytes last stored under a name.
    fn load(&self, name: &str) -> Option<Vec<u8>>;
    /// Stores bytes under a name, replacing earlier ones.
    fn keep(&self, name: &str, bytes: Vec<u8>);
}

/// The files of a workspace, and an index of the words in them.
pub(super) struct Indexed<'a> {
    files: Below<'a>,
    /// By the folder of the environment.
    indexes: BTreeMap<TreePath, WordIndex>,
}

/// At least this many environments are indexed in parallel.
const ENVIRONMENTS_MANY: usize = 2;

impl<'a> Indexed<'a> {
    /// The two sides without any index.
    pub(super) fn without_index(sides: [&State<'a>; 2]) -> [Indexed<'a>; 2] {
        sides.map(|it| Indexed {
            files: it.below(),
            indexes: BTreeMap::new(),
        })
    }

    /// The two sides whose difference is `changes`, below the folder of the workspace.
    pub(super) fn with_changes(
        sides: [&State<'a>; 2],
        changes: &Changes,
        memory: &dyn Memory,
    ) -> [Indexed<'a>; 2] {
        let [mut before, mut after] = Indexed::without_index(sides);
        if sides[0].root != sides[1].root {
            return [before, after];
        }
        let mut names = load::environments(&before.files);
        names.push(BASE.to_string());
        let indexes = map(ENVIRONMENTS_MANY, &names, |name| {
            let folder = environment_folder(name).0;
            let old = index(&before.files, sides[0].root, &folder, memory)?;
            let new = match changes.is_below(&folder) || changes.has(&folder) {
                false => Some(old.clone()),
                true if changes.has(&folder) => None,
                true => old
                    .clone()
                    .update(&after.files, &folder, &changes.within(&folder)),
            };
            Some((folder, old, new))
        });
        for (folder, old, new) in indexes.into_iter().flatten() {
            after.indexes.extend(new.map(|it| (folder.clone(), it)));
            before.indexes.insert(folder, old);
        }
        [before, after]
    }
}

/// The index of an environment's folder: a stored one, updated for changed files, or a new one.
fn index(
    files: &Below<'_>,
    root: &TreePath,
    folder: &TreePath,
    memory: &dyn Memory,
) -> Option<WordIndex> {
    let id = files.id(folder)?;
    let name = format!("words\n{}", root.join(folder));
    let remembered = || {
        let bytes = memory.load(&name)?;
        let end = memchr::memchr(b'\n', &bytes)?;
        let (known, rest) = bytes.split_at_checked(end)?;
        let index = WordIndex::from_bytes(rest.get(1..)?)?;
        match str::from_utf8(known).ok()? {
            known if known == id => Some(index),
            known => index.update(files, folder, &files.since(folder, known)?),
        }
    };
    if let Some(index) = remembered() {
        return Some(index);
    }
    let index = WordIndex::build(files, folder)?;
    let bytes = [id.as_bytes(), b"\n", &index.to_bytes()].concat();
    memory.keep(&name, bytes);
    Some(index)
}

impl Files for Indexed<'_> {
    fn files_containing(&self, folder: &TreePath, words: &[&str]) -> Option<Vec<TreePath>> {
        let found = self.indexes.get(folder)?.files_with(words)?;
        Some(found.iter().map(|it| folder.join(it)).collect())
    }

    fn expect(&self, paths: &[TreePath]) {
        self.files.expect(paths);
    }

    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        self.files.read(path)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        self.files.list(folder)
    }

    fn real(&self, path: &TreePath) -> Result<TreePath, FilesError> {
        self.files.real(path)
    }

    fn unlisted(&self) -> BTreeMap<TreePath, Unlisted> {
        self.files.unlisted()
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.files.kind(path)
    }
}
