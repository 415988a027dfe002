//! The GitRepository and the Flux Kustomization that start the sync of a cluster.

use super::settings::{NAMESPACE, SourceRef};
use crate::delivery::{ManifestFile, Root};
use crate::layout::cluster_folder;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Object;
use crate::yaml::{Mapping, map, node};

/// The objects that `flux bootstrap` would create; none if the environment's source is not a GitRepository.
pub(super) fn root_files(
    root: &Root,
    source: &SourceRef,
    environment: &Environment,
    workspace: &WorkspaceConfig,
) -> Vec<ManifestFile> {
    if !source.is_git() {
        return Vec::new();
    }
    let namespace = source.namespace.as_deref().unwrap_or(NAMESPACE);
    let metadata = map! {"name": source.name.as_str(), "namespace": namespace};
    let repository = map! {
        "interval": "1m",
        "url": root.repository.url.as_str(),
        "ref": {"branch": root.repository.branch.as_str()},
        "secretRef"?: root.access.get("secretRef").cloned(),
    };
    let folder = cluster_folder(&environment.name);
    let kustomization = map! {
        "interval": "10m",
        "path": format!("{}/{folder}", workspace.sync_path),
        "prune": true,
        "sourceRef": {"kind": source.kind.as_str(), "name": source.name.as_str()},
    };
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
    let node = node!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    });
    ManifestFile {
        name: name.into(),
        object: Object::new(node),
    }
}
