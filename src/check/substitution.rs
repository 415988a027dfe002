//! Flux Kustomizations with variable substitution.

use std::collections::BTreeSet;

use super::environment::{EnvironmentObjects, SourcedObject};
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

/// A Flux Kustomization with variables.
pub(super) struct Substitution<'a> {
    pub(super) kustomization: &'a SourcedObject<'a>,
    /// The variables that it sets; `None` if some come from an object that is not in the tree.
    pub(super) set: Option<BTreeSet<&'a str>>,
    /// The objects in which it replaces variables.
    pub(super) targets: Vec<&'a SourcedObject<'a>>,
}

/// The Kustomizations of an environment that set variables; others replace nothing.
pub(super) fn substitutions<'a>(
    environment: &'a EnvironmentObjects<'a>,
) -> impl Iterator<Item = Substitution<'a>> {
    environment.objects.iter().filter_map(|sourced| {
        let set = variables(&sourced.object, environment)?;
        let path = sourced.object.node.at_keys(&["spec", "path"]);
        let path = path.and_then(Node::as_str).unwrap_or("");
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let applied = environment.objects.iter().filter(|it| is_below(it, path));
        Some(Substitution {
            kustomization: sourced,
            set,
            targets: applied.filter(|it| is_replaced(&it.object)).collect(),
        })
    })
}

/// The variables that a Flux Kustomization sets; `None` if it replaces none, `Some(None)` if not all are known.
#[expect(clippy::option_option, reason = "no set, an unknown set, a known set")]
fn variables<'a>(
    object: &'a Object,
    environment: &'a EnvironmentObjects<'_>,
) -> Option<Option<BTreeSet<&'a str>>> {
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
        let Some(source) = environment.objects.iter().find(is_it) else {
            return Some(None);
        };
        for field in ["data", "stringData"] {
            set.extend(keys(source.object.node.get(field)));
        }
    }
    (!set.is_empty()).then_some(Some(set))
}

/// Whether an object is in the folder at the end of a Kustomization's path.
fn is_below(sourced: &SourcedObject<'_>, path: &str) -> bool {
    let folder = sourced.folder.as_str();
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

/// The strings of an object that contain variables, including keys, each with its field.
pub(super) fn texts<'a>(node: &'a Node, found: &mut impl FnMut(&'a str, &FieldPath)) {
    texts_below(node, &FieldPath::root(), found);
}

fn texts_below<'a>(node: &'a Node, path: &FieldPath, found: &mut impl FnMut(&'a str, &FieldPath)) {
    let may_name = |it: &&str| it.contains("${");
    if let Some(text) = node.as_str().filter(may_name) {
        found(text, path);
    }
    for entry in node.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or("");
        let path = path.key(key);
        if may_name(&key) {
            found(key, &path);
        }
        texts_below(&entry.value, &path, found);
    }
    let items = node.as_sequence().unwrap_or_default();
    for (index, item) in items.iter().enumerate() {
        texts_below(item, &path.index(index), found);
    }
}

/// A description of a string, for messages.
pub(super) fn text_kind(text: &str) -> &'static str {
    match text.contains('\n') {
        true => "a script or file of",
        false => "a field of",
    }
}

/// Whether a variable with this name can be set.
pub(super) fn is_settable(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(is_part)
}
