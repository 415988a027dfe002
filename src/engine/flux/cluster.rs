//! The files `infrastructure.yaml` and `apps.yaml` of a cluster, with a Flux Kustomization (kustomize.toolkit.fluxcd.io/v1) for each
//! claim.

use std::collections::BTreeSet;

use super::health;
use super::settings::{NAMESPACE, Settings, SourceRef};
use crate::compose::{Order, Overlaid, RenderedTree, folder, object_text};
use crate::delivery::Delivery;
use crate::layout::Group;
use crate::load::{Environment, WorkspaceConfig};
use crate::object::Object;
use crate::yaml::{Mapping, Node, emit_canonical, map, node};

const KIND: &str = "Kustomization";

/// The inputs that all Flux Kustomizations of a cluster have in common.
struct Cluster<'a> {
    workspace: &'a WorkspaceConfig,
    environment: &'a Environment,
    settings: &'a Settings,
}

pub(super) fn write(
    rendered: &mut RenderedTree,
    workspace: &WorkspaceConfig,
    settings: &Settings,
    overlaid: &Overlaid<'_>,
    order: &Order,
) {
    let cluster = Cluster {
        workspace,
        environment: overlaid.environment,
        settings,
    };
    for group in Group::ALL {
        let members = members(&overlaid.deliveries, group);
        if !members.is_empty() {
            let body = documents(&cluster, &members, order).join("---\n");
            let file = format!("{}.yaml", group.folder());
            rendered.insert_cluster_file(overlaid.environment, &file, body);
        }
    }
}

/// The claims of a group that have objects to apply, sorted by name.
fn members(deliveries: &[Delivery], group: Group) -> Vec<&Delivery> {
    let members = deliveries
        .iter()
        .filter(|it| it.group == group && !it.is_empty() && it.shared_folder.is_none());
    let mut members: Vec<&Delivery> = members.collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}

/// The Flux Kustomizations of claims and their prerequisites, sorted by name.
fn documents(cluster: &Cluster<'_>, members: &[&Delivery], order: &Order) -> Vec<String> {
    let mut documents: Vec<(&str, String)> = Vec::new();
    for delivery in members {
        let kustomization = kustomization(cluster, delivery, order);
        documents.push((&delivery.name, emit_canonical(&kustomization)));
        let prerequisites = delivery.prerequisites.iter();
        documents.extend(prerequisites.map(|it| (it.name(), object_text(&it.node))));
    }
    // The sort is stable, so a source stays before the Flux Kustomization of the same name, which uses it.
    documents.sort_by_key(|it| it.0);
    documents.into_iter().map(|it| it.1).collect()
}

fn kustomization(cluster: &Cluster<'_>, delivery: &Delivery, order: &Order) -> Node {
    let claims = order.get(&delivery.name).into_iter().flatten();
    let prerequisites = delivery.prerequisites.iter().filter(|it| it.kind() == KIND);
    let mut names: BTreeSet<&str> = claims.map(String::as_str).collect();
    names.extend(prerequisites.map(|it| it.name()));
    let depends_on: Vec<Node> = names.into_iter().map(|it| node!({"name": it})).collect();
    let objects: Vec<&Object> = delivery.files.iter().map(|it| &it.object).collect();
    // If objects do not become ready, Flux does not apply a newer commit, which may fix them, before this time is over.
    let timeout = if health::is_slow(&objects) {
        "10m"
    } else {
        "5m"
    };
    let path = folder::path(delivery, cluster.environment);
    let mut spec = map! {
        "dependsOn"?: (!depends_on.is_empty()).then_some(depends_on),
        "interval": "5m",
        "retryInterval": "1m",
        "timeout": timeout,
        "path": format!("{}/{path}", cluster.workspace.sync_path),
        "prune": true,
        "wait": true,
        "sourceRef": source_ref(&cluster.settings.source),
    };
    let settings = cluster.settings.claim_fields(&delivery.name);
    let checks = health::expressions(&objects, settings.get("healthCheckExprs"));
    for entry in &settings {
        spec.insert(entry.key.clone(), entry.value.clone());
    }
    if !checks.is_empty() {
        spec.insert("healthCheckExprs", Node::sequence(checks));
    }
    node!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
        "kind": KIND,
        "metadata": {"name": delivery.name.as_str(), "namespace": NAMESPACE},
        "spec": spec,
    })
}

fn source_ref(source: &SourceRef) -> Mapping {
    map! {
        "kind": source.kind.as_str(),
        "name": source.name.as_str(),
        "namespace"?: source.namespace.as_deref(),
    }
}
