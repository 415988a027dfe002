//! Values with the same meaning for a cluster in different notation: equal quantities, and fields without effect.

use crate::object::{Gvk, quantity};
use pleach_yaml::{Kind, Node, View};

/// Names of fields that contain quantities, and of maps whose values are quantities.
const QUANTITIES: [&str; 6] = [
    "cpu",
    "memory",
    "storage",
    "ephemeral-storage",
    "sizeLimit",
    "averageValue",
];
const MAPS_OF_QUANTITIES: [&str; 10] = [
    "limits",
    "requests",
    "capacity",
    "allocatable",
    "hard",
    "default",
    "defaultRequest",
    "max",
    "min",
    "podFixed",
];

/// Maps that have the same meaning if they are empty and if they are missing, in built-in kinds. For others, such as `emptyDir` and
/// `podSelector`, the presence matters.
const EMPTY_MAPS: [&str; 12] = [
    "labels",
    "annotations",
    "nodeSelector",
    "resources",
    "limits",
    "requests",
    "strategy",
    "updateStrategy",
    "securityContext",
    "affinity",
    "matchLabels",
    "data",
];

/// Fields of `metadata` that have the same meaning if they are empty and if they are missing, in all kinds.
const METADATA: [&str; 5] = [
    "creationTimestamp",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
];

/// Whether two different scalars are the same quantity. `keys` are the last keys of their path, innermost first.
pub(super) fn is_same_quantity<'a>(
    before: &Node,
    after: &Node,
    mut keys: impl Iterator<Item = &'a str>,
) -> bool {
    let is_named = match (keys.next(), keys.next()) {
        (Some(key), above) => {
            QUANTITIES.contains(&key) || above.is_some_and(|it| MAPS_OF_QUANTITIES.contains(&it))
        }
        _ => false,
    };
    let value = |it: &Node| match it.kind() {
        Kind::String | Kind::Int | Kind::Float => quantity(it.as_str()?),
        _ => None,
    };
    is_named && value(before).is_some_and(|it| value(after) == Some(it))
}

/// Whether a field with this value has the same meaning as a missing one. `above` is the key of the parent map, `None` for the
/// object itself; `is_known` is whether the kind is built into Kubernetes.
pub(super) fn is_insignificant(
    key: &str,
    value: &Node,
    above: Option<&str>,
    is_known: bool,
) -> bool {
    match above {
        None if key == "status" => is_hollow(value),
        Some("metadata") if METADATA.contains(&key) => is_empty(value),
        _ if !is_known => false,
        _ if value.is_null() => true,
        _ => match value.view() {
            View::Sequence(items) => items.is_empty(),
            View::Mapping(entries) => entries.is_empty() && EMPTY_MAPS.contains(&key),
            View::Scalar(_) => false,
        },
    }
}

/// Whether the kind is built into Kubernetes. In custom resources, an empty map may have a meaning.
pub(super) fn is_builtin(gvk: &Gvk) -> bool {
    let group = &*gvk.group;
    let is_own = !group.contains('.') || group.ends_with(".k8s.io");
    is_own && group != "apiextensions.k8s.io"
}

fn is_empty(value: &Node) -> bool {
    value.is_null() || value.is_empty_collection()
}

/// Whether a value only contains maps, lists, nulls and empty strings, like a status that generators of CRDs write.
fn is_hollow(value: &Node) -> bool {
    match value.view() {
        View::Scalar(text) => value.is_null() || text.is_empty(),
        View::Sequence(items) => items.iter().all(is_hollow),
        View::Mapping(entries) => entries.iter().all(|it| is_hollow(&it.value)),
    }
}
