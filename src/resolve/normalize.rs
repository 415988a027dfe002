//! Other spellings of values that protojson accepts: numbers in quotes and enums by number.

use crate::schema::Schema;
use crate::yaml::{Entry, Kind, Node, Style, Tag, resolve};

/// Replaces an enum's number by its name, and (if the claim's schema allows it) a quoted integer by a number.
pub(super) fn normalise_values(node: &mut Node, schema: &Schema) {
    walk(node, schema, schema.takes_quoted_numbers());
}

fn walk(node: &mut Node, schema: &Schema, quoted: bool) {
    if let Some(mapping) = node.as_mapping_mut() {
        for Entry { key, value } in mapping.iter_mut() {
            if let Some(inner) = key
                .as_str()
                .and_then(|key| schema.property(key))
                .or(schema.additional())
            {
                walk(value, inner, quoted);
            }
        }
    } else if let Some(items) = node.as_sequence_mut() {
        if let Some(inner) = schema.items() {
            items.iter_mut().for_each(|item| walk(item, inner, quoted));
        }
    } else if let Some(other) = normal(node, schema, quoted) {
        *node = other.at(node.span());
    }
}

fn normal(node: &Node, schema: &Schema, quoted: bool) -> Option<Node> {
    if schema.takes_enum_numbers()
        && let Some(number) = node.as_int()
    {
        return schema
            .allowed_values()
            .get(usize::try_from(number).ok()?)
            .cloned();
    }
    let text = node.as_string()?;
    let number = quoted && schema.type_name() == "integer" && resolve(text) == Kind::Int;
    number.then(|| Node::scalar(text, Style::Plain, Tag::Int))
}
