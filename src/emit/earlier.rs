//! Detects the previous tree of a workspace whose output folder has moved.

use super::ownership::{Ownership, ownership};
use crate::tree::{Tree, TreePath};

/// The generated files of a folder, if the folder contains a tree of the same workspace. `folder_paths` are the paths that clusters
/// may use for the folder: from the top of the repository and from the workspace.
///
/// It is a tree of the same workspace if at least 70 % of the generated files have the path of a rendered file, and if its objects
/// refer to this folder or 90 % of the files equal the rendered ones (as for trees that are published as artifacts). The tree of
/// another workspace does not satisfy these conditions.
pub fn earlier_tree(rendered: &Tree, folder: &Tree, folder_paths: &[TreePath]) -> Option<Tree> {
    let generated = folder
        .iter()
        .filter(|(path, bytes)| ownership(path, bytes) == Ownership::Ours);
    let generated: Tree = generated
        .map(|(path, bytes)| (path.clone(), bytes.clone()))
        .collect();
    let common_files = || {
        let files = generated.iter();
        files.filter_map(|(path, bytes)| Some((rendered.get(path)?, bytes)))
    };
    let is_share = |number: usize, tenths: usize| number * 10 >= generated.len() * tenths;
    let is_current = || is_share(common_files().filter(|it| it.0 == it.1).count(), 9);
    let refers_to_folder = || folder_paths.iter().any(|it| refers_to(&generated, it));
    let is_earlier = is_share(common_files().count(), 7) && (is_current() || refers_to_folder());
    (is_earlier && !generated.is_empty()).then_some(generated)
}

/// Whether an object of a tree has a field `path` with a path in a folder.
fn refers_to(tree: &Tree, folder: &TreePath) -> bool {
    let is_path = |line: &str| {
        let path = line.trim_start().strip_prefix("path: ");
        let path = path.map(|it| it.trim_start_matches("./"));
        let rest = path.and_then(|it| it.strip_prefix(folder.as_str()));
        rest.is_some_and(|it| it.starts_with('/'))
    };
    let mut files = tree.iter().filter_map(|it| str::from_utf8(it.1).ok());
    files.any(|it| it.lines().any(is_path))
}
