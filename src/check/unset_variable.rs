//! Variables that Flux puts in, and that nothing sets.

use std::collections::BTreeSet;

use super::scene::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults};
use crate::diag::Severity;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "unset-variable",
    severity: Severity::Warning,
    summary: "Flux puts in a variable that nothing sets",
    explain: "\
A Flux Kustomization with `postBuild` has every `${NAME}` of its objects replaced, in scripts and configuration files too. What \
nothing sets becomes an empty text without a word; with the feature gate StrictPostBuildSubstitutions the Kustomization fails instead.

Set it under `postBuild.substitute`, give it a default (`${NAME:=value}`), or keep it as it is: `$${NAME}` comes out as `${NAME}`, and \
the annotation `kustomize.toolkit.fluxcd.io/substitute: disabled` leaves a whole object alone. A variable that comes from a ConfigMap \
or a Secret of another place can't be seen from here: then nothing is reported.",
    judge,
};

fn judge(scene: &EnvironmentObjects<'_>, faults: &mut Faults) {
    for placed in &scene.objects {
        let Some(set) = variables(&placed.object, scene) else {
            continue;
        };
        let spec_path = placed.object.node.at_keys(&["spec", "path"]);
        let path = spec_path.and_then(Node::as_str).unwrap_or("");
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let applied = scene.objects.iter().filter(|it| is_below(it, path));
        for target in applied.filter(|it| is_replaced(&it.object)) {
            let mut reported = BTreeSet::new();
            texts(
                &target.object.node,
                &FieldPath::root(),
                &mut |text, field| {
                    for name in used(text) {
                        if !set.contains(name) && reported.insert(name.to_string()) {
                            report(target, field, name, text, faults);
                        }
                    }
                },
            );
        }
    }
}

fn report(
    target: &SourcedObject<'_>,
    field: &FieldPath,
    name: &str,
    text: &str,
    faults: &mut Faults,
) {
    let id = target.object.id();
    let what = if text.contains('\n') {
        "a script or file of"
    } else {
        "a field of"
    };
    let message = format!(
        "nothing sets `${{{name}}}` in {what} {id}: Flux leaves an empty text there, or fails where it is strict"
    );
    let help = format!(
        "set it under `postBuild.substitute`, give it a default (`${{{name}:=…}}`), or keep it with `$${{{name}}}`"
    );
    faults.push(target, field, message, &help);
}

/// The variables that a Flux Kustomization sets; `None` where it replaces none, or not all can be known.
fn variables<'a>(
    object: &'a Object,
    scene: &'a EnvironmentObjects<'_>,
) -> Option<BTreeSet<&'a str>> {
    if &*object.gvk().group != "kustomize.toolkit.fluxcd.io" {
        return None;
    }
    let build = object.node.at_keys(&["spec", "postBuild"])?;
    let keys = |node: Option<&'a Node>| {
        let entries = node.and_then(Node::as_mapping).into_iter().flatten();
        entries.filter_map(|it| it.key.as_str())
    };
    let mut set: BTreeSet<&str> = keys(build.get("substitute")).collect();
    let sources = build.get("substituteFrom").and_then(Node::as_sequence);
    for source in sources.unwrap_or_default() {
        let text = |key| source.get(key).and_then(Node::as_str);
        let is_it = |it: &&SourcedObject<'_>| {
            Some(it.object.kind()) == text("kind")
                && Some(it.object.name()) == text("name")
                && it.object.namespace() == object.namespace()
        };
        let source = scene.objects.iter().find(is_it)?;
        for field in ["data", "stringData"] {
            set.extend(keys(source.object.node.get(field)));
        }
    }
    Some(set)
}

/// Whether an object is in the folder that a Kustomization's path ends with.
fn is_below(placed: &SourcedObject<'_>, path: &str) -> bool {
    let folder = placed.folder.as_str();
    let rest = path.strip_suffix(folder);
    !folder.is_empty() && rest.is_some_and(|it| it.is_empty() || it.ends_with('/'))
}

fn is_replaced(object: &Object) -> bool {
    let switch = "kustomize.toolkit.fluxcd.io/substitute";
    ["labels", "annotations"].iter().all(|it| {
        let value = object.node.at_keys(&["metadata", it, switch]);
        value.and_then(Node::as_str) != Some("disabled")
    })
}

fn texts<'a>(node: &'a Node, path: &FieldPath, found: &mut impl FnMut(&'a str, &FieldPath)) {
    if let Some(text) = node.as_str().filter(|it| it.contains("${")) {
        found(text, path);
    }
    for entry in node.as_mapping().into_iter().flatten() {
        texts(
            &entry.value,
            &path.key(entry.key.as_str().unwrap_or("")),
            found,
        );
    }
    let items = node.as_sequence().unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        texts(item, &path.index(index), found);
    }
}

/// The variables of a text that have no default: `${NAME}`, and `${NAME/a/b}` and the like, but not `$${NAME}`.
fn used(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices("${") {
        let before = text.get(..at).unwrap_or("");
        let is_kept = (before.len() - before.trim_end_matches('$').len()) % 2 == 1;
        let rest = text.get(at + 2..).unwrap_or("");
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (name, after) = (rest.get(..end).unwrap_or(""), rest.get(end..).unwrap_or(""));
        let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
        let has_default = [":=", ":-", "=", "-"]
            .iter()
            .any(|it| after.starts_with(it));
        if is_name && !is_kept && !has_default && after.contains('}') {
            names.push(name);
        }
    }
    names
}
