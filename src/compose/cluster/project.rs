//! The AppProject of an environment (argoproj.io/v1alpha1).

use std::collections::BTreeSet;

use super::waves::WAVE;
use crate::compose::Overlaid;
use crate::delivery::argo::{destination, object};
use crate::object::Object;
use crate::schema::Schemas;
use crate::yaml::{Mapping, Node};

/// What charts of operators bring, as group and kind.
const USUAL: [(&str, &str); 6] = [
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("scheduling.k8s.io", "PriorityClass"),
];

/// The AppProject: the sources, destinations and cluster-scoped kinds that the Applications use, and no more.
pub(super) fn project(laid: &Overlaid<'_>, applications: &[Object]) -> Node {
    let argo = &laid.environment.argo;
    let namespaces = namespaces(laid, applications);
    let destinations = namespaces.iter().map(|it| {
        let namespace = Node::string(it.as_str());
        Node::mapping(destination(argo, Some(namespace)))
    });
    let kinds = cluster_kinds(laid).into_iter().map(|(group, kind)| {
        let kind = [("group", Node::string(group)), ("kind", Node::string(kind))];
        Node::mapping(Mapping::from(kind))
    });
    let sources = sources(applications);
    let description = format!(
        "What the claims of environment {} use.",
        laid.environment.name
    );
    let spec = Mapping::from([
        ("description", Node::string(description)),
        (
            "sourceRepos",
            Node::sequence(sources.into_iter().map(Node::string)),
        ),
        ("destinations", Node::sequence(destinations)),
        ("clusterResourceWhitelist", Node::sequence(kinds)),
    ]);
    let name = Node::string(argo.project.as_str());
    let mut node = object(argo, "AppProject", name, spec);
    if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut) {
        let wave = [(WAVE, Node::constant("-1"))];
        metadata.insert("annotations", Mapping::from(wave));
    }
    node
}

fn sources(applications: &[Object]) -> BTreeSet<&str> {
    let spec = applications.iter().filter_map(|it| it.node.get("spec"));
    let sources = spec.flat_map(|it| {
        let several = it.get("sources").and_then(Node::as_sequence);
        it.get("source")
            .into_iter()
            .chain(several.unwrap_or_default())
    });
    let addresses = sources.filter_map(|it| it.get("repoURL")?.as_str());
    addresses.collect()
}

fn namespaces(laid: &Overlaid<'_>, applications: &[Object]) -> BTreeSet<String> {
    let claims = laid.deliveries.iter().filter(|it| it.place.is_none());
    let files = claims.flat_map(|it| &it.files);
    let used = files.map(|it| match it.object.kind() {
        "Namespace" => it.object.name(),
        _ => it.object.namespace(),
    });
    let targets = applications.iter().filter_map(|it| {
        let namespace = it.node.at_keys(&["spec", "destination", "namespace"]);
        namespace?.as_str()
    });
    let more = laid.environment.argo.namespaces.iter().map(String::as_str);
    let all = used.chain(targets).chain(more).filter(|it| !it.is_empty());
    all.map(str::to_string).collect()
}

/// Group and kind of what has no namespace. What a chart brings is not known before it is rendered.
fn cluster_kinds(laid: &Overlaid<'_>) -> BTreeSet<(String, String)> {
    let mut kinds = BTreeSet::new();
    for delivery in laid.deliveries.iter().filter(|it| it.place.is_none()) {
        if !delivery.services.is_empty() {
            // `CreateNamespace=true` makes it.
            kinds.insert((String::new(), "Namespace".to_string()));
        }
        for object in delivery.files.iter().map(|it| &it.object) {
            let gvk = object.gvk();
            let by_kind = Schemas::builtin().is_cluster_scoped(&gvk);
            if by_kind.unwrap_or(object.namespace().is_empty()) {
                kinds.insert((gvk.group.into_string(), gvk.kind.into_string()));
            }
        }
        if !delivery.releases.is_empty() || !delivery.first.is_empty() {
            let usual = USUAL.map(|(group, kind)| (group.to_string(), kind.to_string()));
            let given = laid.environment.argo.cluster_resources.clone();
            kinds.extend(given.unwrap_or_else(|| usual.to_vec()));
        }
    }
    kinds
}
