//! Tells the tree that a workspace was rendered to before its output folder moved.

use super::ownership::{Ownership, ownership};
use crate::tree::{Tree, TreePath};

/// The part of a folder that was generated there, where the folder holds a tree of the same workspace. `places` are the paths by which
/// clusters would know the folder: from the top of the repository and from the workspace.
///
/// At least seven in ten of the generated files have the path of a file of the rendered tree; and its objects lead clusters to this folder,
/// or nine in ten are what is rendered now, as where clusters get the tree as an artifact. The tree of another workspace is neither.
pub fn earlier_tree(rendered: &Tree, folder: &Tree, places: &[TreePath]) -> Option<Tree> {
    let generated = folder
        .iter()
        .filter(|(path, bytes)| ownership(path, bytes) == Ownership::Ours);
    let generated: Tree = generated
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    let known = || {
        let both = generated.iter();
        both.filter_map(|(path, bytes)| Some((rendered.get(path)?, bytes)))
    };
    let has_share = |number: usize, tenths: usize| number * 10 >= generated.len() * tenths;
    let is_current = || has_share(known().filter(|it| it.0 == it.1).count(), 9);
    let leads_here = || places.iter().any(|it| leads_to(&generated, it));
    let is_earlier = has_share(known().count(), 7) && (is_current() || leads_here());
    (is_earlier && !generated.is_empty()).then_some(generated)
}

/// Whether an object of a tree has a `path` in a folder.
fn leads_to(tree: &Tree, folder: &TreePath) -> bool {
    let is_path = |line: &str| {
        let path = line.trim_start().strip_prefix("path: ");
        let path = path.map(|it| it.trim_start_matches("./"));
        let rest = path.and_then(|it| it.strip_prefix(folder.as_str()));
        rest.is_some_and(|it| it.starts_with('/'))
    };
    let mut files = tree.iter().filter_map(|it| str::from_utf8(it.1).ok());
    files.any(|it| it.lines().any(is_path))
}
