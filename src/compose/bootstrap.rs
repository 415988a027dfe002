//! The objects that start the sync of a cluster, in `root-apps/<cluster type>/`. They are applied once with kubectl.
//!
//! For Argo CD, these are two Applications: one applies the ApplicationSets of apps, the other those of the platform. For Flux,
//! these are the GitRepository and the Flux Kustomization that `flux bootstrap` would create. Secrets with credentials are not
//! included, because they must not be committed.

use std::collections::BTreeMap;

use super::{EnvironmentManifests, SharedNames, SyncEngine};
use crate::delivery::{Delivery, ManifestFile, Root};
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::{Group, ROOTS};
use crate::load::{Environment, WorkspaceConfig};
use crate::tree::TreePath;

/// A root, with the environment and the claim that it belongs to.
struct RootOwner<'a> {
    environment: &'a Environment,
    engine: &'a dyn SyncEngine,
    delivery: &'a Delivery,
    root: &'a Root,
}

/// Reports roots that conflict. Errors: `two-owners`.
pub(super) fn check(environments: &[SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners: BTreeMap<String, RootOwner<'_>> = BTreeMap::new();
    for names in environments {
        let environment = names.environment;
        for delivery in &names.deliveries {
            for root in &delivery.roots {
                let key = names.engine.root_key(root, environment);
                let owner = RootOwner {
                    environment,
                    engine: &*names.engine,
                    delivery,
                    root,
                };
                match owners.get(&key) {
                    Some(other) => diagnostics.extend(conflict(other, &owner)),
                    None => drop(owners.insert(key, owner)),
                }
            }
        }
    }
}

fn cluster(environment: &Environment) -> Option<&str> {
    environment.values.get("cluster")?.as_str()
}

/// The error for two roots with the same key; `None` if both can use the same objects.
fn conflict(first: &RootOwner<'_>, second: &RootOwner<'_>) -> Option<Diagnostic> {
    let cluster_type = &second.root.cluster_type;
    let (message, help) = if first.environment.name == second.environment.name {
        (
            format!(
                "environment `{}` is bootstrapped twice: by {} and by {}",
                first.environment.name, first.delivery.title, second.delivery.title
            ),
            "keep one of the two in this environment, for example with `exclude`",
        )
    } else if first.root.repository != second.root.repository {
        (
            format!(
                "cluster type `{cluster_type}` is synced from both `{}` and `{}`",
                first.root.repository.url, second.root.repository.url
            ),
            "use the same address and branch for both, or a different cluster type for each",
        )
    } else if let (Some(one), Some(other)) =
        (cluster(first.environment), cluster(second.environment))
        && one != other
        && first.engine.destination() == second.engine.destination()
    {
        (
            format!(
                "cluster type `{cluster_type}` is used for two clusters, `{one}` and `{other}`: each would get the objects of the other"
            ),
            "use a different cluster type for each cluster, or set a different `argo.destination`",
        )
    } else {
        return None;
    };
    let fault = Diagnostic::error("two-owners", message).at(&second.delivery.span);
    let fault = match first.delivery.span == second.delivery.span {
        true => fault,
        false => fault.related(&first.delivery.span, "also used here"),
    };
    Some(fault.help(help))
}

/// Adds a delivery with the objects of the roots of each claim.
pub(super) fn with_roots<'a>(
    mut manifests: EnvironmentManifests<'a>,
    workspace: &WorkspaceConfig,
) -> EnvironmentManifests<'a> {
    let environment = manifests.environment;
    let mut added = Vec::new();
    for delivery in &manifests.deliveries {
        let files: Vec<ManifestFile> = delivery
            .roots
            .iter()
            .flat_map(|root| manifests.engine.root_files(root, environment, workspace))
            .collect();
        if !files.is_empty() {
            // No claim can have this name, because names of claims have no upper-case letters.
            let name = format!("RootOf{}", delivery.name);
            let span = delivery.span.clone();
            added.push(Delivery {
                files,
                shared_folder: Some(TreePath::root().child(ROOTS)),
                ..Delivery::synthetic(&name, delivery.title.clone(), Group::Infrastructure, span)
            });
        }
    }
    manifests.deliveries.extend(added);
    manifests
}
