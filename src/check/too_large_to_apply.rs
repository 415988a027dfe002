//! Objects that are too large for the annotation in which client-side apply stores them.

use std::collections::BTreeMap;

use super::applications::applications;
use super::environment::{EnvironmentObjects, SourcedObject, SyncOptions};
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::ObjectId;
use crate::tree::TreePath;
use crate::yaml::{Entry, FieldPath, Kind, Node, View};

pub(super) const CHECK: Check = Check {
    code: "too-large-to-apply",
    severity: Severity::Warning,
    summary: "an object is too large for the client-side apply of Argo CD",
    explain: "\
Without `ServerSideApply=true`, Argo CD applies objects as `kubectl apply` does: the whole object is stored as JSON in its annotation \
`kubectl.kubernetes.io/last-applied-configuration`. The API server accepts at most 262,144 bytes of annotations, so it rejects a \
larger object with `metadata.annotations: Too long`. ConfigMaps of dashboards and the CRDs of large operators are often larger. Flux \
and the Applications that pleach writes use server-side apply, which stores no such annotation.

Add `ServerSideApply=true` to `spec.syncPolicy.syncOptions` of the Application, or add the annotation \
`argocd.argoproj.io/sync-options: ServerSideApply=true` to the object. With `Replace=true`, Argo CD also stores no annotation, but it \
overwrites what controllers have set. No option helps a ConfigMap or Secret with more than 1 MiB: the API server rejects it.",
    check: RuleKind::Objects(check),
};

/// The maximum total size of an object's annotations, keys and values, in bytes.
const ANNOTATIONS_MAX: usize = 256 * 1024;
/// The annotation in which `kubectl apply` and Argo CD store an object.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The annotation that sets options of Argo CD for one object, separated by commas.
const OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// The option for server-side apply.
const SERVER_SIDE: &str = "ServerSideApply=true";

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let known = sync_options(environment);
    for sourced in &environment.objects {
        let Some((application, options)) = known.get(&sourced.folder) else {
            continue;
        };
        let own = own_options(&sourced.object.node);
        let is_off = own.contains(&"ServerSideApply=false");
        let has = |it: &str| own.contains(&it) || options.contains(&it);
        if !is_off && has(SERVER_SIDE) || has("Replace=true") {
            continue;
        }
        let size = annotations_size(&sourced.object.node);
        if size > ANNOTATIONS_MAX {
            report(sourced, application, size, is_off, faults);
        }
    }
}

/// The Application of each folder and its options, from the deployment or from the Applications of the environment. The location of the
/// tree in the repository is unknown, so paths are matched by their end.
pub(super) fn sync_options<'a>(
    environment: &'a EnvironmentObjects<'_>,
) -> BTreeMap<&'a TreePath, (ObjectId, Vec<&'a str>)> {
    let mut found: BTreeMap<&TreePath, (ObjectId, Vec<&str>)> = BTreeMap::new();
    for (
        folder,
        SyncOptions {
            application,
            options,
        },
    ) in &*environment.sync_options
    {
        let options = options.iter().map(String::as_str).collect();
        found.insert(folder, (application.clone(), options));
    }
    for application in applications(environment) {
        let options = application.spec.at_keys(&["syncPolicy", "syncOptions"]);
        let options = options.and_then(Node::as_sequence).unwrap_or_default();
        let options: Vec<&str> = options.iter().filter_map(Node::as_str).collect();
        for path in application.paths() {
            let Some(folder) = environment.folder_of_path(path) else {
                continue;
            };
            let id = application.sourced.object.id();
            // If two Applications apply a folder, the one with client-side apply fails.
            if !found.contains_key(folder) || !options.contains(&SERVER_SIDE) {
                found.insert(folder, (id, options.clone()));
            }
        }
    }
    found
}

/// Whether an object is too large for client-side apply.
pub(super) fn is_too_large(object: &Node) -> bool {
    annotations_size(object) > ANNOTATIONS_MAX
}

fn own_options(object: &Node) -> Vec<&str> {
    let options = object.at_keys(&["metadata", "annotations", OPTIONS]);
    let options = options.and_then(Node::as_str).unwrap_or("");
    options.split(',').map(str::trim).collect()
}

fn report(
    sourced: &SourcedObject<'_>,
    application: &ObjectId,
    size: usize,
    is_off: bool,
    faults: &mut Faults,
) {
    let message = format!(
        "{} is too large for client-side apply: with its last applied configuration, it has {size} bytes of annotations, and the API server accepts {ANNOTATIONS_MAX}",
        sourced.object.id()
    );
    let help = match is_off {
        true => format!("remove `ServerSideApply=false` from the annotation `{OPTIONS}`"),
        false => format!(
            "add `ServerSideApply=true` to `spec.syncPolicy.syncOptions` of {application}, or the annotation `{OPTIONS}: ServerSideApply=true` to the object"
        ),
    };
    let field = largest(&sourced.object.node);
    faults.push(sourced, &field, message, &help);
}

/// The largest value of a ConfigMap or Secret, or the name of another object.
fn largest(object: &Node) -> FieldPath {
    let fields = ["data", "binaryData", "stringData"];
    let entries = fields.iter().flat_map(|field| {
        let entries = object.get(field).and_then(Node::as_mapping);
        entries.into_iter().flatten().map(move |it| (field, it))
    });
    let largest = entries.max_by_key(|(_, it)| json_length(&it.value));
    match largest {
        Some((field, Entry { key, .. })) => {
            FieldPath::root().key(field).key(key.as_str().unwrap_or(""))
        }
        None => FieldPath::dotted("metadata.name"),
    }
}

/// The size of the annotations after client-side apply: the object's own ones, and the object as JSON, without an earlier stored one.
fn annotations_size(object: &Node) -> usize {
    let annotations = object.at_keys(&["metadata", "annotations"]);
    let entries = annotations.and_then(Node::as_mapping).into_iter().flatten();
    let length = |it: &Node| it.as_str().unwrap_or("").len();
    let (mut own, mut stored) = (0, 0);
    for Entry { key, value } in entries {
        if key.as_str() == Some(LAST_APPLIED) {
            stored += json_length(key) + json_length(value) + 2;
        } else {
            own += length(key) + length(value);
        }
    }
    // Without annotations, kubectl stores `"annotations":{},`. It also stores a line break at the end.
    let added = if annotations.is_none() { 17 } else { 0 } + 1;
    own + LAST_APPLIED.len() + json_length(object).saturating_sub(stored) + added
}

/// The length of a value as Go's encoder prints it on one line.
fn json_length(node: &Node) -> usize {
    match node.view() {
        View::Scalar(_) if node.is_null() => 4,
        View::Scalar(text) => match node.kind() {
            Kind::Bool if node.as_bool() == Some(true) => 4,
            Kind::Bool => 5,
            Kind::Int | Kind::Float => text.len(),
            _ => 2 + text.chars().map(escaped_length).sum::<usize>(),
        },
        View::Sequence(items) => {
            let items_length: usize = items.iter().map(json_length).sum();
            2 + items_length + items.len().saturating_sub(1)
        }
        View::Mapping(mapping) => {
            let entries = mapping.iter();
            let entries = entries.map(|it| json_length(&it.key) + 1 + json_length(&it.value));
            2 + entries.sum::<usize>() + mapping.iter().count().saturating_sub(1)
        }
    }
}

/// Go's encoder also escapes HTML characters and the line separators of JavaScript.
fn escaped_length(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
        c if (c as u32) < 0x20 => 6,
        c => c.len_utf8(),
    }
}
