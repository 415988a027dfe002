//! Comparison states with an index of the words in each environment's files, so that only claims that a change may affect are read.
//!
//! An index is stored under the name of a Git tree, and beside it the words of the files that differ in the trees of the last
//! comparisons. The next comparison usually begins at one of these trees, or at one that differs in a few files; only these are read
//! again. The index of an environment is only loaded when its files are searched.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::State;
use crate::layout::BASE;
use crate::load::{self, WordChanges, WordIndex, environment_folder};
use crate::tree::{Below, Changes, Entry, EntryKind, Files, FilesError, TreePath, Unlisted};

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
    /// 0 for the files before a change, 1 for those after it.
    side: usize,
    indexes: Option<Arc<Indexes<'a>>>,
}

/// The indexes of both sides of a comparison.
struct Indexes<'a> {
    sides: [Below<'a>; 2],
    /// The folder of the workspace.
    root: TreePath,
    /// The differences, below the folder of the workspace.
    changes: &'a Changes,
    memory: &'a dyn Memory,
    /// By the folder of the environment.
    folders: BTreeMap<TreePath, OnceLock<[Option<WordIndex>; 2]>>,
}

/// The maximum number of trees whose differences are stored beside an index.
const TREES_MAX: usize = 8;
/// The maximum number of files that differ in such a tree.
const FILES_MAX: usize = 32;

/// What differs from the stored index of a folder in other trees of this folder.
#[derive(Serialize, Deserialize)]
struct Differences {
    /// The ID of the tree of the index.
    of: String,
    /// The IDs of other trees with their differences, the last one first.
    trees: Vec<(String, WordChanges)>,
    #[serde(skip)]
    is_changed: bool,
}

impl<'a> Indexed<'a> {
    /// The two sides without any index.
    pub(super) fn without_index(sides: [&State<'a>; 2]) -> [Indexed<'a>; 2] {
        [0, 1].map(|side| Indexed {
            files: sides[side].below(),
            side,
            indexes: None,
        })
    }

    /// The two sides whose difference is `changes`, below the folder of the workspace.
    pub(super) fn with_changes(
        sides: [&State<'a>; 2],
        changes: &'a Changes,
        memory: &'a dyn Memory,
    ) -> [Indexed<'a>; 2] {
        let plain = Indexed::without_index(sides);
        if sides[0].root != sides[1].root {
            return plain;
        }
        let names = load::environments(&plain[0].files).into_iter();
        let names = names.chain([BASE.to_string()]);
        let indexes = Arc::new(Indexes {
            sides: sides.map(State::below),
            root: sides[0].root.clone(),
            changes,
            memory,
            folders: names
                .map(|it| (environment_folder(&it).0, OnceLock::new()))
                .collect(),
        });
        plain.map(|it| Indexed {
            indexes: Some(indexes.clone()),
            ..it
        })
    }
}

impl Indexes<'_> {
    /// The index of an environment's folder on one side.
    fn index(&self, folder: &TreePath, side: usize) -> Option<&WordIndex> {
        let both = self.folders.get(folder)?;
        let both = both.get_or_init(|| self.load(folder).unwrap_or_default());
        both.get(side)?.as_ref()
    }

    fn load(&self, folder: &TreePath) -> Option<[Option<WordIndex>; 2]> {
        let [before, after] = &self.sides;
        let (old, mut known) = self.index_before(folder)?;
        let new = match self.changes.is_below(folder) || self.changes.has(folder) {
            false => Some(old.clone()),
            true if self.changes.has(folder) => None,
            true => {
                let changes = self.changes.within(folder);
                let new = old.clone().update(after, folder, &changes);
                known.add(after.id(folder), new.as_ref());
                new
            }
        };
        known.add(before.id(folder), Some(&old));
        self.store(folder, &known);
        Some([Some(old), new])
    }

    /// The index of the first side: a stored one, updated for changed files, or a new one.
    fn index_before(&self, folder: &TreePath) -> Option<(WordIndex, Differences)> {
        let files = &self.sides[0];
        let id = files.id(folder)?;
        if let Some(found) = self.stored_index(folder, &id) {
            return Some(found);
        }
        let index = WordIndex::build(files, folder)?;
        let bytes = [id.as_bytes(), b"\n", &index.to_bytes()].concat();
        self.memory.keep(&self.name("words", folder), bytes);
        Some((index, Differences::new(&id)))
    }

    fn stored_index(&self, folder: &TreePath, id: &str) -> Option<(WordIndex, Differences)> {
        let bytes = self.memory.load(&self.name("words", folder))?;
        let end = memchr::memchr(b'\n', &bytes)?;
        let (of, rest) = bytes.split_at_checked(end)?;
        let of = str::from_utf8(of).ok()?;
        let index = WordIndex::from_bytes(rest.get(1..)?)?;
        let known = self.memory.load(&self.name("changed words", folder));
        let known = known.and_then(|it| serde_json::from_slice::<Differences>(&it).ok());
        let known = known.filter(|it| it.of == of);
        let known = known.unwrap_or_else(|| Differences::new(of));
        let index = match known.find(id) {
            _ if of == id => index,
            Some(changes) => index.with_changes(changes.clone()),
            None => {
                let files = &self.sides[0];
                index.update(files, folder, &files.since(folder, of)?)?
            }
        };
        Some((index, known))
    }

    fn store(&self, folder: &TreePath, known: &Differences) {
        if let Some(bytes) = serde_json::to_vec(known).ok().filter(|_| known.is_changed) {
            self.memory.keep(&self.name("changed words", folder), bytes);
        }
    }

    /// The name under which something about a folder is stored.
    fn name(&self, what: &str, folder: &TreePath) -> String {
        format!("{what}\n{}", self.root.join(folder))
    }
}

impl Differences {
    fn new(of: &str) -> Differences {
        Differences {
            of: of.to_string(),
            trees: Vec::new(),
            is_changed: false,
        }
    }

    fn find(&self, id: &str) -> Option<&WordChanges> {
        let mut trees = self.trees.iter();
        trees.find(|it| it.0 == id).map(|it| &it.1)
    }

    /// Adds a tree, unless it is known or differs in many files.
    fn add(&mut self, id: Option<String>, index: Option<&WordIndex>) {
        let (Some(id), Some(index)) = (id, index) else {
            return;
        };
        if id == self.of || self.find(&id).is_some() || index.changes().len() > FILES_MAX {
            return;
        }
        self.trees.insert(0, (id, index.changes().clone()));
        self.trees.truncate(TREES_MAX);
        self.is_changed = true;
    }
}

impl Files for Indexed<'_> {
    fn files_containing(&self, folder: &TreePath, words: &[&str]) -> Option<Vec<TreePath>> {
        let index = self.indexes.as_ref()?.index(folder, self.side)?;
        let found = index.files_with(words)?;
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
