//! Base ⊕ environment, as written.

use crate::schema::Schema;
use crate::yaml::{Entry, Node};

/// Merges what an environment says over what base says.
///
/// Maps merge; lists are replaced, or merged by the keys that the schema names (`x-kubernetes-list-map-keys`); `false`, `0`
/// and `""` are values; a `null` of the environment removes. In free-form maps a `null` of base is kept as null.
pub(super) fn merge(base: &mut Node, over: &Node, schema: Option<&Schema>) {
    if let (Some(_), Some(entries)) = (base.as_mapping(), over.as_mapping()) {
        for Entry { key, value } in entries {
            merge_entry(base, key, value, schema);
        }
        return;
    }
    let keys: Vec<&str> = schema
        .map(|it| it.list_map_keys().collect())
        .unwrap_or_default();
    match (base.as_sequence_mut(), over.as_sequence()) {
        (Some(items), Some(over)) if !keys.is_empty() => {
            let schema = schema.and_then(Schema::items);
            over.iter()
                .for_each(|item| merge_item(items, item, &keys, schema));
        }
        _ => *base = without_nulls(over.clone(), schema),
    }
}

fn merge_entry(base: &mut Node, key: &Node, value: &Node, schema: Option<&Schema>) {
    let Some(mapping) = base.as_mapping_mut() else {
        return;
    };
    let text = key.as_str().unwrap_or("");
    let inner = schema.and_then(|it| it.property(text).or(it.additional()));
    if value.is_null() {
        mapping.remove(text);
        return;
    }
    match mapping
        .position(text)
        .and_then(|at| mapping.entries_mut().get_mut(at))
    {
        Some(entry) => {
            // The key's place is the one that was written last: that is where to look for its value.
            entry.key = key.clone();
            merge(&mut entry.value, value, inner);
        }
        None => drop(mapping.insert(key.clone(), without_nulls(value.clone(), inner))),
    }
}

fn merge_item(items: &mut Vec<Node>, item: &Node, keys: &[&str], schema: Option<&Schema>) {
    let same = |other: &Node| {
        keys.iter().all(
            |key| matches!((other.get(key), item.get(key)), (Some(a), Some(b)) if a.same_data(b)),
        )
    };
    match items.iter_mut().find(|other| same(other)) {
        Some(other) => merge(other, item, schema),
        None => items.push(without_nulls(item.clone(), schema)),
    }
}

/// What an environment adds: its nulls mean "not there".
fn without_nulls(mut node: Node, schema: Option<&Schema>) -> Node {
    drop_nulls(&mut node, schema, true);
    node
}

/// Removes the nulls that mean "not given": everywhere in typed fields, and in free-form maps if `free_form` says so.
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
        // A null among the items of a list is an item.
        items
            .iter_mut()
            .for_each(|item| drop_nulls(item, schema, free_form));
    }
}
