//! Converts a claim's field names to the spelling of its kind's schema.

use super::kind::{ClaimKind, Spelling};
use crate::diag::{Diagnostic, Diagnostics};
use crate::schema::Schema;
use crate::yaml::{Entry, Mapping, Node};

/// Renames fields in snake_case or with an older name, and `kind` if it is an alias.
///
/// As in protobuf's JSON mapping, `target_cluster` is the same field as `targetCluster`. Errors: `both-spellings`.
pub fn normalize_field_names(node: &mut Node, kind: &ClaimKind, diagnostics: &mut Diagnostics) {
    if let Some(name) = node.get_mut("kind") {
        *name = Node::string(kind.name.as_str()).at(name.span());
    }
    rename_fields(node, &kind.schema, kind.spelling, diagnostics);
}

fn rename_fields(
    node: &mut Node,
    schema: &Schema,
    spelling: Spelling,
    diagnostics: &mut Diagnostics,
) {
    if let Some(items) = node.as_sequence_mut() {
        if let Some(schema) = schema.items() {
            items
                .iter_mut()
                .for_each(|item| rename_fields(item, schema, spelling, diagnostics));
        }
        return;
    }
    let Some(mapping) = node.as_mapping_mut() else {
        return;
    };
    rename_keys(mapping, schema, spelling, diagnostics);
    for Entry { key, value } in mapping.iter_mut() {
        let inner = key
            .as_str()
            .and_then(|key| schema.property(key))
            .or(schema.additional());
        if let Some(inner) = inner {
            rename_fields(value, inner, spelling, diagnostics);
        }
    }
}

fn rename_keys(
    mapping: &mut Mapping,
    schema: &Schema,
    spelling: Spelling,
    diagnostics: &mut Diagnostics,
) {
    for at in 0..mapping.len() {
        let Some(Entry { key, .. }) = mapping.iter().nth(at) else {
            continue;
        };
        let Some(text) = key.as_str() else { continue };
        let Some(canonical) = canonical(text, schema, spelling).map(str::to_string) else {
            continue;
        };
        if let Some(other) = mapping.entry(&canonical) {
            let message = format!("`{text}` and `{canonical}` are the same field");
            let fault = Diagnostic::error("both-spellings", message).at(key);
            let fault = fault.related(&other.key, "also set here");
            diagnostics.push(fault.help("keep one of the two"));
            continue;
        }
        let key = Node::string(canonical).at(key);
        if let Some(entry) = mapping.entries_mut().get_mut(at) {
            entry.key = key;
        }
    }
}

/// The name in the schema of a field with another spelling; `None` if the field is unknown or already has this name.
fn canonical<'a>(text: &str, schema: &'a Schema, spelling: Spelling) -> Option<&'a str> {
    if schema.property(text).is_some() {
        return None;
    }
    let camel = match spelling {
        Spelling::Protojson => camel_case(text),
        Spelling::Exact => text.to_string(),
    };
    schema.property_names().find(|name| {
        *name == camel
            || schema
                .property(name)
                .is_some_and(|it| it.aliases().any(|alias| alias == text || alias == camel))
    })
}

/// protobuf's lowerCamelCase of a snake_case name.
fn camel_case(text: &str) -> String {
    let mut parts = text.split('_');
    let mut camel = parts.next().unwrap_or("").to_string();
    for part in parts {
        let mut chars = part.chars();
        camel.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        camel.push_str(chars.as_str());
    }
    camel
}
