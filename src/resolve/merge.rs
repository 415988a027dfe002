//! Merges the document of an environment into that of base.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::Schema;
use crate::yaml::{Entry, KeyIndex, Kind, Mapping, Node, View};

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
    let mut index = ItemIndex::new(items, keys);
    for item in over {
        match index.position(items, item) {
            Some(at) => drop(items.get_mut(at).map(|it| merge(it, item, schema))),
            None => {
                index.add(item, items.len());
                items.push(without_nulls(item.clone(), schema));
            }
        }
    }
}

/// An index of the items of a list by their keys, so that comparing two long lists does not compare all pairs.
struct ItemIndex<'a> {
    keys: &'a [&'a str],
    /// Items with equal keys have the same label; the reverse need not be true.
    positions: BTreeMap<Vec<(&'static str, String)>, Vec<usize>>,
}

impl<'a> ItemIndex<'a> {
    fn new(items: &[Node], keys: &'a [&'a str]) -> ItemIndex<'a> {
        let mut index = ItemIndex {
            keys,
            positions: BTreeMap::new(),
        };
        for (at, item) in items.iter().enumerate() {
            index.add(item, at);
        }
        index
    }

    fn add(&mut self, item: &Node, at: usize) {
        self.positions.entry(self.label(item)).or_default().push(at);
    }

    /// The first item with the same keys.
    fn position(&self, items: &[Node], item: &Node) -> Option<usize> {
        let has_same_keys = |other: &Node| {
            let mut keys = self.keys.iter();
            keys.all(|key| matches!((other.get(key), item.get(key)), (Some(a), Some(b)) if a.same_data(b)))
        };
        let candidates = self.positions.get(&self.label(item))?;
        let mut candidates = candidates.iter().copied();
        candidates.find(|at| items.get(*at).is_some_and(has_same_keys))
    }

    fn label(&self, item: &Node) -> Vec<(&'static str, String)> {
        let part = |node: &Node| match (node.kind(), node.as_bool()) {
            (kind @ Kind::Bool, Some(value)) => (kind.description(), value.to_string()),
            (kind @ Kind::Null, _) => (kind.description(), String::new()),
            (kind, _) => (kind.description(), node.as_str().unwrap_or("").to_string()),
        };
        let parts = self.keys.iter().map(|key| item.get(key).map(part));
        parts.map(Option::unwrap_or_default).collect()
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
    if has_null(own) {
        restore(merged, own, base, schema);
    }
}

fn has_null(node: &Node) -> bool {
    match node.view() {
        View::Mapping(map) => map.iter().any(|it| has_null(&it.value)),
        View::Sequence(items) => items.iter().any(has_null),
        View::Scalar(_) => node.is_null(),
    }
}

fn restore(merged: &mut Node, own: &Node, base: Option<&Node>, schema: &Schema) {
    if let (Some(merged), Some(own)) = (merged.as_mapping_mut(), own.as_mapping()) {
        restore_fields(merged, own, base.and_then(Node::as_mapping), schema);
    } else if let (Some(merged), Some(own)) = (merged.as_sequence_mut(), own.as_sequence())
        && let Some(items) = schema.items()
    {
        let keys: Vec<&str> = schema.list_map_keys().collect();
        // Without keys, the list of the environment replaces that of base.
        let index = (!keys.is_empty()).then(|| ItemIndex::new(merged, &keys));
        for (at, item) in own.iter().enumerate() {
            let at = match &index {
                Some(index) => index.position(merged, item),
                None => Some(at),
            };
            if let Some(found) = at.and_then(|at| merged.get_mut(at)) {
                restore(found, item, None, items);
            }
        }
    }
}

fn restore_fields(merged: &mut Mapping, own: &Mapping, base: Option<&Mapping>, schema: &Schema) {
    let (mut in_merged, mut in_base) = (KeyIndex::default(), KeyIndex::default());
    for Entry { key, value } in own {
        let name = key.as_str().unwrap_or("");
        let base = base.and_then(|it| it.iter().as_slice().get(in_base.position(it, name)?));
        let base = base.map(|it| &it.value);
        let at = in_merged.position(merged, name);
        let field = schema.child(name);
        if !value.is_null() {
            let merged = at.and_then(|at| merged.entries_mut().get_mut(at));
            if let (Some(merged), Some(field)) = (merged, field) {
                restore(&mut merged.value, value, base, field);
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
        if is_faulty && at.is_none() {
            merged.push(key.clone(), value.clone());
        }
    }
}
