//! What a change does to what is deployed: two trees (`before`, `after`), and the report of their difference.

use pleach::diff::{Options, Salt};
use pleach::report::{View, changes, human};
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
        cache: None,
        options: Options::new(&salt),
    };
    let found = compare_repositories([&state(0), &state(1)], &[], &context);
    let report = human(&found.notes, &view) + &changes(&found, &view, None);
    tree.insert(path("report"), report.into_bytes());
}
