//! A comparison of revisions that remembers which trees have no links gives the same changes as one that searches all trees.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use pleach::disk::{Repository, Revision};
use pleach::tree::TreePath;
use pleach::workspace_diff::Memory as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::common_random::cases;
use crate::git_repository::git;
use crate::word_index::MemoryStore;

/// What happens to a path between two commits.
#[derive(Clone, Debug)]
enum Edit {
    File(u8),
    Link(&'static str),
    Nothing,
}

fn edit() -> impl Strategy<Value = (String, Edit)> {
    let folder = prop::sample::select(&["in/a", "in/b", "in/a/deep", "in/c/x", "out", "in"][..]);
    let name = prop::sample::select(&["one", "two", "three"][..]);
    let target =
        prop::sample::select(&["../out", "../../out/one", "../b", "..", "two", "/tmp"][..]);
    let edit = prop_oneof![
        4 => any::<u8>().prop_map(Edit::File),
        2 => target.prop_map(Edit::Link),
        1 => Just(Edit::Nothing),
    ];
    (folder, name, edit).prop_map(|(folder, name, edit)| (format!("{folder}/{name}"), edit))
}

fn apply(root: &Path, (path, edit): &(String, Edit)) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    // A missing file is not an error.
    let _ = fs::remove_file(&path);
    match edit {
        Edit::File(content) => fs::write(path, [*content]).unwrap(),
        Edit::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        Edit::Nothing => {}
    }
}

/// Commits each list of edits, and compares each commit with the previous one and with the first.
fn compare_commits(commits: &[Vec<(String, Edit)>]) -> MemoryStore {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    git(root, &["init", "--quiet"]);
    let inputs = [TreePath::new("in").unwrap()];
    let memory = MemoryStore::default();
    let mut ids = Vec::new();
    for edits in commits {
        edits.iter().for_each(|it| apply(root, it));
        git(root, &["add", "--all"]);
        git(root, &["commit", "--quiet", "--allow-empty", "-m", "edits"]);
        ids.push(git(root, &["rev-parse", "HEAD"]).trim().to_string());
    }
    for at in 1..ids.len() {
        for before in [at - 1, 0] {
            // Each comparison is that of a new process.
            let repository = Repository::find(root).unwrap();
            let open = |at: usize| -> Revision { repository.revision(&ids[at]).unwrap().unwrap() };
            let remembered = open(before).changes(&open(at), &inputs, Some(&memory));
            let searched = open(before).changes(&open(at), &inputs, None);
            assert_eq!(remembered, searched, "{before} and {at}");
        }
    }
    memory
}

#[test_with::executable(git)]
#[test]
fn remembered_trees_do_not_hide_links() {
    let config = Config {
        failure_persistence: None,
        ..Config::with_cases(cases(6))
    };
    let commits = prop::collection::vec(prop::collection::vec(edit(), 0..8), 2..7);
    let run = TestRunner::new(config).run(&commits, |it| {
        compare_commits(&it);
        Ok(())
    });
    run.unwrap();
}

/// The second comparison of similar revisions reads what the first one has found.
#[test_with::executable(git)]
#[test]
fn trees_without_links_are_remembered() {
    let file = |path: &str, content| (path.to_string(), Edit::File(content));
    let commits: [Vec<_>; 3] = [
        vec![file("in/a/one", 1), file("in/b/one", 1)],
        vec![file("in/a/one", 2)],
        vec![file("in/a/one", 3)],
    ];
    let memory = compare_commits(&commits);
    assert!(memory.load("trees without links").is_some());
}
