//! Namespaces that charts are installed into and that no claim creates: they are in a separate folder, which the claims wait for.

use std::collections::BTreeSet;

use super::EnvironmentManifests;
use crate::delivery::{Delivery, ManifestFile};
use crate::layout::Group;
use crate::load::Engine;
use crate::object::Object;
use crate::yaml::node;

/// The folder, and its Flux Kustomization.
pub(super) const NAME: &str = "namespaces";

/// Adds a delivery that creates the missing namespaces.
pub(super) fn with_namespaces(mut delivered: EnvironmentManifests<'_>) -> EnvironmentManifests<'_> {
    // The folder belongs to all claims.
    if delivered.is_partial {
        return delivered;
    }
    let (deliveries, engine) = (&delivered.deliveries, delivered.environment.engine);
    let files = deliveries.iter().flat_map(|it| &it.files);
    let made: BTreeSet<&str> = files
        .filter(|it| it.object.kind() == "Namespace")
        .map(|it| it.object.name())
        .collect();
    let wanted: BTreeSet<&str> = deliveries
        .iter()
        .flat_map(|it| &it.namespaces)
        .map(String::as_str)
        .filter(|it| !made.contains(it) && !is_there(it, engine))
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

/// Whether every cluster has the namespace, or the engine creates it.
fn is_there(name: &str, engine: &Engine) -> bool {
    name == "default" || name.starts_with("kube-") || name == engine.namespace
}

fn namespace(name: &str) -> ManifestFile {
    let node = node!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "pleach"},
            "annotations": {"kustomize.toolkit.fluxcd.io/prune": "disabled"},
        },
    });
    ManifestFile {
        name: format!("{name}.yaml").into(),
        object: Object::new(node),
    }
}
