//! Dangers of a change: two trees and the full report.

use pleach::compare::findings;
use pleach::diag::Diagnostics;
use pleach::report::human;
use pleach::tree::{Tree, TreePath};

use crate::check::VIEW;
use crate::compare::compare_trees;

pub(crate) fn make(tree: &mut Tree) {
    let folder = |name| tree.folder(&TreePath::new(name).unwrap());
    let found = compare_trees(&folder("before"), &folder("after"));
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let all = findings(&found);
    let all: Diagnostics = all.iter().map(|it| it.found.diagnostic()).collect();
    let report = human(&all, &VIEW);
    assert!(!report.contains("visible"), "a secret is shown:\n{report}");
    tree.insert(TreePath::new("report").unwrap(), report.into_bytes());
}
