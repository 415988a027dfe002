//! JSON or YAML in the text of a field, written again after a change.

use pleach_yaml::{Kind, Node, View, emit_kyaml, resolve};

use super::json;

/// The text of a changed value: JSON where JSON was, in one line or in many as it was; YAML else. `None` for JSON in which a
/// value doesn't fit its type.
pub(super) fn write(node: &Node, original: &str) -> Option<String> {
    let pretty = original.contains('\n') && original.contains("  ");
    match original.trim_start().chars().next() {
        Some('{' | '[') if !fits(node) => None,
        Some('{' | '[') => Some(json::write(node, pretty.then_some(2))),
        _ => Some(emit_kyaml(node).trim().to_string()),
    }
}

/// Whether every scalar is of the type it is said to be.
fn fits(node: &Node) -> bool {
    match node.view() {
        View::Sequence(items) => items.iter().all(fits),
        View::Mapping(mapping) => mapping.iter().all(|it| fits(&it.value)),
        View::Scalar(text) => match node.kind() {
            Kind::String | Kind::Binary => true,
            // What is a whole number is good for a fraction too.
            Kind::Float => matches!(resolve(text), Kind::Float | Kind::Int),
            kind => resolve(text) == kind,
        },
    }
}
