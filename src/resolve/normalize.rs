//! Normalizes values that protojson accepts in two forms: numbers in quotes, and enums by number.

use crate::schema::Schema;
use crate::yaml::{Entry, Kind, Node, Style, Tag, resolve};

/// Replaces the number of an enum value by its name and, if the schema of the claim allows it, a quoted integer by a number.
pub(super) fn normalize_values(node: &mut Node, schema: &Schema) {
    walk(node, schema, schema.takes_quoted_numbers());
}

fn walk(node: &mut Node, schema: &Schema, takes_quoted: bool) {
    if let Some(mapping) = node.as_mapping_mut() {
        for Entry { key, value } in mapping.iter_mut() {
            if let Some(inner) = key
                .as_str()
                .and_then(|key| schema.property(key))
                .or(schema.additional())
            {
                walk(value, inner, takes_quoted);
            }
        }
    } else if let Some(items) = node.as_sequence_mut() {
        if let Some(inner) = schema.items() {
            items
                .iter_mut()
                .for_each(|item| walk(item, inner, takes_quoted));
        }
    } else if let Some(other) = normalized(node, schema, takes_quoted) {
        *node = other.at(node.span());
    }
}

/// The normalized form of a scalar; `None` if it has that form already.
fn normalized(node: &Node, schema: &Schema, takes_quoted: bool) -> Option<Node> {
    if schema.takes_enum_numbers()
        && let Some(number) = node.as_int()
    {
        return schema
            .allowed_values()
            .get(usize::try_from(number).ok()?)
            .cloned();
    }
    let text = node.as_string()?;
    let is_integer = takes_quoted && schema.type_name() == "integer" && resolve(text) == Kind::Int;
    is_integer.then(|| Node::scalar(text, Style::Plain, Tag::Int))
}
