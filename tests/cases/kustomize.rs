//! Builds of small folders: input below `in`, then the output (`out.yaml`) and the diagnostics (`report`).
//!
//! If the head of a case names a version of kustomize, its `out.yaml` is the output of that version.

use pleach::kustomize::{Options, build};
use pleach::report::{View, human};
use pleach::tree::{Tree, TreePath};

pub(crate) fn make(tree: &mut Tree) {
    let input = TreePath::new("in").unwrap();
    *tree = tree.folder(&input).under(&input);
    let overlay = input.child("overlay");
    let has_overlay = tree.get(&overlay.child("kustomization.yaml")).is_some();
    let folder = if has_overlay { overlay } else { input };
    let built = build(tree, &folder, &Options::default());
    let mut diagnostics = built.diagnostics.clone();
    match built.to_yaml() {
        Ok(text) if !diagnostics.has_errors() => {
            tree.insert(TreePath::new("out.yaml").unwrap(), text.into_bytes());
        }
        Ok(_) => {}
        Err(faults) => diagnostics.extend(faults),
    }
    if !diagnostics.is_empty() {
        let view = View {
            display: &TreePath::to_string,
            color: false,
        };
        let report = human(&diagnostics, &view);
        tree.insert(TreePath::new("report").unwrap(), report.into_bytes());
    }
}
