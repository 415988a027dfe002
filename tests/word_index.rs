//! A comparison that uses a stored index of the words in files gives the same result as one that reads all files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use pleach::diff::{Options, Salt};
use pleach::tree::{Changes, Entry, EntryKind, Files, FilesError, Tree, TreePath};
use pleach::workspace_diff::{Context, Memory, State, compare_rendered};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::affected::{EDITS, Edit, WORKSPACE as SMALL, edited};
use crate::common_random::cases;
use crate::incremental::{MORE, MORE_EDITS};

/// A state of a workspace. The number of the state is the ID of all its folders.
struct Versioned<'a> {
    states: &'a [Tree],
    at: usize,
}

impl Versioned<'_> {
    fn tree(&self) -> &Tree {
        &self.states[self.at]
    }
}

fn below(tree: &Tree, folder: &TreePath) -> Tree {
    let files = tree.iter();
    let files = files.filter_map(|(path, bytes)| Some((path.below(folder)?, bytes.clone())));
    files.collect()
}

impl Files for Versioned<'_> {
    fn read(&self, path: &TreePath) -> Result<Arc<[u8]>, FilesError> {
        self.tree().read(path)
    }

    fn list(&self, folder: &TreePath) -> Result<Vec<Entry>, FilesError> {
        self.tree().list(folder)
    }

    fn kind(&self, path: &TreePath) -> Result<Option<EntryKind>, FilesError> {
        self.tree().kind(path)
    }

    fn id(&self, folder: &TreePath) -> Option<String> {
        let is_folder = self.kind(folder) == Ok(Some(EntryKind::Folder));
        is_folder.then(|| self.at.to_string())
    }

    fn since(&self, folder: &TreePath, id: &str) -> Option<Changes> {
        let before = self.states.get(id.parse::<usize>().ok()?)?;
        Some(Changes::between(
            &below(before, folder),
            &below(self.tree(), folder),
        ))
    }
}

#[derive(Default)]
pub(crate) struct MemoryStore(Mutex<BTreeMap<String, Vec<u8>>>);

impl Memory for MemoryStore {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(name).cloned()
    }

    fn keep(&self, name: &str, bytes: Vec<u8>) {
        self.0.lock().unwrap().insert(name.to_string(), bytes);
    }
}

/// The comparison of two states as text.
fn compared(states: &[Tree], at: [usize; 2], memory: Option<&dyn Memory>) -> String {
    let root = TreePath::root();
    let files = at.map(|at| Versioned { states, at });
    let [before, after] = files.each_ref().map(|files| State {
        files,
        root: &root,
        top: &root,
        name: "it",
        is_tree: false,
    });
    let salt = Salt::new(b"salt");
    let context = Context {
        cache: None,
        memory,
        options: Options::new(&salt),
    };
    let changes = Changes::between(&states[at[0]], &states[at[1]]);
    match compare_rendered([&before, &after], Some(&changes), &context) {
        Ok(comparison) => format!("{comparison:#?}"),
        Err(fault) => format!("{fault:#?}"),
    }
}

fn sequence(workspace: &str, edits: &[Edit], chosen: &[usize]) {
    let mut states = vec![Tree::from_text(workspace)];
    for at in chosen {
        let last = states.last().unwrap();
        states.push(edited(last, &[edits[*at]]));
    }
    let memory = MemoryStore::default();
    for at in 1..states.len() {
        for sides in [[at - 1, at], [0, at]] {
            let known = compared(&states, sides, Some(&memory));
            let fresh = compared(&states, sides, None);
            assert_eq!(known, fresh, "{chosen:?}: {sides:?}");
        }
    }
    assert!(!memory.0.lock().unwrap().is_empty());
}

fn random(sequences: usize, mut runner: TestRunner) {
    for (workspace, edits) in [(SMALL, EDITS), (MORE, MORE_EDITS)] {
        let choice = proptest::collection::vec(0..edits.len(), 1..12);
        for _ in 0..sequences {
            let chosen = choice.new_tree(&mut runner).expect("a sequence").current();
            sequence(workspace, edits, &chosen);
        }
    }
}

#[test]
fn random_edits_are_compared_like_without_an_index() {
    random(cases(3) as usize, TestRunner::deterministic());
}

/// For a release build: `PLEACH_SEQUENCES=1000 cargo test --release --test suite word_index:: -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn many_random_edits_are_compared_like_without_an_index() {
    let sequences = std::env::var("PLEACH_SEQUENCES").ok();
    let sequences = sequences.and_then(|it| it.parse().ok()).unwrap_or(1000);
    random(
        sequences,
        TestRunner::new(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        }),
    );
}

#[test]
fn names_and_files_that_an_index_omits_are_noticed() {
    let claim = |name: &str| format!("kind: Door\nmetadata: {{name: {name}}}\n");
    for (path, text) in [
        ("environments/one/LOUD.YAML", "a: 1".to_string()),
        ("environments/one/Environment.yaml", "a: 1".to_string()),
        (
            "environments/one/claim.json",
            "{\"apiVersion\": \"a\", \"kind\": \"b\"}".to_string(),
        ),
        ("environments/one/.hidden.yaml", claim("door")),
        ("environments/one/inner/more.yml", claim("door")),
        ("environments/one/escaped.yaml", claim("\"do\\x6fr\"")),
        ("environments/one/note.txt", "door".to_string()),
    ] {
        let before = Tree::from_text(MORE);
        let mut after = before.clone();
        after.insert(TreePath::new(path).unwrap(), text.into_bytes());
        let states = [before.clone(), after, before];
        let memory = MemoryStore::default();
        for sides in [[0, 1], [1, 2], [1, 0]] {
            let known = compared(&states, sides, Some(&memory));
            assert_eq!(known, compared(&states, sides, None), "{path} {sides:?}");
        }
    }
}
