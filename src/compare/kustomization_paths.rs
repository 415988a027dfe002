//! The files and folders that a kustomization refers to.

use crate::tree::TreePath;
use crate::yaml::{Node, View};

/// Fields of a kustomization whose entries become part of the result.
const LISTS: [&str; 3] = ["resources", "bases", "components"];

/// The entries of a kustomization whose objects are part of its result.
pub fn resources(kustomization: &Node) -> impl Iterator<Item = &str> {
    let lists = LISTS.iter().filter_map(|it| kustomization.get(it));
    let entries = lists.filter_map(Node::as_sequence).flatten();
    entries.filter_map(Node::as_str)
}

/// All other strings in a kustomization that may be the path of a file, such as a patch, a file of a generator or a configuration.
/// `folder` contains the kustomization.
pub fn files(kustomization: &Node, folder: &TreePath) -> Vec<TreePath> {
    let mut found = Vec::new();
    for entry in kustomization.as_mapping().into_iter().flatten() {
        if !LISTS.contains(&entry.key.as_str().unwrap_or("")) {
            collect_paths(&entry.value, folder, &mut found);
        }
    }
    found
}

fn collect_paths(node: &Node, folder: &TreePath, found: &mut Vec<TreePath>) {
    match node.view() {
        View::Scalar(text) if text.contains('\n') => {}
        View::Scalar(text) => {
            // A generator can rename a file: `key=path`.
            let path = text.split_once('=').map_or(text, |it| it.1);
            let is_path = path.contains('.') || path.contains('/');
            let path = Some(path).filter(|_| is_path);
            found.extend(path.and_then(|it| folder.resolve(it)));
        }
        View::Sequence(items) => items.iter().for_each(|it| collect_paths(it, folder, found)),
        View::Mapping(entries) => {
            let searched = entries.iter().filter(|it| {
                // The values of these fields are data, even if they look like paths.
                !matches!(
                    it.key.as_str(),
                    Some("literals" | "valuesInline" | "annotations" | "labels" | "pairs")
                )
            });
            searched.for_each(|it| collect_paths(&it.value, folder, found));
        }
    }
}
