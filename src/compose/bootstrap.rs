//! The objects that start the sync of a cluster, in `root-apps/<cluster type>/`. A person applies them once with kubectl.
//!
//! For Argo CD two Applications, of the ApplicationSets of apps and of the platform; for Flux the GitRepository and the Flux
//! Kustomization that `flux bootstrap` would make. Secrets with credentials are nobody's to commit.

use std::collections::BTreeMap;

use super::services::texts;
use super::{EnvironmentManifests, RenderedTree, SharedNames, in_repository};
use crate::delivery::argo::{finalizers, object};
use crate::delivery::{Delivery, FLUX_NAMESPACE, ManifestFile, Root};
use crate::diag::{Diagnostic, Diagnostics};
use crate::layout::{Group, ROOTS, Tier, cluster_folder, set_folder};
use crate::load::{Engine, Environment, WorkspaceConfig};
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node};

/// A root as one environment has it.
struct Owner<'a> {
    environment: &'a Environment,
    delivery: &'a Delivery,
    root: &'a Root,
}

/// Says where two roots are in each other's way. Errors: `two-owners`.
pub(super) fn check(environments: &[SharedNames<'_>], diagnostics: &mut Diagnostics) {
    let mut owners: BTreeMap<String, Owner<'_>> = BTreeMap::new();
    for delivered in environments {
        let environment = delivered.environment;
        for delivery in &delivered.deliveries {
            for root in &delivery.roots {
                // Flux syncs a cluster from one folder, so its roots belong to environments.
                let key = match environment.engine {
                    Engine::Argo => root.cluster_type.clone(),
                    Engine::Flux => format!("Flux/{}", environment.name),
                };
                let owner = Owner {
                    environment,
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
        && first.environment.argo.destination == second.environment.argo.destination
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
            .flat_map(|root| match environment.engine {
                Engine::Argo => Tier::ALL
                    .map(|it| application(root, it, environment, workspace))
                    .to_vec(),
                Engine::Flux => sync(root, environment, workspace),
            })
            .collect();
        if !files.is_empty() {
            // No claim can be called so.
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

/// Argo CD fails where a folder is not there, and Git keeps no empty ones.
pub(super) fn keep_folders(composition: &mut RenderedTree, delivery: &Delivery) {
    for root in &delivery.roots {
        for tier in Tier::ALL {
            let path = set_folder(&root.cluster_type, tier).child(".gitkeep");
            composition.text(path, delivery, String::new());
        }
    }
}

/// The Application of a tier's ApplicationSets.
fn application(
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
        ("server", "https://kubernetes.default.svc"),
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

/// What `flux bootstrap` would make, where the environment's source is a GitRepository.
fn sync(root: &Root, environment: &Environment, workspace: &WorkspaceConfig) -> Vec<ManifestFile> {
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
