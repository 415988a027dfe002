//! The Applications that start the sync of a cluster: one for the ApplicationSets of each tier.

use super::lowering::{finalizers, object};
use super::settings::{OWN_CLUSTER, Settings};
use crate::compose::{RenderedTree, path_in_repository};
use crate::delivery::{Delivery, ManifestFile, Root};
use crate::layout::{Tier, set_folder};
use crate::load::WorkspaceConfig;
use crate::object::Object;
use crate::yaml::{Mapping, Node, map};

/// Adds a file to each folder of ApplicationSets: Argo CD fails if a folder does not exist, and Git does not store empty folders.
pub(super) fn write_gitkeep(rendered: &mut RenderedTree, delivery: &Delivery) {
    for root in &delivery.roots {
        for tier in Tier::ALL {
            let path = set_folder(&root.cluster_type, tier).child(".gitkeep");
            rendered.insert_file(path, delivery, String::new());
        }
    }
}

/// The Application that applies the ApplicationSets of a tier.
pub(super) fn application(
    root: &Root,
    tier: Tier,
    argo: &Settings,
    workspace: &WorkspaceConfig,
) -> ManifestFile {
    let (cluster_type, tier_name) = (&root.cluster_type, tier.name());
    let spec = map! {
        "project": argo.root_project.as_str(),
        "source": {
            "repoURL": root.repository.url.as_str(),
            "targetRevision": root.repository.branch.as_str(),
            "path": path_in_repository(workspace, &set_folder(cluster_type, tier)),
        },
        "destination": {"server": OWN_CLUSTER, "namespace": argo.namespace.as_str()},
        "syncPolicy": sync_policy(),
    };
    let name = format!("{cluster_type}-{tier_name}-root");
    let mut node = object(argo, "Application", Node::string(name), spec);
    if let Some(metadata) = node.get_mut("metadata").and_then(Node::as_mapping_mut) {
        metadata.insert("finalizers", finalizers());
    }
    ManifestFile {
        name: format!("{cluster_type}/{cluster_type}-{tier_name}-rootapp.yaml").into(),
        object: Object::new(node),
    }
}

fn sync_policy() -> Mapping {
    map! {
        "automated": {"prune": true, "selfHeal": true, "allowEmpty": false},
        "syncOptions": ["CreateNamespace=true"],
        "retry": {
            "limit": 5,
            "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"},
        },
    }
}
