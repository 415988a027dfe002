//! Detects the previous tree of a workspace whose output folder has moved.

use super::ownership::{Ownership, ownership};
use crate::tree::{Tree, TreePath};

/// The generated part of a folder, if the folder contains a tree of the same workspace. `places` are the paths that clusters may
/// use for the folder: from the top of the repository and from the workspace.
///
/// It is a tree of the same workspace if at least 70 % of the generated files have the path of a rendered file, and its objects
/// refer to this folder or 90 % of the files equal the rendered ones (as for trees that are published as artifacts). The tree of
/// another workspace satisfies neither.
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
