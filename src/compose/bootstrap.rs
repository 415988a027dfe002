//! The objects that start the sync of a cluster, in `root-apps/<cluster type>/`. They are applied once with kubectl.
//!
//! For Argo CD two Applications, of the ApplicationSets of apps and of the platform; for Flux the GitRepository and the Flux
//! Kustomization that `flux bootstrap` would create. Secrets with credentials are not included, because they must not be committed.

use std::collections::BTreeMap;

use super::{EnvironmentManifests, SharedNames, SyncEngine};
use crate::delivery::{Delivery, ManifestFile, Root};
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::{Group, ROOTS};
use crate::load::{Environment, WorkspaceConfig};
use crate::tree::TreePath;

/// A root of one environment.
struct Owner<'a> {
    environment: &'a Environment,
    engine: &'a dyn SyncEngine,
    delivery: &'a Delivery,
    root: &'a Root,
}

/// Reports roots that conflict. Errors: `two-owners`.
pub(super) fn check(environments: &[SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners: BTreeMap<String, Owner<'_>> = BTreeMap::new();
    for delivered in environments {
        let environment = delivered.environment;
        for delivery in &delivered.deliveries {
            for root in &delivery.roots {
                let key = delivered.engine.root_key(root, environment);
                let owner = Owner {
                    environment,
                    engine: &*delivered.engine,
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

fn conflict(first: &Owner<'_>, second: &Owner<'_>) -> Option<Diagnostic> {
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

/// Adds the objects of an environment's roots.
pub(super) fn with_roots<'a>(
    mut delivered: EnvironmentManifests<'a>,
    workspace: &WorkspaceConfig,
) -> EnvironmentManifests<'a> {
    let environment = delivered.environment;
    let mut more = Vec::new();
    for delivery in &delivered.deliveries {
        let files: Vec<ManifestFile> = delivery
            .roots
            .iter()
            .flat_map(|root| delivered.engine.root_files(root, environment, workspace))
            .collect();
        if !files.is_empty() {
            // This is not a valid name of a claim.
            let name = format!("RootOf{}", delivery.name);
            let span = delivery.span.clone();
            more.push(Delivery {
                files,
                place: Some(TreePath::root().child(ROOTS)),
                ..Delivery::synthetic(&name, delivery.title.clone(), Group::Infrastructure, span)
            });
        }
    }
    delivered.deliveries.extend(more);
    delivered
}
