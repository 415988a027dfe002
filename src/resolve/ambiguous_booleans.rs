//! Words that are booleans in YAML 1.1, but strings in claims, as in kustomize.
//!
//! Helm reads values files as YAML 1.1. A copied `enabled: no` would become the string `"no"`, which is true in templates.

use crate::diag::Diagnostic;
use crate::schema::Schema;
use crate::yaml::{Entry, Node, View};

/// The warnings about unquoted words such as `no` in fields that are not declared as strings.
pub(super) fn ambiguous_booleans(claim: &Node, schema: &Schema) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if let Some(spec) = claim.get("spec") {
        walk(spec, schema.child("spec"), &mut found);
    }
    found
}

/// `schema` is `None` below a field that allows unknown fields.
fn walk(node: &Node, schema: Option<&Schema>, found: &mut Vec<Diagnostic>) {
    match node.view() {
        View::Mapping(map) => {
            for Entry { key, value } in map {
                let field = schema.and_then(|it| it.child(key.as_str().unwrap_or("")));
                walk(value, field, found);
            }
        }
        View::Sequence(items) => {
            let each = schema.and_then(Schema::items);
            items.iter().for_each(|it| walk(it, each, found));
        }
        View::Scalar(word) => {
            let is_free =
                schema.is_none_or(|it| it.type_name().is_empty() && it.allowed_values().is_empty());
            let value = node.as_old_bool().filter(|_| is_free && node.has_origin());
            found.extend(value.map(|value| {
                let message =
                    format!("`{word}` is a string here, but a boolean in Helm's values files");
                let help =
                    format!("write `{value}` for the boolean, or `\"{word}\"` for the string");
                Diagnostic::warning("ambiguous-boolean", message)
                    .at(node)
                    .help(help)
            }));
        }
    }
}
