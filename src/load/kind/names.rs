//! Checks the names in expressions and templates of a kind, because a misspelled name would silently evaluate to an empty value.

use std::collections::BTreeSet;

use super::{ClaimKind, Effect};
use crate::diag::{Diagnostic, Diagnostics};
use crate::schema::Schema;
use crate::template::{Name, Templates};

/// Names that every expression can use.
const COMMON_NAMES: [&str; 4] = ["metadata", "spec", "environment", "workspace"];
/// Names that the template engine defines in blocks, macros and loops.
const ENGINE_NAMES: [&str; 4] = ["self", "super", "caller", "loop"];
/// The fields of `environment`. The fields of `variables` are not known here, because each environment defines its own.
const ENVIRONMENT: [&str; 5] = [
    "name",
    "cluster",
    "engine",
    "kubernetesVersion",
    "variables",
];

/// Checks all compiled texts of a kind. Errors: `unknown-name`.
///
/// Fields of `spec` and `metadata` must be in the kind's schema. An included template can also use names of the templates that
/// include it, so only the fields in it are checked.
pub(super) fn check(kind: &ClaimKind, templates: &Templates<'_>) -> Diagnostics {
    let mut faults = Diagnostics::default();
    let locals: Vec<&str> = kind.locals.iter().map(|it| it.0.as_str()).collect();
    for text in templates.of_kind(&kind.name) {
        let position = kind.locals.iter().position(|it| it.1 == text);
        let scope = NameScope {
            kind,
            // An expression of `let` can use the names before it.
            locals: locals
                .get(..position.unwrap_or(locals.len()))
                .unwrap_or_default(),
            has_item: has_item(kind, text),
            has_key: is_of_effect(kind, text, Effect::has_key),
            has_found: text.contains("#find."),
            is_included: !text.contains('#') && !kind.files.iter().any(|it| it.template == text),
        };
        for name in templates.names(text) {
            faults.extend(scope.check(&name, templates));
        }
    }
    faults
}

/// Whether a text can use `item`.
fn has_item(kind: &ClaimKind, text: &str) -> bool {
    let is_of_rule = kind
        .rules
        .iter()
        .filter(|it| it.for_each.is_some())
        .any(|it| {
            let help = it.help.as_deref();
            it.require == text || it.message == text || help == Some(text)
        });
    let is_of_file = kind
        .files
        .iter()
        .filter(|it| it.for_each.is_some())
        .any(|it| {
            let (when, name) = (it.when.as_deref(), it.name.as_deref());
            it.template == text || when == Some(text) || name == Some(text)
        });
    is_of_rule || is_of_file || is_of_effect(kind, text, Effect::has_item)
}

/// Whether a text is the condition or help of an effect for which `filter` is true.
fn is_of_effect(kind: &ClaimKind, text: &str, filter: fn(&Effect) -> bool) -> bool {
    kind.effects.iter().filter(|it| filter(it)).any(|it| {
        let (when, help) = (it.when.as_deref(), it.help.as_deref());
        when == Some(text) || help == Some(text)
    })
}

/// The names that a text can use.
struct NameScope<'a> {
    kind: &'a ClaimKind,
    /// The names of `let`.
    locals: &'a [&'a str],
    has_item: bool,
    has_key: bool,
    has_found: bool,
    /// Whether the text is a template that others include.
    is_included: bool,
}

impl NameScope<'_> {
    /// The error for a name that is not defined.
    fn check(&self, name: &Name, templates: &Templates<'_>) -> Option<Diagnostic> {
        let mut steps = name.path.split('.');
        let root = steps.next().unwrap_or("");
        let steps: Vec<&str> = steps.collect();
        let is_local = self.locals.contains(&root);
        if !is_local && ["spec", "metadata"].contains(&root) {
            let schema = self.kind.schema.property(root)?;
            let unknown = find_unknown_step(schema, &steps);
            return unknown.map(|it| self.unknown_field(name, root, &steps, &it));
        }
        if !is_local && root == "environment" {
            let field = steps.first().filter(|it| !ENVIRONMENT.contains(it))?;
            let fault =
                Diagnostic::error("unknown-name", format!("`environment` has no `{field}`"));
            let fault = fault
                .at(name.location.clone())
                .did_you_mean(field, ENVIRONMENT);
            return Some(fault.help(format!("it has {}", ENVIRONMENT.join(", "))));
        }
        let defined = self.defined_names(templates);
        if self.is_included || defined.contains(root) {
            return None;
        }
        let fault = Diagnostic::error("unknown-name", format!("`{root}` is not defined here"))
            .at(name.location.clone())
            .did_you_mean(root, defined.iter().copied());
        Some(match self.kind.locals.iter().any(|it| it.0 == root) {
            true => fault.help(format!("move `{root}` up in `let`: it is defined later")),
            false => {
                fault.help("use `metadata`, `spec`, `environment` or a name in `let` of the kind")
            }
        })
    }

    /// All names that the text can use, without their fields.
    fn defined_names<'s>(&'s self, templates: &'s Templates<'_>) -> BTreeSet<&'s str> {
        let mut names: BTreeSet<&str> = templates.functions().collect();
        names.extend(COMMON_NAMES.into_iter().chain(ENGINE_NAMES));
        names.extend(self.locals.iter().copied());
        names.extend(self.kind.lookups.iter().map(|it| it.name.as_str()));
        names.extend(self.has_item.then_some("item"));
        names.extend(self.has_key.then_some("key"));
        names.extend(self.has_found.then_some("found"));
        names
    }

    fn unknown_field(
        &self,
        name: &Name,
        root: &str,
        steps: &[&str],
        unknown: &UnknownStep<'_>,
    ) -> Diagnostic {
        let step = steps.get(unknown.position).copied().unwrap_or("");
        let parent = [&[root], steps.get(..unknown.position).unwrap_or_default()]
            .concat()
            .join(".");
        let message = format!("`{parent}` of {} has no `{step}`", self.kind.name);
        let fault = Diagnostic::error("unknown-name", message)
            .at(name.location.clone())
            .did_you_mean(step, unknown.known.iter().copied());
        match unknown.known.as_slice() {
            [] => fault.help(format!("its schema declares no fields below `{parent}`")),
            known => fault.help(format!("its schema has {}", known.join(", "))),
        }
    }
}

/// The first step of a path that a schema does not define.
pub(super) struct UnknownStep<'a> {
    pub(super) position: usize,
    /// The fields that the schema defines there.
    pub(super) known: Vec<&'a str>,
}

pub(super) fn find_unknown_step<'a>(schema: &'a Schema, steps: &[&str]) -> Option<UnknownStep<'a>> {
    let (step, rest) = steps.split_first()?;
    if let Some(inner) = schema.child(step) {
        let unknown = find_unknown_step(inner, rest)?;
        return Some(UnknownStep {
            position: unknown.position + 1,
            ..unknown
        });
    }
    let is_open = schema.preserves_unknown()
        || schema.type_name().is_empty() && schema.properties().next().is_none();
    let defines =
        |it: &Schema| find_unknown_step(it, steps).is_none() && it.properties().next().is_some();
    if is_open && schema.alternatives().next().is_none() || schema.alternatives().any(defines) {
        return None;
    }
    Some(UnknownStep {
        position: 0,
        known: schema.property_names().collect(),
    })
}
