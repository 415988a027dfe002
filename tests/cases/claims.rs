//! Workspaces and their diagnostics: each file in `tests/claims/` is a case, and its last section is the report.

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

/// The files that all cases share: a workspace with one environment.
pub(crate) fn workspace() -> Tree {
    Tree::from_text(
        "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n\
         -- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n",
    )
}
