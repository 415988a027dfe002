//! Objects in namespaces that nothing creates.

use std::collections::{BTreeMap, BTreeSet};

use super::created_objects::{is_custom, names};
use super::environment::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::engine::ENGINES;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "missing-namespace",
    severity: Severity::Warning,
    summary: "objects are in a namespace that nothing creates",
    explain: "\
The API server rejects an object in a namespace that does not exist. With Flux, the whole Kustomization fails.

These namespaces count as created: Namespace objects of the environment, namespaces that a HelmRelease or Application creates, \
and those named by a cluster-scoped custom resource. If an environment contains no Namespace at all, they are created elsewhere, \
and nothing is reported.

Add the Namespace, or correct the name. If it is created by other means, list it in environment.yaml:

    provides: [namespaces/monitoring]",
    check: RuleKind::Whole(check),
};

/// Namespaces that every cluster has.
const SYSTEM_NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let objects = || environment.objects.iter().map(|it| &*it.object);
    if !objects().any(is_namespace) {
        return;
    }
    let known = known_namespaces(environment);
    let mut missing: BTreeMap<&str, Vec<&SourcedObject<'_>>> = BTreeMap::new();
    for sourced in &environment.objects {
        let namespace = sourced.object.namespace();
        if !namespace.is_empty() && !known.contains(namespace) {
            missing.entry(namespace).or_default().push(sourced);
        }
    }
    if missing.is_empty() {
        return;
    }
    for object in objects().filter(|it| it.namespace().is_empty() && is_custom(it)) {
        names(&object.node, &mut |it| _ = missing.remove(it));
    }
    for (namespace, users) in missing {
        let Some(first) = users.first() else {
            continue;
        };
        let message = match users.len() - 1 {
            0 => format!(
                "{} is in namespace `{namespace}`, which does not exist",
                first.object.id()
            ),
            more => format!(
                "{} and {more} more are in namespace `{namespace}`, which does not exist",
                first.object.id()
            ),
        };
        let help = format!(
            "add the Namespace, or correct the name; if the cluster already has it, list `namespaces/{namespace}` under `spec.provides` in environment.yaml"
        );
        faults.push(
            first,
            &FieldPath::dotted("metadata.namespace"),
            message,
            &help,
        );
    }
}

/// The namespaces that exist, or that the environment creates.
fn known_namespaces<'a>(environment: &'a EnvironmentObjects<'_>) -> BTreeSet<&'a str> {
    let objects = environment.objects.iter();
    let mut known: BTreeSet<&str> = objects.filter_map(|it| created(&it.object)).collect();
    known.extend(SYSTEM_NAMESPACES);
    known.extend(environment.given_namespaces.iter().map(String::as_str));
    // The namespaces of the sync engine exist before anything is applied.
    let of_engine = environment
        .objects
        .iter()
        .filter(|it| it.is_of_environment());
    known.extend(of_engine.map(|it| it.object.namespace()));
    known.extend(ENGINES.iter().map(|it| it.namespace));
    known
}

fn is_namespace(object: &Object) -> bool {
    object.kind() == "Namespace" && object.api_version() == "v1"
}

/// The namespace that an object defines or creates.
fn created(object: &Object) -> Option<&str> {
    let text = |keys: &[&str]| object.node.at_keys(keys).and_then(Node::as_str);
    match object.kind() {
        "Namespace" => Some(object.name()),
        "HelmRelease" => {
            let creates = object.node.at_keys(&["spec", "install", "createNamespace"]);
            let target = text(&["spec", "targetNamespace"]);
            target.filter(|_| creates.and_then(Node::as_bool) == Some(true))
        }
        "Application" => {
            let options = object.node.at_keys(&["spec", "syncPolicy", "syncOptions"]);
            let options = options.and_then(Node::as_sequence).unwrap_or_default();
            let creates = options
                .iter()
                .any(|it| it.as_str() == Some("CreateNamespace=true"));
            text(&["spec", "destination", "namespace"]).filter(|_| creates)
        }
        _ => None,
    }
}
