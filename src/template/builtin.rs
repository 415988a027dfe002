//! The built-in claim kinds, embedded as a tree.

use std::sync::OnceLock;

use include_dir::{Dir, include_dir};

use crate::tree::{Tree, TreePath};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/templates");

/// The prefix of paths of built-in files in messages.
pub const BUILTIN: &str = "<built-in>";

/// `<built-in>/<Kind>/…` of every built-in kind.
pub fn builtin() -> &'static Tree {
    static TREE: OnceLock<Tree> = OnceLock::new();
    TREE.get_or_init(|| {
        let mut tree = Tree::new();
        collect(&TEMPLATES, &mut tree);
        tree.under(&TreePath::root().child(BUILTIN))
    })
}

fn collect(folder: &Dir<'_>, tree: &mut Tree) {
    for file in folder.files() {
        if let Some(path) = file.path().to_str().and_then(TreePath::new) {
            tree.insert(path, file.contents());
        }
    }
    for folder in folder.dirs() {
        collect(folder, tree);
    }
}
