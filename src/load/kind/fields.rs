//! Checks the paths of fields in the definition of a kind, and entries that would have no effect.

use std::collections::BTreeSet;

use super::ClaimKind;
use super::names::{UnknownStep, find_unknown_step};
use crate::diag::{Diagnostic, Diagnostics, nearest};
use crate::schema::Schema;
use crate::yaml::Node;

/// The item of a list, as the location of a rule.
const ITEM: &str = "item";

/// Checks the paths and entries of a kind. Errors: `unknown-name`, `invalid-value`.
pub(super) fn check(kind: &ClaimKind) -> Diagnostics {
    let entries = |field: &str| {
        let entries = kind.spec.get(field).and_then(Node::as_sequence);
        entries.unwrap_or_default().iter()
    };
    let rules = entries("rules").filter_map(|it| rule_location(kind, it));
    let references = entries("references").filter_map(|it| {
        let at = it.get("at")?;
        unknown_field(kind, at)
    });
    let capabilities = ["provides", "requires"].into_iter();
    let capabilities = capabilities.flat_map(|field| {
        let unnamed = entries(field).filter_map(move |it| without_effect(field, it));
        unnamed.collect::<Vec<_>>()
    });
    rules.chain(references).chain(capabilities).collect()
}

/// The error for `at` of a rule that is not a field of the kind.
fn rule_location(kind: &ClaimKind, rule: &Node) -> Option<Diagnostic> {
    let at = rule.get("at")?;
    if at.as_str() != Some(ITEM) {
        return unknown_field(kind, at);
    }
    if rule.get("forEach").is_some() {
        return None;
    }
    let message = "`at: item` has no effect in a rule without `forEach`";
    let fault = Diagnostic::error("invalid-value", message).at(at);
    Some(fault.help("add `forEach`, or write the path of a field"))
}

/// The error for a path that is not in the schema of the kind.
fn unknown_field(kind: &ClaimKind, at: &Node) -> Option<Diagnostic> {
    let path = at.as_str()?;
    let steps: Vec<&str> = path.split('.').filter(|it| !it.is_empty()).collect();
    let unknown = unknown_step(&kind.schema, &steps)?;
    let step = steps.get(unknown.position).copied().unwrap_or("");
    let parent = steps.get(..unknown.position).unwrap_or_default().join(".");
    let message = match parent.as_str() {
        "" => format!("{} has no field `{step}`", kind.name),
        parent => format!("`{parent}` of {} has no `{step}`", kind.name),
    };
    let fault = Diagnostic::error("unknown-name", message).at(at);
    let fault = fault.did_you_mean(step, unknown.known.iter().copied());
    Some(match unknown.known.as_slice() {
        [] => fault.help(format!("its schema declares no fields below `{parent}`")),
        known => fault.help(format!("its schema has {}", known.join(", "))),
    })
}

/// The first step of a path that a schema does not define. `*` is any item of a list. Keys of maps with arbitrary keys may contain
/// dots, so the steps below them are not checked.
fn unknown_step<'a>(schema: &'a Schema, steps: &[&str]) -> Option<UnknownStep<'a>> {
    let (step, rest) = steps.split_first()?;
    let is_index = *step == "*" || step.parse::<usize>().is_ok();
    let below = match schema.items().filter(|_| is_index) {
        Some(items) => unknown_step(items, rest),
        None if schema.property(step).is_none() && schema.additional().is_some() => None,
        None => match schema.property(step) {
            Some(field) => unknown_step(field, rest),
            None => return find_unknown_step(schema, steps),
        },
    };
    let unknown = below?;
    Some(UnknownStep {
        position: unknown.position + 1,
        ..unknown
    })
}

/// Checks the kinds that `find` and `references` name. `known` are the names of all kinds. Errors: `unknown-claim-kind`.
///
/// A kind in `references` is only a default, and a claim that uses it gets an error. So it is only reported if it looks like a typo.
pub(super) fn check_kinds(kind: &ClaimKind, known: &BTreeSet<&str>) -> Diagnostics {
    let lookups = kind.spec.get("find").and_then(Node::as_mapping);
    let lookups = lookups.into_iter().flatten().map(|it| (&it.value, false));
    let references = kind.spec.get("references").and_then(Node::as_sequence);
    let references = references.unwrap_or_default().iter().map(|it| (it, true));
    let faults = lookups.chain(references).filter_map(|(entry, is_default)| {
        let node = entry.get("kind")?;
        let name = node.as_str().filter(|it| !known.contains(it))?;
        let known = || known.iter().copied();
        if is_default && nearest(name, known()).is_none() {
            return None;
        }
        let message = format!("unknown claim kind `{name}`");
        let fault = Diagnostic::error("unknown-claim-kind", message).at(node);
        let names: Vec<&str> = known().collect();
        let help = format!("known kinds: {}", names.join(", "));
        Some(fault.did_you_mean(name, known()).help(help))
    });
    faults.collect()
}

/// The error for an entry of `provides` or `requires` that has no effect, or a part without effect.
fn without_effect(field: &str, entry: &Node) -> Option<Diagnostic> {
    let fault = |message: String| Diagnostic::error("invalid-value", message);
    if entry.get("name").is_none() && entry.get("names").is_none() {
        let message = format!("this entry of `{field}` names no CRD");
        return Some(fault(message).at(entry).help("add `name` or `names`"));
    }
    let exclusive = entry.get("exclusive")?;
    if entry.get("name").is_some() || exclusive.as_bool() != Some(true) {
        return None;
    }
    let message = "`exclusive` has no effect on `names`".to_string();
    let help = "write an entry with `name` for each CRD, or remove it";
    Some(fault(message).at(exclusive).help(help))
}
