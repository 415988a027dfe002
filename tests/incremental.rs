//! Rendering only what a change affects gives the same bytes as rendering the whole workspace.

use pleach::incremental::update;
use pleach::tree::{Changes, Tree, TreePath};
use pleach::{Compiled, Options, compile};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use crate::affected::{EDITS, Edit, WORKSPACE as SMALL, edited};

/// A workspace with a base field that affects only some environments, a pinned chart, an overlay whose patch must match, and a limit
/// on names.
pub(crate) const MORE: &str = include_str!("incremental/workspace.txt");

/// Edits of `MORE`.
pub(crate) const MORE_EDITS: &[Edit] = &[
    (
        "environments/one/door.yaml",
        Some("mode: open"),
        Some("mode: shut"),
    ),
    (
        "environments/two/door.yaml",
        Some("mode: open"),
        Some("mode: shut"),
    ),
    (
        "environments/two/door.yaml",
        Some("mode: shut"),
        Some("mode: open"),
    ),
    (
        "environments/base/door.yaml",
        Some("key: k"),
        Some("key: other"),
    ),
    (
        "environments/base/door.yaml",
        Some("key: k"),
        Some("key: ''"),
    ),
    (
        "environments/one/chart.yaml",
        Some("version: 1.0.0"),
        Some("version: 1.1.0"),
    ),
    (
        "environments/one/chart.yaml",
        Some("version: 1.1.0"),
        Some("version: 1.0.0"),
    ),
    (
        "environments/one/house.yaml",
        Some("namespace: one"),
        Some("namespace: three"),
    ),
    (
        "environments/one/house.yaml",
        Some("after: []"),
        Some("after: [door]"),
    ),
    (
        "environments/one/house.yaml",
        Some("after: []"),
        Some("after: [missing]"),
    ),
    (
        "environments/one/house.yaml",
        Some("after: [door]"),
        Some("after: []"),
    ),
    (
        "environments/two/patched.yaml",
        Some("name: patched"),
        Some("name: otherwise"),
    ),
    (
        "environments/two/patched.yaml",
        Some("name: otherwise"),
        Some("name: patched"),
    ),
    (
        "environments/two/patched.yaml",
        Some("mode: open"),
        Some("mode: shut"),
    ),
    (
        "environments/two/again.yaml",
        None,
        Some(
            "apiVersion: example.com/v1\nkind: Door\nmetadata: {name: house}\nspec: {mode: open, key: k}\n",
        ),
    ),
    ("environments/two/again.yaml", None, None),
    (
        "environments/one/new.yaml",
        None,
        Some(
            "apiVersion: example.com/v1\nkind: Door\nmetadata: {name: new}\nspec: {mode: open, key: k}\n",
        ),
    ),
    ("environments/one/new.yaml", None, None),
    (
        "environments/one/environment.yaml",
        Some("labels: {a: one}"),
        Some("labels: {a: two}"),
    ),
    (
        "environments/one/environment.yaml",
        Some("labels: {a: two}"),
        Some("labels: {a: one}"),
    ),
    (
        "environments/three/environment.yaml",
        Some("exclude: [House/house]"),
        Some("exclude: []"),
    ),
    (
        "environments/three/environment.yaml",
        Some("exclude: []"),
        Some("exclude: [House/house]"),
    ),
    ("environments/base/house.yaml", None, None),
    (
        "environments/base/house.yaml",
        None,
        Some(
            "apiVersion: example.com/v1\nkind: House\nmetadata: {name: house}\nspec: {after: [], namespace: base}\n",
        ),
    ),
    (
        "environments/base/house.yaml",
        Some("namespace: base"),
        Some("namespace: none"),
    ),
    ("environments/base/notes.txt", None, Some("a note")),
    ("environments/one/LOUD.YAML", None, Some("a: 1")),
    ("environments/one/LOUD.YAML", None, None),
    ("environments/stray.yaml", None, Some("a: 1")),
    ("environments/stray.yaml", None, None),
    (
        "environments/four/environment.yaml",
        None,
        Some("apiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: four}\n"),
    ),
    ("environments/four/environment.yaml", None, None),
    (
        "environments/two/crd.yaml",
        Some("kind: Gate"),
        Some("kind: Fence"),
    ),
    (
        "environments/two/crd.yaml",
        Some("kind: Fence"),
        Some("kind: Gate"),
    ),
    (
        "templates/House/house.yaml.j2",
        Some("rooms: 1"),
        Some("rooms: 2"),
    ),
    (
        "templates/House/house.yaml.j2",
        Some("rooms: 2"),
        Some("rooms: 1"),
    ),
    (
        "overlays/two/kustomization.yaml",
        Some("key: patched"),
        Some("key: more"),
    ),
    (
        "overlays/two/kustomization.yaml",
        Some("key: more"),
        Some("key: patched"),
    ),
    ("pleach.yaml", Some("name: more"), Some("name: renamed")),
];

/// The workspace after some edits, and its rendering.
struct State {
    files: Tree,
    full: Compiled,
    claims: usize,
}

impl State {
    fn of(files: Tree) -> State {
        let full = compile(&files, &Options::default());
        let claims = full.claims;
        State {
            files,
            full,
            claims,
        }
    }

    /// Whether the run had no diagnostics. Only such a run is stored.
    fn is_clean(&self) -> bool {
        self.full.diagnostics.is_empty()
    }
}

#[derive(Default)]
struct Counts {
    edits: usize,
    clean: usize,
    updated: usize,
}

/// Renders what changed since the last state without diagnostics, and compares it with a rendering of the whole workspace.
fn step(known: &mut State, files: &Tree, counts: &mut Counts, name: &str) -> bool {
    let changes = Changes::between(&known.files, files);
    if changes.is_empty() {
        return false;
    }
    counts.edits += 1;
    let next = State::of(files.clone());
    counts.clean += usize::from(next.is_clean());
    let found = update(
        [&known.files, files],
        &changes,
        known.claims,
        &Options::default(),
    );
    if let Some(found) = found {
        counts.updated += 1;
        let messages: Vec<_> = next.full.diagnostics.iter().map(|it| &it.message).collect();
        assert!(next.is_clean(), "{name}: {messages:?}");
        assert_eq!(found.claims, next.claims, "{name}");
        let is_covered = |it: &TreePath| found.compiled.as_ref().is_some_and(|all| all.covers(it));
        let rest = known.full.tree.iter().filter(|it| !is_covered(it.0));
        let part = found.compiled.iter().flat_map(|it| &it.tree);
        let spliced: Tree = rest
            .chain(part)
            .map(|(path, bytes)| (path.clone(), bytes.clone()))
            .collect();
        assert_eq!(spliced.to_text(), next.full.tree.to_text(), "{name}");
    }
    if next.is_clean() {
        *known = next;
    }
    true
}

fn sequence(workspace: &str, edits: &[Edit], chosen: &[usize], counts: &mut Counts) {
    let mut files = Tree::from_text(workspace);
    let mut known = State::of(files.clone());
    assert!(known.is_clean(), "{:?}", known.full.diagnostics);
    for at in chosen {
        let edit = edits[*at];
        files = edited(&files, &[edit]);
        step(
            &mut known,
            &files,
            counts,
            &format!("{chosen:?} at {edit:?}"),
        );
    }
}

/// Random sequences with at least `edits_min` edits in total.
fn random(edits_min: usize, mut runner: TestRunner) -> Counts {
    let mut counts = Counts::default();
    for (workspace, edits) in [(SMALL, EDITS), (MORE, MORE_EDITS)] {
        let until = counts.edits + edits_min / 2;
        let choice = proptest::collection::vec(0..edits.len(), 1..30);
        while counts.edits < until {
            let chosen = choice.new_tree(&mut runner).expect("a sequence").current();
            sequence(workspace, edits, &chosen, &mut counts);
        }
    }
    counts
}

#[test]
fn random_edits_give_the_bytes_of_full_runs() {
    let counts = random(150, TestRunner::deterministic());
    assert!(
        counts.updated > 0,
        "{} of {} were rendered in part",
        counts.updated,
        counts.clean
    );
}

/// For a release build: `PLEACH_EDITS=10000 cargo test --release --test suite incremental::many -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn many_random_edits_give_the_bytes_of_full_runs() {
    let edits = std::env::var("PLEACH_EDITS")
        .ok()
        .and_then(|it| it.parse().ok());
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    let counts = random(edits.unwrap_or(10_000), TestRunner::new(config));
    println!(
        "{} edits, {} to a workspace without diagnostics, {} rendered in part",
        counts.edits, counts.clean, counts.updated
    );
}

#[test]
fn each_edit_alone_gives_the_bytes_of_full_runs() {
    let mut counts = Counts::default();
    for (workspace, edits) in [(SMALL, EDITS), (MORE, MORE_EDITS)] {
        for at in 0..edits.len() {
            sequence(workspace, edits, &[at], &mut counts);
        }
    }
    assert!(counts.updated > 12, "{}", counts.updated);
}
