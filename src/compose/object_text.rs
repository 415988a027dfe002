//! The text of the objects that are written to the tree.

use crate::yaml::{Mapping, Node, emit_canonical};

/// Prints an object with `apiVersion`, `kind` and `metadata` first, in which `name`, `namespace`, `labels` and `annotations` are
/// first. All other keys keep their order.
pub(crate) fn object_text(node: &Node) -> String {
    let mut node = node.clone();
    if let Some(mapping) = node.as_mapping_mut() {
        move_to_front(mapping, &["apiVersion", "kind", "metadata"]);
        if let Some(metadata) = mapping.get_mut("metadata").and_then(Node::as_mapping_mut) {
            move_to_front(metadata, &["name", "namespace", "labels", "annotations"]);
        }
    }
    emit_canonical(&node)
}

fn move_to_front(mapping: &mut Mapping, keys: &[&str]) {
    let rank = |key: &str| keys.iter().position(|it| *it == key).unwrap_or(keys.len());
    mapping
        .entries_mut()
        .sort_by_key(|it| rank(it.key.as_str().unwrap_or("")));
}
