//! Namespaces that charts are installed into and that no claim creates: they are in a separate folder, which the claims wait for.

use std::collections::BTreeSet;

use super::EnvironmentManifests;
use crate::delivery::{Delivery, ManifestFile};
use crate::layout::Group;
use crate::load::FLUX_NAMESPACE;
use crate::object::Object;
use crate::yaml::{Mapping, Node};

/// The folder, and its Flux Kustomization.
pub(super) const NAME: &str = "namespaces";

/// Adds a delivery that creates the missing namespaces.
pub(super) fn with_namespaces(mut delivered: EnvironmentManifests<'_>) -> EnvironmentManifests<'_> {
    // The folder belongs to all claims.
    if delivered.is_partial {
        return delivered;
    }
    let deliveries = &delivered.deliveries;
    let files = deliveries.iter().flat_map(|it| &it.files);
    let made: BTreeSet<&str> = files
        .filter(|it| it.object.kind() == "Namespace")
        .map(|it| it.object.name())
        .collect();
    let wanted: BTreeSet<&str> = deliveries
        .iter()
        .flat_map(|it| &it.namespaces)
        .map(String::as_str)
        .filter(|it| !made.contains(it) && !is_there(it))
        .collect();
    if wanted.is_empty() {
        return delivered;
    }
    let environment = delivered.environment;
    let title = format!("Environment/{}", environment.name);
    let delivery = Delivery {
        files: wanted.into_iter().map(namespace).collect(),
        ..Delivery::synthetic(NAME, title, Group::Infrastructure, environment.span.clone())
    };
    delivered.deliveries.push(delivery);
    delivered
}

/// Whether every cluster has the namespace, or Flux creates it.
fn is_there(name: &str) -> bool {
    name == "default" || name.starts_with("kube-") || name == FLUX_NAMESPACE
}

fn namespace(name: &str) -> ManifestFile {
    let label = ("app.kubernetes.io/managed-by", Node::constant("pleach"));
    let annotation = (
        "kustomize.toolkit.fluxcd.io/prune",
        Node::constant("disabled"),
    );
    let metadata = Mapping::from([
        ("name", Node::string(name)),
        ("labels", Node::mapping([label])),
        ("annotations", Node::mapping([annotation])),
    ]);
    ManifestFile {
        name: format!("{name}.yaml").into(),
        object: Object::new(Node::mapping([
            ("apiVersion", Node::constant("v1")),
            ("kind", Node::constant("Namespace")),
            ("metadata", Node::mapping(metadata)),
        ])),
    }
}
