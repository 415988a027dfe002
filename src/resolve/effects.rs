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

/// The owner of a claim, which reports read for every kind.
const OWNER: &str = "pleach.dev/owner";

/// A field in a claim, and the list item that contains it.
struct Found<'a> {
    path: FieldPath,
    entry: &'a Entry,
    item: Option<&'a Node>,
}

/// The fields set in a claim's documents whose effect depends on a condition.
pub(super) fn of_instance(
    instance: &Instance,
    templates: &Templates<'_>,
) -> Result<Vec<FieldEffect>, Diagnostic> {
    let mut effects: Vec<(FieldPath, FieldEffect)> = Vec::new();
    for effect in &instance.kind.effects {
        let mut found = Vec::new();
        find(
            &instance.node,
            &effect.path,
            FieldPath::root(),
            None,
            &mut found,
        );
        for field in found.iter().filter(|it| is_written(it.entry, instance)) {
            let is_below = |it: &(FieldPath, FieldEffect)| {
                it.1.fault.is_some() && field.path.steps().starts_with(it.0.steps())
            };
            // The map that contains it is reported.
            if effects.iter().any(is_below) {
                continue;
            }
            let has_effect = has_effect(effect, field, &instance.context, templates)?;
            let fault = match has_effect {
                true => None,
                false => Some(fault(effect, field, instance, templates)?),
            };
            let place = field.entry.key.span().clone();
            effects.push((field.path.clone(), FieldEffect { place, fault }));
        }
    }
    Ok(effects.into_iter().map(|it| it.1).collect())
}

fn find<'a>(
    node: &'a Node,
    parts: &[Part],
    path: FieldPath,
    item: Option<&'a Node>,
    found: &mut Vec<Found<'a>>,
) {
    let Some((part, rest)) = parts.split_first() else {
        return;
    };
    if *part == Part::AnyItem {
        for (at, inner) in node.as_sequence().unwrap_or_default().iter().enumerate() {
            let mut path = path.clone();
            path.push(Step::Index(at));
            find(inner, rest, path, Some(inner), found);
        }
        return;
    }
    for entry in node.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or("");
        if matches!(part, Part::Key(wanted) if **wanted != *key) {
            continue;
        }
        let path = path.key(key);
        match rest {
            [] => found.push(Found { path, entry, item }),
            rest => find(&entry.value, rest, path, item, found),
        }
    }
}

/// Whether it is set in a claim to a value that requests something: an empty value and `false` do not.
fn is_written(entry: &Entry, instance: &Instance) -> bool {
    let (key, value) = (&entry.key, &entry.value);
    let says_nothing = value.is_null()
        || value.is_empty_collection()
        || value.as_bool() == Some(false)
        || value.as_str() == Some("");
    let is_default = !key.has_origin() || key.span().path() == instance.kind.span.path();
    !is_default && !says_nothing && key.as_str() != Some(OWNER)
}

fn has_effect(
    effect: &Effect,
    field: &Found<'_>,
    context: &Context,
    templates: &Templates<'_>,
) -> Result<bool, Diagnostic> {
    let Some(when) = &effect.when else {
        return Ok(false);
    };
    let context = with_item(context, field);
    templates.holds(when, &context)
}

fn with_item(context: &Context, field: &Found<'_>) -> Context {
    let mut context = context.child();
    context.set("key", &field.entry.key);
    if let Some(item) = field.item {
        context.set("item", item);
    }
    context
}

fn fault(
    effect: &Effect,
    field: &Found<'_>,
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
        Some(help) => templates.text(help, &with_item(&instance.context, field))?,
        None => "remove it".to_string(),
    };
    Ok(fault.help(help))
}

/// Reports fields that have no effect in any environment. Returns whether this is known for all fields: if only a part of the
/// workspace is rendered, the other environments are unknown.
pub fn report(
    workspace: &Workspace<'_>,
    effects: &[FieldEffect],
    diagnostics: &mut Diagnostics,
) -> bool {
    let mut is_conclusive = true;
    let effective = effects.iter().filter(|it| it.fault.is_none());
    let effective: BTreeSet<_> = effective.map(|it| key(&it.place)).collect();
    for effect in effects {
        let is_shared = Input::parse(effect.place.path()).is_some_and(Input::is_base);
        let is_known = workspace.scope.is_whole() || !is_shared;
        is_conclusive &= is_known || effect.fault.is_none();
        if is_known && !effective.contains(&key(&effect.place)) {
            diagnostics.extend(effect.fault.clone());
        }
    }
    is_conclusive
}

fn key(place: &Span) -> (&str, usize) {
    (place.path().as_str(), place.range().start)
}
