//! `{infrastructure,apps}.yaml`: one Flux Kustomization per claim (kustomize.toolkit.fluxcd.io/v1).

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

/// What all Flux Kustomizations of a cluster follow from.
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

/// The claims of a group with objects to apply, by name.
fn members(deliveries: &[Delivery], group: Group) -> Vec<&Delivery> {
    let members = deliveries
        .iter()
        .filter(|it| it.group == group && !it.is_empty() && it.place.is_none());
    let mut members: Vec<&Delivery> = members.collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    members
}

/// The members' Flux Kustomizations and the prerequisites that these wait for, by name.
fn documents(cluster: &Cluster<'_>, members: &[&Delivery], order: &Order) -> Vec<String> {
    let mut named: Vec<(&str, String)> = Vec::new();
    for delivery in members {
        let own = kustomization(cluster, delivery, order);
        named.push((&delivery.name, emit_canonical(&own)));
        let first = delivery.prerequisites.iter();
        named.extend(first.map(|it| (it.name(), object_text(&it.node))));
    }
    // The sort is stable, so a source stays before the objects that use it.
    named.sort_by_key(|it| it.0);
    named.into_iter().map(|it| it.1).collect()
}

fn kustomization(cluster: &Cluster<'_>, delivery: &Delivery, order: &Order) -> Node {
    let claims = order.get(&delivery.name).into_iter().flatten();
    let own = delivery.prerequisites.iter().filter(|it| it.kind() == KIND);
    let mut first: BTreeSet<&str> = claims.map(String::as_str).collect();
    first.extend(own.map(|it| it.name()));
    let depends: Vec<Node> = first.into_iter().map(|it| node!({"name": it})).collect();
    let objects: Vec<&Object> = delivery.files.iter().map(|it| &it.object).collect();
    // If objects do not become ready, Flux only considers a commit that fixes them after this time.
    let timeout = if health::is_slow(&objects) {
        "10m"
    } else {
        "5m"
    };
    let path = folder::path(delivery, cluster.environment);
    let mut spec = map! {
        "dependsOn"?: (!depends.is_empty()).then_some(depends),
        "interval": "5m",
        "retryInterval": "1m",
        "timeout": timeout,
        "path": format!("{}/{path}", cluster.workspace.sync_path),
        "prune": true,
        "wait": true,
        "sourceRef": source_ref(&cluster.settings.source),
    };
    let settings = cluster.settings.of_claim(&delivery.name);
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
