//! The objects that exist in an environment, as far as known: its own, and those that operators and charts create.

use std::collections::BTreeSet;

use super::environment::EnvironmentObjects;
use super::local_change::is_local_key;
use crate::object::Object;
use crate::yaml::Node;

/// Objects that references may name.
pub(super) struct CreatedObjects<'a> {
    /// Kind, namespace and name of the objects of the environment.
    existing: BTreeSet<(&'a str, &'a str, &'a str)>,
    /// Namespaces and strings: names that occur in custom resources, and their own names.
    named: BTreeSet<(&'a str, &'a str)>,
    /// Namespaces in which a chart is installed.
    opaque: BTreeSet<&'a str>,
    /// Whether any object is or creates a Secret.
    has_secrets: bool,
}

impl<'a> CreatedObjects<'a> {
    pub(super) fn new(environment: &'a EnvironmentObjects<'_>) -> CreatedObjects<'a> {
        let mut made = CreatedObjects {
            existing: BTreeSet::new(),
            named: BTreeSet::new(),
            opaque: environment.opaque(),
            has_secrets: false,
        };
        for object in environment.objects.iter().map(|it| &*it.object) {
            let (kind, namespace) = (object.kind(), object.namespace());
            made.has_secrets |= creates_secrets(kind);
            made.existing.insert((kind, namespace, object.name()));
            let secrets = annotated_secrets(object).into_iter();
            made.existing
                .extend(secrets.map(|it| ("Secret", namespace, it)));
            if is_custom(object) {
                // A cluster-scoped resource has no namespace.
                names(&object.node, &mut |it| {
                    _ = made.named.insert((namespace, it))
                });
            }
        }
        made
    }

    /// Whether an object exists or may be created.
    pub(super) fn has(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.opaque.contains(namespace) || self.has_outside_charts(kind, namespace, name)
    }

    /// Whether an object exists or may be created by something other than a chart.
    pub(super) fn has_outside_charts(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let is_everywhere = matches!(
            (kind, name),
            ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt")
        );
        let is_made = |it: &str| {
            [namespace, ""]
                .iter()
                .any(|ns| self.named.contains(&(ns, it)))
        };
        is_everywhere
            || kind == "Secret" && !self.has_secrets
            || self.existing.contains(&(kind, namespace, name))
            || is_derived_from(name, is_made)
    }
}

/// Whether an operator may have derived a name from that of a resource: `orders` creates `orders-app`.
pub(super) fn is_derived_from(name: &str, is_resource: impl Fn(&str) -> bool) -> bool {
    let starts = name.match_indices('-').filter_map(|(at, _)| name.get(..at));
    std::iter::once(name).chain(starts).any(is_resource)
}

/// The Secrets that controllers create for an annotated object: cert-manager for an Ingress or a Gateway, OpenShift for a Service.
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

/// Kinds that create Secrets from content in Git or in a secret store.
fn creates_secrets(kind: &str) -> bool {
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

/// Whether it is a custom resource of an operator, and not an object of Kubernetes or Flux.
pub(super) fn is_custom(object: &Object) -> bool {
    let group = object.gvk().group;
    let is_kubernetes = !group.contains('.') || group.ends_with(".k8s.io");
    !is_kubernetes && !group.ends_with(".fluxcd.io") && object.kind() != "CustomResourceDefinition"
}

/// The strings of a custom resource that may name objects it creates. References and pod specs only name objects it uses.
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
                    | "containers"
                    | "initContainers"
                    | "imagePullSecrets"
                    | "serviceAccountName"
                    | "namespace"
                    | "apiVersion"
                    | "kind"
            );
        let is_amount = is_local_key(key) && entry.value.is_scalar();
        if !is_use && !is_amount {
            names(&entry.value, found);
        }
    }
    for item in node.as_sequence().unwrap_or_default() {
        names(item, found);
    }
}
