//! Namespaces that charts are installed into and that no claim creates. They are written to a separate folder, which is applied
//! before the claims that need them.

use std::collections::BTreeSet;

use super::EnvironmentManifests;
use crate::delivery::{Delivery, ManifestFile};
use crate::layout::Group;
use crate::load::Engine;
use crate::object::Object;
use crate::yaml::node;

/// The name of the folder and of its Flux Kustomization.
pub(super) const NAME: &str = "namespaces";

/// Adds a delivery that creates the missing namespaces.
pub(super) fn with_namespaces(mut manifests: EnvironmentManifests<'_>) -> EnvironmentManifests<'_> {
    // The folder belongs to all claims, so it is only complete if all of them are rendered.
    if manifests.is_partial {
        return manifests;
    }
    let (deliveries, engine) = (&manifests.deliveries, manifests.environment.engine);
    let files = deliveries.iter().flat_map(|it| &it.files);
    let created: BTreeSet<&str> = files
        .filter(|it| it.object.kind() == "Namespace")
        .map(|it| it.object.name())
        .collect();
    let missing: BTreeSet<&str> = deliveries
        .iter()
        .flat_map(|it| &it.namespaces)
        .map(String::as_str)
        .filter(|it| !created.contains(it) && !exists_already(it, engine))
        .collect();
    if missing.is_empty() {
        return manifests;
    }
    let environment = manifests.environment;
    let title = format!("Environment/{}", environment.name);
    let delivery = Delivery {
        files: missing.into_iter().map(namespace).collect(),
        ..Delivery::synthetic(NAME, title, Group::Infrastructure, environment.span.clone())
    };
    manifests.deliveries.push(delivery);
    manifests
}

/// Whether every cluster has the namespace, or the installation of the engine creates it.
fn exists_already(name: &str, engine: &Engine) -> bool {
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
