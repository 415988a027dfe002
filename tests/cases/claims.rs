//! Workspaces and what is said of them: one text case a file in `tests/claims/`, the report as its last section.

use pleach::report::{View, human};
use pleach::tree::{Tree, TreePath};
use pleach::{Options, compile};

pub(crate) fn make(tree: &mut Tree) {
    let report_path = TreePath::new("report").unwrap();
    let mut input = workspace();
    input.overlay(tree);
    let compiled = compile(&input, &Options::default());
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    tree.insert(
        report_path.clone(),
        human(&compiled.diagnostics, &view).into_bytes(),
    );
}

/// What every case has: a workspace with one environment.
pub(crate) fn workspace() -> Tree {
    Tree::from_text(
        "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n\
         -- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n",
    )
}
