//! Workspaces and what is said of them: one text case a file in `tests/claims/`, the report as its last section.

use pleach::report::{View, human};
use pleach::tree::{Tree, TreePath};
use pleach::{Options, compile};

#[test]
fn claims() {
    let report_path = TreePath::new("report").unwrap();
    crate::cases::run("tests/claims", |tree| {
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
    });
}

/// Expressions of the built-in kinds read nothing that their schemas lack. Of a workspace's kinds each run looks at that.
#[test]
fn built_in_kinds_read_what_they_have() {
    let mut input = workspace();
    for (path, bytes) in &pleach::template::builtin() {
        let below: Vec<&str> = path.parts().skip(1).collect();
        let path = format!("templates/{}", below.join("/"));
        input.insert(TreePath::new(&path).unwrap(), bytes.to_vec());
    }
    let compiled = compile(&input, &Options::default());
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    let said = human(&compiled.diagnostics, &view);
    assert!(said.is_empty(), "{said}");
}

/// What every case has: a workspace with one environment.
fn workspace() -> Tree {
    Tree::from_text(
        "-- pleach.yaml --\napiVersion: pleach.dev/v1\nkind: Workspace\nmetadata: {name: case}\n\
         -- environments/test/environment.yaml --\napiVersion: pleach.dev/v1\nkind: Environment\nmetadata: {name: test}\nspec: {cluster: test-1}\n",
    )
}
