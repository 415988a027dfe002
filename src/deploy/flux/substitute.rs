//! Replaces variables in the text of an object, as Flux does, so that a value may become a number, a list or a map.

use std::collections::BTreeSet;

use super::super::metadata;
use super::KUSTOMIZE_GROUP;
use super::envsubst::{BadExpression, Replaced, replace};
use super::variables::Variables;
use crate::diag::{Class, Diagnostic, Diagnostics, Source, Span};
use crate::object::Object;
use crate::yaml::{Entry, KeyIndex, Mapping, Node, View, emit_kustomize, parse_as_go_yaml_v2};
use pleach_helm::manifests::set_json_types;

/// Replaces the variables in an object. Unchanged values keep their locations, and changed ones have the location of their
/// expression.
pub(super) fn substitute(
    object: &mut Object,
    variables: &Variables,
    diagnostics: &mut Diagnostics,
) {
    let switch = format!("{KUSTOMIZE_GROUP}/substitute");
    let mut fields = ["labels", "annotations"].iter();
    let is_off = fields.any(|it| metadata::value(object, it, &switch) == "disabled");
    if is_off || !variables.is_active() || first_with(&object.node, "$").is_none() {
        return;
    }
    match replaced(&object.node, variables) {
        Ok((node, replaced)) => {
            report_unset(object, variables, &replaced, diagnostics);
            object.node = node;
        }
        Err(faults) => diagnostics.extend(faults),
    }
}

fn replaced(node: &Node, variables: &Variables) -> Result<(Node, Replaced), Diagnostics> {
    let text = emit_kustomize(node)?;
    let replaced = replace(&text, &|name| variables.get(name)).map_err(|fault| {
        let mut found = Diagnostics::default();
        find_bad(node, variables, &mut found);
        // An error that spans several values is in none of them.
        if found.is_empty() {
            let location = first_with(node, "${").unwrap_or(node);
            found.push(bad_expression(&text, &fault, location));
        }
        found
    })?;
    let source = Source::internal("<substituted>", replaced.text.as_str());
    let parsed = parse_as_go_yaml_v2(&source).ok().flatten();
    let Some(mut parsed) = parsed else {
        let message = "the object is not valid YAML after its variables are replaced";
        let location = first_with(node, "${").unwrap_or(node);
        let fault = Diagnostic::error("bad-substitution", message)
            .class(Class::Refused)
            .at(location);
        let help = "quote the value: what a variable contains becomes part of the YAML";
        return Err(fault.help(help).into());
    };
    // The controller parses the text as YAML 1.1, so `yes` becomes a boolean.
    set_json_types(&mut parsed);
    Ok((with_spans_of(parsed, node), replaced))
}

/// The first invalid expression of each value. Flux stops at the first one, so users would need a commit for each.
fn find_bad(node: &Node, variables: &Variables, found: &mut Diagnostics) {
    match node.view() {
        View::Scalar(text) if !text.contains("${") => {}
        View::Scalar(text) => {
            if let Err(fault) = replace(text, &|name| variables.get(name)) {
                found.push(bad_expression(text, &fault, node));
            }
        }
        View::Sequence(items) => items.iter().for_each(|it| find_bad(it, variables, found)),
        View::Mapping(mapping) => {
            for entry in mapping {
                find_bad(&entry.key, variables, found);
                find_bad(&entry.value, variables, found);
            }
        }
    }
}

fn bad_expression(text: &str, fault: &BadExpression, location: &Node) -> Diagnostic {
    let line = text.get(fault.at..).and_then(|it| it.lines().next());
    let message = format!(
        "envsubst: {} before `{}`",
        fault.message,
        line.unwrap_or("").trim()
    );
    Diagnostic::error("bad-substitution", message).class(Class::Refused)
        .at(location)
        .help("write `$${` for a literal `${`, or exclude the object with the annotation `kustomize.toolkit.fluxcd.io/substitute: disabled`")
}

/// A node that was parsed again, with the locations of its origin.
fn with_spans_of(new: Node, old: &Node) -> Node {
    match (new.view(), old.view()) {
        (View::Mapping(_), View::Mapping(known)) => {
            let mut index = KeyIndex::default();
            let entries = new.into_mapping().unwrap_or_default().into_iter();
            let entries = entries.map(|Entry { key, value }| {
                let at = index.position(known, key.as_str().unwrap_or(""));
                match at.and_then(|at| known.as_slice().get(at)) {
                    Some(it) => Entry {
                        key: key.at(&it.key),
                        value: with_spans_of(value, &it.value),
                    },
                    None => Entry {
                        key: key.at(old),
                        value: all_at(value, old.span()),
                    },
                }
            });
            Node::mapping(entries.collect::<Mapping>()).at(old)
        }
        (View::Sequence(_), View::Sequence(known)) => {
            let items = new.into_sequence().unwrap_or_default().into_iter();
            let items = items.enumerate().map(|(at, item)| match known.get(at) {
                Some(old) => with_spans_of(item, old),
                None => all_at(item, old.span()),
            });
            Node::sequence(items.collect::<Vec<_>>()).at(old)
        }
        _ => all_at(new, old.span()),
    }
}

/// A node in which every part has the same location.
fn all_at(node: Node, span: &Span) -> Node {
    match node.view() {
        View::Scalar(_) => node.at(span),
        View::Sequence(_) => {
            let items = node.into_sequence().unwrap_or_default().into_iter();
            Node::sequence(items.map(|it| all_at(it, span)).collect::<Vec<_>>()).at(span)
        }
        View::Mapping(_) => {
            let entries = node.into_mapping().unwrap_or_default().into_iter();
            let entries = entries.map(|it| Entry {
                key: it.key.at(span),
                value: all_at(it.value, span),
            });
            Node::mapping(entries.collect::<Mapping>()).at(span)
        }
    }
}

/// The first scalar that contains a text, including keys.
fn first_with<'a>(node: &'a Node, text: &str) -> Option<&'a Node> {
    match node.view() {
        View::Scalar(value) => value.contains(text).then_some(node),
        View::Sequence(items) => items.iter().find_map(|it| first_with(it, text)),
        View::Mapping(mapping) => mapping
            .iter()
            .find_map(|it| first_with(&it.key, text).or_else(|| first_with(&it.value, text))),
    }
}

fn report_unset(
    object: &Object,
    variables: &Variables,
    replaced: &Replaced,
    diagnostics: &mut Diagnostics,
) {
    let names: BTreeSet<&String> = replaced.unset.iter().collect();
    for name in names.into_iter().filter(|it| variables.is_first_use(it)) {
        let message = format!(
            "`${{{name}}}` in {} is not set: Flux fails, or substitutes an empty string if it is not strict",
            object.id()
        );
        let expression = format!("${{{name}");
        let location = first_with(&object.node, &expression).unwrap_or(&object.node);
        diagnostics.push(Diagnostic::warning("unset-variable", message).at(location).help(format!(
            "set it under `postBuild.substitute`, give it a default (`${{{name}:=…}}`), or write `$${{{name}}}` to keep the text"
        )));
    }
}
