//! The form of written files: key order and the claims form.

use crate::yaml::{Mapping, Node, emit_canonical};

/// An object's text: apiVersion, kind, metadata (name, namespace, labels, annotations), then the rest in its own order.
pub(crate) fn object(node: &Node) -> String {
    let mut node = node.clone();
    if let Some(mapping) = node.as_mapping_mut() {
        put_first(mapping, &["apiVersion", "kind", "metadata"]);
        if let Some(metadata) = mapping.get_mut("metadata").and_then(Node::as_mapping_mut) {
            put_first(metadata, &["name", "namespace", "labels", "annotations"]);
        }
    }
    emit_canonical(&node)
}

fn put_first(mapping: &mut Mapping, keys: &[&str]) {
    let rank = |key: &str| keys.iter().position(|it| *it == key).unwrap_or(keys.len());
    mapping
        .entries_mut()
        .sort_by_key(|it| rank(it.key.as_str().unwrap_or("")));
}
