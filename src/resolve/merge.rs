//! Merges the document of an environment into that of base.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::Schema;
use crate::yaml::{Entry, KeyIndex, Kind, Mapping, Node};

/// Merges the document of an environment into that of base.
///
/// Maps are merged. Lists are replaced, or merged by the keys that the schema names (`x-kubernetes-list-map-keys`). `false`, `0` and
/// `""` are values; a `null` in the environment removes the field. In free-form maps, a `null` in base is kept as null.
pub(super) fn merge(base: &mut Node, over: &Node, schema: Option<&Schema>) {
    if let (Some(base), Some(over)) = (base.as_mapping_mut(), over.as_mapping()) {
        return merge_mappings(base, over, schema);
    }
    let keys: Vec<&str> = schema
        .map(|it| it.list_map_keys().collect())
        .unwrap_or_default();
    match (base.as_sequence_mut(), over.as_sequence()) {
        (Some(items), Some(over)) if !keys.is_empty() => {
            merge_items(items, over, &keys, schema.and_then(Schema::items));
        }
        _ => *base = without_nulls(over.clone(), schema),
    }
}

fn merge_mappings(base: &mut Mapping, over: &Mapping, schema: Option<&Schema>) {
    let nulls = over.iter().filter(|it| it.value.is_null());
    let removed: BTreeSet<&str> = nulls.filter_map(|it| it.key.as_str()).collect();
    if !removed.is_empty() {
        base.retain(|it| !removed.contains(it.key.as_str().unwrap_or("")));
    }
    let mut index = KeyIndex::default();
    for Entry { key, value } in over.iter().filter(|it| !it.value.is_null()) {
        let text = key.as_str().unwrap_or("");
        let inner = schema.and_then(|it| it.property(text).or(it.additional()));
        let at = index.position(base, text);
        match at.and_then(|at| base.entries_mut().get_mut(at)) {
            Some(entry) => {
                // The key of the environment replaces that of base, so that the key's location is in the same file as the value's.
                entry.key = key.clone();
                merge(&mut entry.value, value, inner);
            }
            None => base.push(key.clone(), without_nulls(value.clone(), inner)),
        }
    }
}

fn merge_items(items: &mut Vec<Node>, over: &[Node], keys: &[&str], schema: Option<&Schema>) {
    // An index of the items, so that merging two long lists does not compare all pairs. Items with equal keys have the same label;
    // the reverse need not be true.
    let label = |item: &Node| -> Vec<(&str, String)> {
        let part = |node: &Node| match (node.kind(), node.as_bool()) {
            (kind @ Kind::Bool, Some(value)) => (kind.description(), value.to_string()),
            (kind @ Kind::Null, _) => (kind.description(), String::new()),
            (kind, _) => (kind.description(), node.as_str().unwrap_or("").to_string()),
        };
        let parts = keys.iter().map(|key| item.get(key).map(part));
        parts.map(Option::unwrap_or_default).collect()
    };
    let mut index: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        index.entry(label(item)).or_default().push(at);
    }
    for item in over {
        let has_same_keys = |other: &Node| {
            keys.iter().all(|key| matches!((other.get(key), item.get(key)), (Some(a), Some(b)) if a.same_data(b)))
        };
        let positions = index.entry(label(item)).or_default();
        let mut candidates = positions.iter().copied();
        match candidates.find(|at| items.get(*at).is_some_and(has_same_keys)) {
            Some(at) => drop(items.get_mut(at).map(|it| merge(it, item, schema))),
            None => {
                positions.push(items.len());
                items.push(without_nulls(item.clone(), schema));
            }
        }
    }
}

/// Removes all nulls from a value that only the environment has, where they mean "not set".
fn without_nulls(mut node: Node, schema: Option<&Schema>) -> Node {
    drop_nulls(&mut node, schema, true);
    node
}

/// Removes the nulls that mean "not set": in typed fields, and in free-form maps if `free_form` is true.
pub(super) fn drop_nulls(node: &mut Node, schema: Option<&Schema>, free_form: bool) {
    let inner = |key: &str| schema.and_then(|it| it.property(key).or(it.additional()));
    if let Some(mapping) = node.as_mapping_mut() {
        mapping.retain(|it| {
            let key = it.key.as_str().unwrap_or("");
            !it.value.is_null()
                || inner(key).map_or(!free_form, |it| {
                    it.is_nullable() || it.preserves_unknown() && !free_form
                })
        });
        for Entry { key, value } in mapping.iter_mut() {
            drop_nulls(value, inner(key.as_str().unwrap_or("")), free_form);
        }
    } else if let Some(items) = node.as_sequence_mut() {
        let schema = schema.and_then(Schema::items);
        // Nulls in lists are not removed, because they are items.
        items
            .iter_mut()
            .for_each(|item| drop_nulls(item, schema, free_form));
    }
}

/// Adds the nulls of an environment's document that the merge has removed although they are errors: in fields that neither the schema
/// nor base has, and in required fields. The validation then reports them at their line.
pub(super) fn restore_faulty_nulls(
    merged: &mut Node,
    own: &Node,
    base: Option<&Node>,
    schema: &Schema,
) {
    if let (Some(merged), Some(own)) = (merged.as_mapping_mut(), own.as_mapping()) {
        for Entry { key, value } in own {
            let name = key.as_str().unwrap_or("");
            let base = base.and_then(|it| it.get(name));
            let field = schema.child(name);
            if !value.is_null() {
                if let (Some(merged), Some(field)) = (merged.get_mut(name), field) {
                    restore_faulty_nulls(merged, value, base, field);
                }
                continue;
            }
            let is_faulty = match field {
                Some(field) => {
                    let mut required = schema.required();
                    required.any(|it| it == name) && field.default().is_none()
                }
                None => schema.is_closed() && base.is_none(),
            };
            if is_faulty && !merged.contains_key(name) {
                merged.push(key.clone(), value.clone());
            }
        }
    } else if let (Some(merged), Some(own)) = (merged.as_sequence_mut(), own.as_sequence())
        && let Some(items) = schema.items()
    {
        let keys: Vec<&str> = schema.list_map_keys().collect();
        let is_same = |a: &Node, b: &Node| {
            let mut keys = keys.iter();
            keys.all(|it| matches!((a.get(it), b.get(it)), (Some(a), Some(b)) if a.same_data(b)))
        };
        for (at, item) in own.iter().enumerate() {
            // Without keys, the list of the environment replaces that of base.
            let found = match keys.is_empty() {
                true => merged.get_mut(at),
                false => merged.iter_mut().find(|it| is_same(it, item)),
            };
            if let Some(found) = found {
                restore_faulty_nulls(found, item, None, items);
            }
        }
    }
}
