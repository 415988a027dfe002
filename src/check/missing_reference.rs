//! ConfigMaps, Secrets and ServiceAccounts that pods refer to and nothing makes.

use std::collections::{BTreeMap, BTreeSet};

use super::pods::{Pod, pods};
use super::scene::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults};
use crate::diag::Severity;
use crate::object::{Object, ObjectId};
use crate::yaml::{FieldPath, Node};

pub(super) const CHECK: Check = Check {
    code: "missing-reference",
    severity: Severity::Warning,
    summary: "a pod refers to a ConfigMap, a Secret or a ServiceAccount that nothing makes",
    explain: "\
A pod that refers to what is not there does not start: it waits as CreateContainerConfigError or ContainerCreating, and the roll-out \
waits with it until its time is up.

Objects in the namespace count, and so do objects that something there creates: an ExternalSecret, a SealedSecret, a Certificate, or any custom \
resource that gives the name; so do the Secrets that cert-manager makes for an annotated Ingress or Gateway. References with `optional: true` are left out, and so are namespaces where a chart is installed, since \
nobody can tell from here what a chart makes. An environment in which nothing makes any Secret has them from elsewhere: there, Secrets \
are not looked at.

Is it made by other means, say so where it is used: `# pleach: allow[missing-reference] made by Terraform`.",
    judge,
};

/// Something that a pod refers to by its name.
struct Reference<'a> {
    kind: &'static str,
    name: &'a Node,
    path: FieldPath,
}

fn judge(scene: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let made = Made::of(scene);
    let mut users: BTreeMap<_, Vec<(&SourcedObject<'_>, FieldPath)>> = BTreeMap::new();
    for placed in &scene.objects {
        let namespace = placed.object.namespace();
        for reference in pods(&placed.object).iter().flat_map(references) {
            let name = reference.name.as_str().unwrap_or("");
            if !name.is_empty() && !made.has(reference.kind, namespace, name) {
                let key = (reference.kind, namespace, name.to_string());
                let users = users.entry(key).or_default();
                users.push((placed, reference.path));
            }
        }
    }
    for ((kind, namespace, name), users) in users {
        let Some((first, path)) = users.first() else {
            continue;
        };
        let others: BTreeSet<ObjectId> = users.iter().map(|it| it.0.object.id()).collect();
        let more = match others.len() - 1 {
            0 => " refers".to_string(),
            more => format!(" and {more} more refer"),
        };
        let message = format!(
            "{}{more} to the {kind} `{name}`, which nothing in namespace `{namespace}` makes",
            first.object.id(),
        );
        faults.push(first, path, message, HELP);
    }
}

const HELP: &str = "correct the name, or add it; where it is made by other means, say so: `# pleach: allow[missing-reference] REASON`";

/// What there is to refer to.
struct Made<'a> {
    /// Kind, namespace and name of the objects of the environment.
    standing: BTreeSet<(&'a str, &'a str, &'a str)>,
    /// Namespace and text: what custom resources name in them, and are named.
    named: BTreeSet<(&'a str, &'a str)>,
    /// Namespaces that a chart is installed in.
    opaque: BTreeSet<&'a str>,
    /// Whether anything makes Secrets.
    has_secrets: bool,
}

impl<'a> Made<'a> {
    fn of(scene: &'a EnvironmentObjects<'_>) -> Made<'a> {
        let mut made = Made {
            standing: BTreeSet::new(),
            named: BTreeSet::new(),
            opaque: scene.opaque(),
            has_secrets: false,
        };
        for object in scene.objects.iter().map(|it| &*it.object) {
            let (kind, namespace) = (object.kind(), object.namespace());
            made.has_secrets |= makes_secrets(kind);
            made.standing.insert((kind, namespace, object.name()));
            let secrets = annotated_secrets(object).into_iter();
            made.standing
                .extend(secrets.map(|it| ("Secret", namespace, it)));
            if is_custom(object) {
                // One for all namespaces has none.
                names(&object.node, &mut |it| {
                    _ = made.named.insert((namespace, it))
                });
            }
        }
        made
    }

    fn has(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let is_everywhere = matches!(
            (kind, name),
            ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt")
        );
        // An operator names what it makes after the resource: `orders` makes `orders-app`.
        let starts = name.match_indices('-').filter_map(|(at, _)| name.get(..at));
        let is_made = |it: &str| {
            [namespace, ""]
                .iter()
                .any(|ns| self.named.contains(&(ns, it)))
        };
        is_everywhere
            || kind == "Secret" && !self.has_secrets
            || self.opaque.contains(namespace)
            || self.standing.contains(&(kind, namespace, name))
            || is_made(name)
            || starts.into_iter().any(is_made)
    }
}

/// The Secrets that a controller makes for an object because of its annotations: cert-manager for an Ingress or a Gateway, OpenShift
/// for a Service.
fn annotated_secrets(object: &Object) -> Vec<&str> {
    let annotations = object.node.at_keys(&["metadata", "annotations"]);
    let annotation = |key: &str| annotations.and_then(|it| it.get(key));
    let has = |key: &str| annotation(key).is_some();
    let is_for_cert_manager = has("cert-manager.io/issuer")
        || has("cert-manager.io/cluster-issuer")
        || annotation("kubernetes.io/tls-acme").and_then(Node::as_str) == Some("true");
    let items = |keys: &[&str]| object.node.at_keys(keys).and_then(Node::as_sequence);
    match object.kind() {
        "Ingress" if is_for_cert_manager => {
            let entries = items(&["spec", "tls"]).unwrap_or_default().iter();
            entries
                .filter_map(|it| it.get("secretName")?.as_str())
                .collect()
        }
        "Gateway" if is_for_cert_manager => {
            let listeners = items(&["spec", "listeners"]).unwrap_or_default().iter();
            let references = listeners.filter_map(|it| {
                let references = it.at_keys(&["tls", "certificateRefs"]);
                references.and_then(Node::as_sequence)
            });
            references
                .flatten()
                .filter_map(|it| it.get("name")?.as_str())
                .collect()
        }
        "Service" => {
            let keys = ["beta", "alpha"]
                .map(|it| format!("service.{it}.openshift.io/serving-cert-secret-name"));
            let names = keys.iter().filter_map(|it| annotation(it)?.as_str());
            names.collect()
        }
        _ => Vec::new(),
    }
}

/// Kinds by which a team has its Secrets made from Git.
fn makes_secrets(kind: &str) -> bool {
    matches!(
        kind,
        "Secret"
            | "ExternalSecret"
            | "ClusterExternalSecret"
            | "SealedSecret"
            | "Certificate"
            | "Password"
            | "SopsSecret"
            | "VaultStaticSecret"
            | "OnePasswordItem"
    )
}

/// Whether it is a custom resource; those of Kubernetes and of Flux make nothing of the kind.
pub(super) fn is_custom(object: &Object) -> bool {
    let group = object.gvk().group;
    let is_kubernetes = !group.contains('.') || group.ends_with(".k8s.io");
    !is_kubernetes && !group.ends_with(".fluxcd.io") && object.kind() != "CustomResourceDefinition"
}

/// The texts of a custom resource that may name what it creates. References and pod specs only name what it uses.
pub(super) fn names<'a>(node: &'a Node, found: &mut impl FnMut(&'a str)) {
    if let Some(text) = node.as_str() {
        found(text);
    }
    for entry in node.as_mapping().into_iter().flatten() {
        let key = entry.key.as_str().unwrap_or("");
        let is_use = key.ends_with("Ref")
            || matches!(
                key,
                "envFrom"
                    | "volumes"
                    | "labels"
                    | "annotations"
                    | "image"
                    | "containers"
                    | "initContainers"
                    | "imagePullSecrets"
                    | "serviceAccountName"
                    | "namespace"
                    | "apiVersion"
                    | "kind"
            );
        if !is_use {
            names(&entry.value, found);
        }
    }
    for item in node.as_sequence().unwrap_or_default() {
        names(item, found);
    }
}

fn references<'a>(pod: &Pod<'a>) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    let mut add = |kind, name: Option<&'a Node>, path: FieldPath| {
        found.extend(name.map(|name| Reference { kind, name, path }));
    };
    let account = pod.spec.get("serviceAccountName");
    add(
        "ServiceAccount",
        account,
        pod.path.key("serviceAccountName"),
    );
    for (item, path) in items(pod.spec, &pod.path, "imagePullSecrets") {
        add("Secret", item.get("name"), path.key("name"));
    }
    for (volume, path) in items(pod.spec, &pod.path, "volumes") {
        let projected = volume.get("projected");
        let sources = projected.map(|it| items(it, &path.key("projected"), "sources"));
        for (source, path) in sources.unwrap_or_default() {
            add_needed(&mut add, "ConfigMap", source, &path, "configMap", "name");
            add_needed(&mut add, "Secret", source, &path, "secret", "name");
        }
        add_needed(&mut add, "ConfigMap", volume, &path, "configMap", "name");
        add_needed(&mut add, "Secret", volume, &path, "secret", "secretName");
    }
    for list in ["containers", "initContainers"] {
        for (container, path) in items(pod.spec, &pod.path, list) {
            for (source, path) in items(container, &path, "envFrom") {
                add_needed(&mut add, "ConfigMap", source, &path, "configMapRef", "name");
                add_needed(&mut add, "Secret", source, &path, "secretRef", "name");
            }
            for (variable, path) in items(container, &path, "env") {
                let Some(from) = variable.get("valueFrom") else {
                    continue;
                };
                let path = path.key("valueFrom");
                add_needed(
                    &mut add,
                    "ConfigMap",
                    from,
                    &path,
                    "configMapKeyRef",
                    "name",
                );
                add_needed(&mut add, "Secret", from, &path, "secretKeyRef", "name");
            }
        }
    }
    found
}

/// A reference below a key, unless it is optional.
fn add_needed<'a>(
    add: &mut impl FnMut(&'static str, Option<&'a Node>, FieldPath),
    kind: &'static str,
    holder: &'a Node,
    path: &FieldPath,
    key: &str,
    name: &str,
) {
    let source = holder.get(key);
    let needed = source.filter(|it| it.get("optional").and_then(Node::as_bool) != Some(true));
    add(
        kind,
        needed.and_then(|it| it.get(name)),
        path.key(key).key(name),
    );
}

/// The items of a list, each with its path.
fn items<'a>(node: &'a Node, path: &FieldPath, key: &str) -> Vec<(&'a Node, FieldPath)> {
    let list = node
        .get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default();
    let list = list.iter().enumerate();
    list.map(|(index, item)| (item, path.key(key).index(index)))
        .collect()
}
