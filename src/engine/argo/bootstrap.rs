//! The Applications that start the sync of a cluster: one for the ApplicationSets of each tier.

use super::lowering::{finalizers, object};
use crate::compose::{RenderedTree, in_repository, texts};
use crate::delivery::{Delivery, ManifestFile, Root};
use crate::layout::{Tier, set_folder};
use crate::load::{Environment, OWN_CLUSTER, WorkspaceConfig};
use crate::object::Object;
use crate::yaml::{Mapping, Node};

/// Argo CD fails if a folder does not exist, and Git does not store empty folders.
pub(super) fn keep_folders(composition: &mut RenderedTree, delivery: &Delivery) {
    for root in &delivery.roots {
        for tier in Tier::ALL {
            let path = set_folder(&root.cluster_type, tier).child(".gitkeep");
            composition.text(path, delivery, String::new());
        }
    }
}

/// The Application of a tier's ApplicationSets.
pub(super) fn application(
    root: &Root,
    tier: Tier,
    environment: &Environment,
    workspace: &WorkspaceConfig,
) -> ManifestFile {
    let (cluster_type, tier_name) = (&root.cluster_type, tier.name());
    let source = texts([
        ("repoURL", &root.repository.url),
        ("targetRevision", &root.repository.branch),
        (
            "path",
            &in_repository(workspace, &set_folder(&root.cluster_type, tier)),
        ),
    ]);
    let destination = texts([
        ("server", OWN_CLUSTER),
        ("namespace", &environment.argo.namespace),
    ]);
    let spec = Mapping::from([
        ("project", Node::string(&*environment.argo.root_project)),
        ("source", Node::mapping(source)),
        ("destination", Node::mapping(destination)),
        ("syncPolicy", Node::mapping(policy())),
    ]);
    let name = format!("{cluster_type}-{tier_name}-root");
    let mut node = object(&environment.argo, "Application", Node::string(name), spec);
    if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.insert("finalizers", finalizers());
    }
    ManifestFile {
        name: format!("{cluster_type}/{cluster_type}-{tier_name}-rootapp.yaml").into(),
        object: Object::new(node),
    }
}

fn policy() -> Mapping {
    let automated = Mapping::from([
        ("prune", Node::bool(true)),
        ("selfHeal", Node::bool(true)),
        ("allowEmpty", Node::bool(false)),
    ]);
    let backoff = Mapping::from([
        ("duration", Node::constant("5s")),
        ("factor", Node::int(2)),
        ("maxDuration", Node::constant("3m")),
    ]);
    let retry = Mapping::from([("limit", Node::int(5)), ("backoff", Node::mapping(backoff))]);
    Mapping::from([
        ("automated", Node::mapping(automated)),
        (
            "syncOptions",
            Node::sequence([Node::constant("CreateNamespace=true")]),
        ),
        ("retry", Node::mapping(retry)),
    ])
}
