//! Reports fields in claims that have no effect because of the values of other fields.
//!
//! A field of a shared claim is only reported if it has no effect in any environment that uses the claim.

use std::collections::BTreeSet;

use super::instance::{FieldEffect, Instance};
use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::layout::Input;
use crate::load::{Effect, Part, Workspace};
use crate::template::{Context, Templates};
use crate::yaml::{Entry, FieldPath, Node, Step};

/// The annotation with the owner of a claim. It has an effect for every kind, because reports show it.
const OWNER: &str = "pleach.dev/owner";

/// A field of a claim that is matched by the path of an [`Effect`].
struct Field<'a> {
    path: FieldPath,
    entry: &'a Entry,
    /// The list item that contains the field.
    item: Option<&'a Node>,
}

/// Evaluates the conditions of the fields that are set in a claim's documents.
pub(super) fn evaluate(
    instance: &Instance,
    templates: &Templates<'_>,
) -> Result<Vec<FieldEffect>, Diagnostic> {
    let mut effects: Vec<(FieldPath, FieldEffect)> = Vec::new();
    for effect in &instance.kind.effects {
        let mut fields = Vec::new();
        find_fields(
            &instance.node,
            &effect.path,
            FieldPath::root(),
            None,
            &mut fields,
        );
        for field in fields.iter().filter(|it| is_set(it.entry, instance)) {
            let contains_field = |it: &(FieldPath, FieldEffect)| {
                it.1.warning.is_some() && field.path.steps().starts_with(it.0.steps())
            };
            // If a map has no effect, only the map is reported and not its fields.
            if effects.iter().any(contains_field) {
                continue;
            }
            let warning = match has_effect(effect, field, &instance.context, templates)? {
                true => None,
                false => Some(no_effect(effect, field, instance, templates)?),
            };
            let key_span = field.entry.key.span().clone();
            effects.push((field.path.clone(), FieldEffect { key_span, warning }));
        }
    }
    Ok(effects.into_iter().map(|it| it.1).collect())
}

/// Collects the fields below `node` that match a path of keys and wildcards.
fn find_fields<'a>(
    node: &'a Node,
    parts: &[Part],
    path: FieldPath,
    item: Option<&'a Node>,
    found: &mut Vec<Field<'a>>,
) {
    let Some((part, rest)) = parts.split_first() else {
        return;
    };
    if *part == Part::AnyItem {
        for (at, inner) in node.as_sequence().unwrap_or_default().iter().enumerate() {
            let mut path = path.clone();
            path.push(Step::Index(at));
            find_fields(inner, rest, path, Some(inner), found);
        }
        return;
    }
    for entry in node.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or("");
        if matches!(part, Part::Key(expected) if **expected != *key) {
            continue;
        }
        let path = path.key(key);
        match rest {
            [] => found.push(Field { path, entry, item }),
            rest => find_fields(&entry.value, rest, path, item, found),
        }
    }
}

/// Whether a field is set in a document of the claim. Empty values and `false` are ignored, because they usually mean "not set".
fn is_set(entry: &Entry, instance: &Instance) -> bool {
    let (key, value) = (&entry.key, &entry.value);
    let is_unset_value = value.is_null()
        || value.is_empty_collection()
        || value.as_bool() == Some(false)
        || value.as_str() == Some("");
    let is_default = !key.has_origin() || key.span().path() == instance.kind.span.path();
    !is_default && !is_unset_value && key.as_str() != Some(OWNER)
}

fn has_effect(
    effect: &Effect,
    field: &Field<'_>,
    context: &Context,
    templates: &Templates<'_>,
) -> Result<bool, Diagnostic> {
    let Some(when) = &effect.when else {
        return Ok(false);
    };
    let context = field_context(context, field);
    templates.holds(when, &context)
}

/// A context in which expressions can also use `key` and `item`.
fn field_context(context: &Context, field: &Field<'_>) -> Context {
    let mut context = context.child();
    context.set("key", &field.entry.key);
    if let Some(item) = field.item {
        context.set("item", item);
    }
    context
}

/// The warning for a field without effect.
fn no_effect(
    effect: &Effect,
    field: &Field<'_>,
    instance: &Instance,
    templates: &Templates<'_>,
) -> Result<Diagnostic, Diagnostic> {
    let (path, kind) = (&field.path, &instance.kind.name);
    let message = match &effect.when {
        Some(_) => format!("`{path}` has no effect"),
        None => format!("`{path}` has no effect: no template of {kind} uses it"),
    };
    let fault = Diagnostic::warning("no-effect", message)
        .class(Class::NoEffect)
        .at(&field.entry.key);
    let help = match &effect.help {
        Some(help) => templates.text(help, &field_context(&instance.context, field))?,
        None => "remove it".to_string(),
    };
    Ok(fault.help(help))
}

/// Reports fields that have no effect in any environment. Returns whether this is known for all fields: if only a part of the
/// workspace is rendered, fields of base may have an effect in the other environments.
pub fn report(
    workspace: &Workspace<'_>,
    effects: &[FieldEffect],
    diagnostics: &mut Diagnostics,
) -> bool {
    let mut is_conclusive = true;
    let effective = effects.iter().filter(|it| it.warning.is_none());
    let effective: BTreeSet<_> = effective.map(|it| location(&it.key_span)).collect();
    for effect in effects {
        let is_shared = Input::parse(effect.key_span.path()).is_some_and(Input::is_base);
        let is_known = workspace.scope.is_whole() || !is_shared;
        is_conclusive &= is_known || effect.warning.is_none();
        if is_known && !effective.contains(&location(&effect.key_span)) {
            diagnostics.extend(effect.warning.clone());
        }
    }
    is_conclusive
}

fn location(span: &Span) -> (&str, usize) {
    (span.path().as_str(), span.range().start)
}
