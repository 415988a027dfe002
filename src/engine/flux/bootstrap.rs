//! The GitRepository and the Flux Kustomization that start the sync of a cluster.

use crate::compose::texts;
use crate::delivery::{ManifestFile, Root};
use crate::layout::cluster_folder;
use crate::load::{Environment, FLUX_NAMESPACE, WorkspaceConfig};
use crate::object::Object;
use crate::yaml::{Mapping, Node};

/// The objects that `flux bootstrap` would create, if the environment's source is a GitRepository.
pub(super) fn sync(
    root: &Root,
    environment: &Environment,
    workspace: &WorkspaceConfig,
) -> Vec<ManifestFile> {
    let source = &environment.source;
    if source.kind != "GitRepository" {
        return Vec::new();
    }
    let namespace = source.namespace.as_deref().unwrap_or(FLUX_NAMESPACE);
    let metadata = texts([("name", &source.name), ("namespace", namespace)]);
    let branch = texts([("branch", &root.repository.branch)]);
    let mut repository = texts([("interval", "1m"), ("url", &root.repository.url)]);
    repository.insert("ref", branch);
    if let Some(secret) = root.access.get("secretRef") {
        repository.insert("secretRef", secret.clone());
    }
    let folder = cluster_folder(&environment.name);
    let path = format!("{}/{folder}", workspace.sync_path);
    let mut kustomization = texts([("interval", "10m"), ("path", &path)]);
    kustomization.insert("prune", true);
    let reference = texts([("kind", &source.kind), ("name", &source.name)]);
    kustomization.insert("sourceRef", reference);
    let name = |kind: &str| format!("{}/{}-{kind}.yaml", root.cluster_type, environment.name);
    vec![
        file(
            name("gitrepository"),
            "source.toolkit.fluxcd.io/v1",
            "GitRepository",
            metadata.clone(),
            repository,
        ),
        file(
            name("kustomization"),
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            metadata,
            kustomization,
        ),
    ]
}

fn file(
    name: String,
    api_version: &'static str,
    kind: &'static str,
    metadata: Mapping,
    spec: Mapping,
) -> ManifestFile {
    let node = Node::mapping([
        ("apiVersion", Node::constant(api_version)),
        ("kind", Node::constant(kind)),
        ("metadata", Node::mapping(metadata)),
        ("spec", Node::mapping(spec)),
    ]);
    ManifestFile {
        name: name.into(),
        object: Object::new(node),
    }
}
