//! ApplicationSets that no longer generate an Application: Argo CD deletes it, together with everything that it applied.

use std::collections::BTreeSet;

use super::{Danger, Faults, Finding, RuleKind, list_names};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node, View};

pub(super) const DANGER: Danger = Danger {
    code: "pruned-application",
    severity: Severity::Error,
    summary: "an ApplicationSet no longer generates an Application",
    explain: "\
Argo CD deletes an Application that its ApplicationSet no longer generates, and everything that the Application applied. This \
happens when a list element, a generator, or a file or folder of a Git generator is removed, or when the name in the template \
changes. A renamed Application is a new one: the old one is deleted with its objects, before or while the new one creates them.

To keep the objects, set `spec.syncPolicy.preserveResourcesOnDeletion: true` in an earlier change. To keep the Applications, set \
`spec.syncPolicy.applicationsSync: create-update`. ApplicationSets with either setting are not reported.",
    check: RuleKind::Change(check),
};

/// The location of the name in the template.
const NAME: &str = "spec.template.metadata.name";

/// Something that a Git generator reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitPath {
    /// The path as written, possibly with `*` and `**`.
    pub pattern: String,
    /// Whether it matches folders instead of files.
    pub is_folder: bool,
    /// Whether it is an exclusion.
    pub is_excluded: bool,
}

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    if !is_set(after) || keeps_applications(after) {
        return;
    }
    let name = |it: &Object| text(it, NAME).map(str::to_string);
    let (was, is) = (name(before), name(after));
    if was != is {
        let name_or_nothing = |it: Option<String>| it.unwrap_or_else(|| "nothing".into());
        let message = format!(
            "the Applications of {} are named `{}` and no longer `{}`: the old ones are deleted, with everything that they applied",
            after.id(),
            name_or_nothing(is),
            name_or_nothing(was)
        );
        return faults.push(after, FieldPath::dotted(NAME), message);
    }
    let (old, new) = (listed(before), listed(after));
    let lost: Vec<String> = old.difference(&new).map(|it| format!("`{it}`")).collect();
    if !lost.is_empty() {
        let message = format!(
            "{} no longer generates {}: it is deleted, with everything that it applied",
            after.id(),
            list_names(&lost)
        );
        faults.push(after, FieldPath::dotted("spec.generators"), message);
    }
    let (old, new) = (other_generators(before), other_generators(after));
    for gone in old.difference(&new) {
        let message = format!(
            "{} loses a generator, {gone}: the Applications that only it generated are deleted, with everything that they applied",
            after.id()
        );
        faults.push(after, FieldPath::dotted("spec.generators"), message);
    }
    let excluded = |it: &Object| {
        let paths = git_paths(it).into_iter().filter(|it| it.is_excluded);
        paths.collect::<BTreeSet<GitPath>>()
    };
    let (old, new) = (excluded(before), excluded(after));
    for added in new.difference(&old) {
        let message = format!(
            "{} now excludes `{}`: the Applications generated from it are deleted, with everything that they applied",
            after.id(),
            added.pattern
        );
        faults.push(after, FieldPath::dotted("spec.generators"), message);
    }
}

/// The names of the Applications that a set generates from the content of a file of Git, if they depend on it.
pub fn names_from_file(set: &Object, documents: &[Node]) -> BTreeSet<String> {
    let name = text(set, NAME).unwrap_or("");
    let elements = documents.iter().flat_map(|it| match it.as_sequence() {
        Some(items) => items.iter().collect(),
        None => vec![it],
    });
    elements.filter_map(|it| rendered(name, it)).collect()
}

/// The finding that an ApplicationSet no longer generates Applications because the content of a file has changed.
pub fn lost_names(set: &Object, names: &[String], path: &str) -> Finding {
    let message = format!(
        "{} no longer generates {} from `{path}`: it is deleted, with everything that it applied",
        set.id(),
        list_names(names)
    );
    finding(set, message)
}

/// The finding that an ApplicationSet no longer finds a file or folder that its Git generator read.
pub fn lost_path(set: &Object, path: &str) -> Finding {
    let message = format!(
        "{} no longer finds `{path}`: the Application generated from it is deleted, with everything that it applied",
        set.id()
    );
    finding(set, message)
}

fn finding(set: &Object, message: String) -> Finding {
    let field = FieldPath::dotted("spec.generators");
    Finding {
        danger: &DANGER,
        id: set.id(),
        span: set.node.nearest_on_path(&field).span().clone(),
        field,
        message,
    }
}

/// The Git paths that an ApplicationSet reads, if it deletes Applications that it no longer generates.
pub fn git_paths(set: &Object) -> Vec<GitPath> {
    let mut found = Vec::new();
    if !is_set(set) || keeps_applications(set) {
        return found;
    }
    visit_generators(set, &mut |kind, generator| {
        for (field, is_folder) in [("files", false), ("directories", true)] {
            let entries = generator.get(field).and_then(Node::as_sequence);
            for entry in entries.unwrap_or_default() {
                let excludes = entry.get("exclude").and_then(Node::as_bool) == Some(true);
                let path = entry.get("path").and_then(Node::as_str);
                if let Some(path) = path.filter(|_| kind == "git") {
                    found.push(GitPath {
                        pattern: path.to_string(),
                        is_folder,
                        is_excluded: excludes,
                    });
                }
            }
        }
    });
    found
}

fn is_set(object: &Object) -> bool {
    object.kind() == "ApplicationSet" && object.api_version().starts_with("argoproj.io/")
}

/// Whether Applications that are no longer generated, or their objects, stay in the cluster.
pub(super) fn keeps_objects(set: &Object) -> bool {
    let field = FieldPath::dotted("spec.syncPolicy.preserveResourcesOnDeletion");
    set.node.at_path(&field).and_then(Node::as_bool) == Some(true)
}

fn keeps_applications(set: &Object) -> bool {
    let policy = text(set, "spec.syncPolicy.applicationsSync");
    keeps_objects(set) || matches!(policy, Some("create-only" | "create-update"))
}

fn text<'a>(object: &'a Object, field: &str) -> Option<&'a str> {
    object.node.at_path(&FieldPath::dotted(field))?.as_str()
}

/// Calls `act` with the kind and body of each generator, including those in a matrix or merge.
fn visit_generators<'a>(set: &'a Object, act: &mut dyn FnMut(&'a str, &'a Node)) {
    let mut open: Vec<&Node> = set
        .node
        .at_keys(&["spec", "generators"])
        .into_iter()
        .collect();
    while let Some(list) = open.pop() {
        for generator in list.as_sequence().unwrap_or_default() {
            for entry in generator.as_mapping().into_iter().flatten() {
                let kind = entry.key.as_str().unwrap_or("");
                act(kind, &entry.value);
                open.extend(entry.value.get("generators"));
            }
        }
    }
}

/// The names that the template generates from elements of lists; parameters of other generators are not replaced.
fn listed(set: &Object) -> BTreeSet<String> {
    let name = text(set, NAME).unwrap_or("");
    let mut names = BTreeSet::new();
    visit_generators(set, &mut |kind, generator| {
        let elements = generator.get("elements").filter(|_| kind == "list");
        for element in elements.and_then(Node::as_sequence).unwrap_or_default() {
            names.insert(rendered(name, element).unwrap_or_else(|| scalars(element)));
        }
    });
    names
}

/// A name with the values of an element inserted; `None` if the template uses none of them.
fn rendered(name: &str, element: &Node) -> Option<String> {
    let (mut out, mut rest, mut is_used) = (String::new(), name, false);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inner, tail)) = after.split_once("}}") else {
            break;
        };
        let key = inner.trim().trim_start_matches('.');
        let path = key.split('.').collect::<Vec<_>>();
        let value = element.at_keys(&path).and_then(Node::as_str);
        out.push_str(before);
        match value {
            Some(value) => {
                is_used = true;
                out.push_str(value);
            }
            None => out.push_str(&format!("{{{{{inner}}}}}")),
        }
        rest = tail;
    }
    out.push_str(rest);
    is_used.then_some(out)
}

fn scalars(node: &Node) -> String {
    match node.view() {
        View::Scalar(text) => text.to_string(),
        View::Sequence(items) => items.iter().map(scalars).collect::<Vec<_>>().join(", "),
        View::Mapping(entries) => {
            let entries = entries.iter().map(|it| {
                let key = it.key.as_str().unwrap_or("");
                format!("{key}: {}", scalars(&it.value))
            });
            entries.collect::<Vec<_>>().join(", ")
        }
    }
}

/// The other generators: the Git paths that each reads, or else its kind.
fn other_generators(set: &Object) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    visit_generators(set, &mut |kind, generator| match kind {
        "list" | "matrix" | "merge" | "selector" | "template" => {}
        "git" => {
            for field in ["files", "directories"] {
                let entries = generator.get(field).and_then(Node::as_sequence);
                let paths = entries.unwrap_or_default().iter();
                let paths = paths.filter_map(|it| it.get("path")?.as_str());
                found.extend(paths.map(|it| format!("`{it}` of Git")));
            }
        }
        kind => _ = found.insert(format!("`{kind}`")),
    });
    found
}
