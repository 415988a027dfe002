//! The effect of a change on deployed objects: two trees (`before`, `after`) and the report of their difference.

use pleach::diff::{Options, Salt};
use pleach::report::{MarkdownOptions, View, changes, changes_json, html, human, markdown};
use pleach::tree::{Tree, TreePath};
use pleach::workspace_diff::{Context, State, compare_repositories};

pub(crate) fn make(tree: &mut Tree) {
    let path = |text: &str| TreePath::new(text).unwrap();
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    let root = TreePath::root();
    let trees = ["before", "after"].map(|it| tree.folder(&path(it)));
    let state = |at: usize| State {
        files: &trees[at],
        root: &root,
        top: &root,
        name: ["before", "after"][at],
        is_tree: true,
    };
    let salt = Salt::new(b"salt");
    let context = Context {
        memory: None,
        cache: None,
        options: Options::new(&salt),
    };
    let found = compare_repositories([&state(0), &state(1)], &[], &context);
    let report = human(&found.notes, &view) + &changes(&found, &view, None);
    // Either all formats show the rollout, or none does.
    let sides = ["before", "after"];
    let has_rollout = report.contains("rollout in");
    let page = html(&found, sides, &view);
    assert_eq!(page.contains("class=\"lane\""), has_rollout);
    let json = changes_json(&found, sides, &view, &|_, _| None);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(!json["rollout"].as_array().unwrap().is_empty(), has_rollout);
    let options = MarkdownOptions {
        bytes_max: 65_536,
        full_report: "",
    };
    let comment = markdown(&found, sides, &view, &options);
    assert_eq!(comment.contains("<summary>Rollout</summary>"), has_rollout);
    tree.insert(path("report"), report.into_bytes());
}
