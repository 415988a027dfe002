//! What a kind's expressions read of a claim, held against the kind's own schema.
//!
//! A field that is not there counts as false, so a slip in an expression would say nothing. Looked at are paths as they are
//! written, `spec.a.b`: not what stands under a computed key, nor what a loop or a `set` gave another name.

use std::collections::BTreeSet;

use super::kind::ClaimKind;
use crate::diag::{Diagnostic, Diagnostics};
use crate::schema::Schema;
use crate::template::{Lookup, Templates};

/// Names that every expression has.
const GIVEN: [&str; 4] = ["metadata", "spec", "environment", "item"];

/// Errors: `unknown-field` for a path below `spec` or `metadata`; `unknown-name` for what an expression of `kind.yaml` calls.
pub(super) fn check(kind: &ClaimKind, templates: &Templates) -> Diagnostics {
    let functions: BTreeSet<&str> = templates.functions().collect();
    let locals = kind.locals.iter().map(|it| it.0.as_str());
    let names: Vec<&str> = GIVEN.into_iter().chain(locals).collect();
    let mut faults = Diagnostics::default();
    for lookup in templates.lookups(&kind.name) {
        let name = lookup.path.split('.').next().unwrap_or("");
        if name == "spec" || name == "metadata" {
            faults.extend(unknown_field(&lookup, &kind.schema));
        } else if lookup.is_expression && !names.contains(&name) && !functions.contains(name) {
            let fault = Diagnostic::error("unknown-name", format!("there is no `{name}` here"));
            let fault = fault.at(lookup.part(1)).did_you_mean(name, names.clone());
            faults.push(fault.help(
                "expressions know `metadata`, `spec`, `environment`, and what `let` names before",
            ));
        }
    }
    faults
}

fn unknown_field(lookup: &Lookup, schema: &Schema) -> Option<Diagnostic> {
    let mut owners = vec![schema];
    for (at, key) in lookup.path.split('.').enumerate() {
        // Whatever is no map of known fields may have any: a list, a text, free-form values.
        if !owners.iter().all(|it| it.knows_its_fields()) {
            return None;
        }
        let fields = owners.iter().flat_map(|it| it.property_names());
        let inner: Vec<&Schema> = owners.iter().filter_map(|it| it.child(key)).collect();
        if inner.is_empty() {
            let words: Vec<&str> = lookup.path.split('.').take(at + 1).collect();
            let path = words.join(".");
            let fault = Diagnostic::error("unknown-field", format!("unknown field `{path}`"));
            return Some(
                fault
                    .at(lookup.part(at + 1))
                    .label("the kind's schema has no such field")
                    .did_you_mean(key, fields),
            );
        }
        let alternatives = inner.iter().flat_map(|it| it.alternatives());
        let alternatives = alternatives.filter(|it| it.property_names().next().is_some());
        owners = inner.iter().copied().chain(alternatives).collect();
    }
    None
}
