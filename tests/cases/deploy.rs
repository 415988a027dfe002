//! Objects deployed from small repositories: input below `in`, then the units (`tree`), the objects (`objects.yaml`) and the
//! diagnostics (`report`).

use pleach::deploy::{Options, deploy};
use pleach::report::{View, deployment, deployment_yaml, human};
use pleach::tree::{Below, Tree, TreePath};

pub(crate) fn make(tree: &mut Tree) {
    let input = TreePath::new("in").unwrap();
    *tree = tree.folder(&input).under(&input);
    let view = View {
        display: &TreePath::to_string,
        color: false,
    };
    let files = Below::new(tree, input);
    let found = deploy(&files, &Options::default());
    let units = plain(&deployment(&found, &view));
    let objects = deployment_yaml(&found, &view).unwrap();
    let report = human(&found.diagnostics, &view);
    drop(files);
    let mut add = |name: &str, text: String| {
        if !text.is_empty() {
            tree.insert(TreePath::new(name).unwrap(), text.into_bytes());
        }
    };
    add("tree", units);
    add("objects.yaml", objects);
    add("report", report);
}

/// The text without colour codes.
fn plain(text: &str) -> String {
    let codes = regex::Regex::new("\x1b\\[[0-9;]*m").unwrap();
    codes.replace_all(text, "").into_owned()
}
