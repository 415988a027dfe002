//! Labels and annotations that engines put on what they deploy.

use crate::object::Object;
use crate::yaml::{Mapping, Node};

/// Sets entries of `metadata.labels` or `metadata.annotations`, replacing existing ones.
pub(super) fn set(object: &mut Object, field: &str, entries: &[(Node, Node)]) {
    if entries.is_empty() {
        return;
    }
    let Some(root) = object.node.as_mapping_mut() else {
        return;
    };
    let metadata = root.get_or_insert_with("metadata", || Node::mapping(Mapping::new()));
    let Some(metadata) = metadata.as_mapping_mut() else {
        return;
    };
    let map = metadata.get_or_insert_with(field, || Node::mapping(Mapping::new()));
    if map.as_mapping().is_none() {
        *map = Node::mapping(Mapping::new());
    }
    if let Some(map) = map.as_mapping_mut() {
        for (key, value) in entries {
            map.insert(key.clone(), value.clone());
        }
    }
}

/// The entries of a map of texts, such as `commonMetadata.labels`.
pub(super) fn entries(map: Option<&Node>) -> Vec<(Node, Node)> {
    let entries = map.and_then(Node::as_mapping).into_iter().flatten();
    let text = |it: &Node| Node::string(it.as_str().unwrap_or("")).at(it);
    entries
        .map(|it| (it.key.clone(), text(&it.value)))
        .collect()
}

/// A label or annotation of an object; empty if missing.
pub(super) fn value<'a>(object: &'a Object, field: &str, key: &str) -> &'a str {
    let value = object.node.at_keys(&["metadata", field, key]);
    value.and_then(Node::as_str).unwrap_or("")
}

/// Puts an object without a namespace into one.
pub(super) fn set_namespace(object: &mut Object, namespace: &str) {
    let metadata = object
        .node
        .get_mut("metadata")
        .and_then(Node::as_mapping_mut);
    if let Some(metadata) = metadata {
        metadata.insert("namespace", Node::string(namespace));
    }
}
