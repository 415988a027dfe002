//! JSON or YAML in the text of a field, written again after a change.

use crate::yaml::{Node, to_kyaml_form};

use super::json;

/// The text of a changed value: JSON where JSON was, in one line or in many as it was; YAML else.
pub(super) fn write(node: &Node, original: &str) -> String {
    let pretty = original.contains('\n') && original.contains("  ");
    match original.trim_start().chars().next() {
        Some('{' | '[') => json::write(node, pretty.then_some(2)),
        _ => to_kyaml_form(node).trim().to_string(),
    }
}
