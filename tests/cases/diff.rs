//! The effect of a change: two trees and the report of their difference, which shows no secret.

use pleach::report::{View, changes, changes_json, folded, human};
use pleach::tree::{Tree, TreePath};

use crate::compare::compare_trees;

pub(crate) fn make(tree: &mut Tree) {
    let path = |text: &str| TreePath::new(text).unwrap();
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };

    let before = tree.folder(&path("before"));
    let found = compare_trees(&before, &tree.folder(&path("after")));
    let report = human(&folded(&found.notes), &view) + &changes(&found, &view, None);
    // `dmlza` is the beginning of `visible` in base64.
    let shows = |text: &str| text.to_lowercase().contains("visible") || text.contains("dmlza");
    assert!(!shows(&report), "a secret is shown:\n{report}");
    let json = changes_json(&found, ["before", "after"], &view, &|_, path| {
        Some((path.to_string(), true))
    });
    assert!(!shows(&json), "a secret is shown:\n{json}");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["notes"].as_array().unwrap().len(),
        found.notes.iter().count()
    );
    tree.insert(path("report"), report.into_bytes());
}
