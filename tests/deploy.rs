//! Laws of what is deployed.

use pleach::deploy::{Options, deploy};
use pleach::report::{View, deployment, deployment_yaml, human};
use pleach::tree::{Tree, TreePath};

#[test]
fn the_same_files_give_the_same_deployment() {
    let text = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/deploy/flux-release.txt"),
    );
    let tree = Tree::from_text(&text.unwrap()).folder(&TreePath::new("in").unwrap());
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    let run = || {
        let found = deploy(&tree, &Options::default());
        let objects = deployment_yaml(&found, &view).unwrap();
        deployment(&found, &view) + &objects + &human(&found.diagnostics, &view)
    };
    assert_eq!(run(), run());
}
