//! Pod specs in objects: those of workloads, and of custom resources with pod templates.

use crate::object::Object;
use crate::yaml::{FieldPath, Node};

/// A pod spec in an object.
pub(super) struct Pod<'a> {
    /// The path of its spec in the object.
    pub(super) path: FieldPath,
    pub(super) spec: &'a Node,
    /// The node with the spec and the metadata of its pods.
    pub(super) template: &'a Node,
    /// The labels of its pods, if the node contains them.
    pub(super) labels: Option<&'a Node>,
}

/// All pod specs in an object.
pub(super) fn pods(object: &Object) -> Vec<Pod<'_>> {
    let mut found = Vec::new();
    walk(&object.node, &FieldPath::root(), &mut found);
    found
}

fn walk<'a>(node: &'a Node, path: &FieldPath, found: &mut Vec<Pod<'a>>) {
    if let Some(spec) = node.get("spec").filter(|it| is_pod_spec(it)) {
        found.push(Pod {
            path: path.key("spec"),
            spec,
            template: node,
            labels: node.at_keys(&["metadata", "labels"]),
        });
        return;
    }
    for entry in node.as_mapping().into_iter().flatten() {
        walk(
            &entry.value,
            &path.key(entry.key.as_str().unwrap_or("")),
            found,
        );
    }
    let items = node.as_sequence().unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        walk(item, &path.index(index), found);
    }
}

/// A map is a pod spec if it has a list of named containers.
fn is_pod_spec(node: &Node) -> bool {
    let containers = node.get("containers").and_then(Node::as_sequence);
    containers.is_some_and(|it| !it.is_empty() && it.iter().all(|it| it.get("name").is_some()))
}
