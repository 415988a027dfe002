//! Checks the names that a kind's expressions and templates use, because a typo would silently evaluate to an empty value.

use std::collections::BTreeSet;

use super::{ClaimKind, Effect};
use crate::diag::{Diagnostic, Diagnostics};
use crate::schema::Schema;
use crate::template::{Name, Templates};

/// Names that every expression can use.
const KNOWN: [&str; 4] = ["metadata", "spec", "environment", "workspace"];
/// Names that the engine adds to templates.
const ENGINE: [&str; 4] = ["self", "super", "caller", "loop"];
/// The fields of `environment`; fields below them are defined by each environment.
const ENVIRONMENT: [&str; 5] = [
    "name",
    "cluster",
    "engine",
    "kubernetesVersion",
    "variables",
];

/// Checks every compiled text of a kind. Errors: `unknown-name`.
///
/// Fields of `spec` and `metadata` must be in the kind's schema. A template that others include also uses names of theirs, so only
/// its fields are checked.
pub(super) fn check(kind: &ClaimKind, templates: &Templates<'_>) -> Diagnostics {
    let mut faults = Diagnostics::default();
    let locals: Vec<&str> = kind.locals.iter().map(|it| it.0.as_str()).collect();
    for text in templates.of_kind(&kind.name) {
        let own = kind.locals.iter().position(|it| it.1 == text);
        let known = Known {
            kind,
            // A computed name can use those before it.
            locals: locals
                .get(..own.unwrap_or(locals.len()))
                .unwrap_or_default(),
            item: has_item(kind, text),
            key: of_effect(kind, text, Effect::has_key),
            found: text.contains("#find."),
            is_included: !text.contains('#') && !kind.files.iter().any(|it| it.template == text),
        };
        for name in templates.names(text) {
            faults.extend(known.fault(&name, templates));
        }
    }
    faults
}

fn has_item(kind: &ClaimKind, text: &str) -> bool {
    let of_rule = kind
        .rules
        .iter()
        .filter(|it| it.for_each.is_some())
        .any(|it| {
            let help = it.help.as_deref();
            it.require == text || it.message == text || help == Some(text)
        });
    let of_file = kind
        .files
        .iter()
        .filter(|it| it.for_each.is_some())
        .any(|it| {
            let (when, name) = (it.when.as_deref(), it.name.as_deref());
            it.template == text || when == Some(text) || name == Some(text)
        });
    of_rule || of_file || of_effect(kind, text, Effect::has_item)
}

/// Whether a text belongs to the condition of a field of such a kind.
fn of_effect(kind: &ClaimKind, text: &str, is_such: fn(&Effect) -> bool) -> bool {
    kind.effects.iter().filter(|it| is_such(it)).any(|it| {
        let (when, help) = (it.when.as_deref(), it.help.as_deref());
        when == Some(text) || help == Some(text)
    })
}

struct Known<'a> {
    kind: &'a ClaimKind,
    locals: &'a [&'a str],
    item: bool,
    key: bool,
    found: bool,
    is_included: bool,
}

impl Known<'_> {
    fn fault(&self, name: &Name, templates: &Templates<'_>) -> Option<Diagnostic> {
        let mut steps = name.path.split('.');
        let root = steps.next().unwrap_or("");
        let steps: Vec<&str> = steps.collect();
        let is_local = self.locals.contains(&root);
        if !is_local && ["spec", "metadata"].contains(&root) {
            let schema = self.kind.schema.property(root)?;
            return field(schema, &steps).map(|slip| self.unknown_field(name, root, &steps, &slip));
        }
        if !is_local && root == "environment" {
            let field = steps.first().filter(|it| !ENVIRONMENT.contains(it))?;
            let fault =
                Diagnostic::error("unknown-name", format!("`environment` has no `{field}`"));
            let fault = fault
                .at(name.place.clone())
                .did_you_mean(field, ENVIRONMENT);
            return Some(fault.help(format!("it has {}", ENVIRONMENT.join(", "))));
        }
        let all = self.roots(templates);
        if self.is_included || all.contains(root) {
            return None;
        }
        let fault = Diagnostic::error("unknown-name", format!("`{root}` is not defined here"))
            .at(name.place.clone())
            .did_you_mean(root, all.iter().copied());
        Some(match self.kind.locals.iter().any(|it| it.0 == root) {
            true => fault.help(format!("move `{root}` up in `let`: it is defined later")),
            false => {
                fault.help("use `metadata`, `spec`, `environment` or a name in `let` of the kind")
            }
        })
    }

    fn roots<'s>(&'s self, templates: &'s Templates<'_>) -> BTreeSet<&'s str> {
        let mut all: BTreeSet<&str> = templates.functions().collect();
        all.extend(KNOWN.into_iter().chain(ENGINE));
        all.extend(self.locals.iter().copied());
        all.extend(self.kind.lookups.iter().map(|it| it.name.as_str()));
        all.extend(self.item.then_some("item"));
        all.extend(self.key.then_some("key"));
        all.extend(self.found.then_some("found"));
        all
    }

    fn unknown_field(
        &self,
        name: &Name,
        root: &str,
        steps: &[&str],
        slip: &Slip<'_>,
    ) -> Diagnostic {
        let wrong = steps.get(slip.at).copied().unwrap_or("");
        let above = [&[root], steps.get(..slip.at).unwrap_or_default()]
            .concat()
            .join(".");
        let message = format!("`{above}` of {} has no `{wrong}`", self.kind.name);
        let fault = Diagnostic::error("unknown-name", message)
            .at(name.place.clone())
            .did_you_mean(wrong, slip.known.iter().copied());
        match slip.known.as_slice() {
            [] => fault.help(format!("its schema declares no fields below `{above}`")),
            known => fault.help(format!("its schema has {}", known.join(", "))),
        }
    }
}

/// The first step that a schema does not define, and the fields that it defines there.
struct Slip<'a> {
    at: usize,
    known: Vec<&'a str>,
}

fn field<'a>(schema: &'a Schema, steps: &[&str]) -> Option<Slip<'a>> {
    let (step, rest) = steps.split_first()?;
    let below = |schema: &'a Schema| {
        field(schema, rest).map(|it| Slip {
            at: it.at + 1,
            ..it
        })
    };
    if let Some(inner) = schema.child(step) {
        return below(inner);
    }
    let is_open = schema.preserves_unknown()
        || schema.type_name().is_empty() && schema.properties().next().is_none();
    let has_it = |it: &Schema| field(it, steps).is_none() && it.properties().next().is_some();
    if is_open && schema.alternatives().next().is_none() || schema.alternatives().any(has_it) {
        return None;
    }
    Some(Slip {
        at: 0,
        known: schema.property_names().collect(),
    })
}
