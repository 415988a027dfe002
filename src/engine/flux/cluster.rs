//! `{infrastructure,apps}.yaml`: one Flux Kustomization per claim (kustomize.toolkit.fluxcd.io/v1).

use std::collections::BTreeSet;

use super::health;
use crate::compose::{Order, Overlaid, RenderedTree, folder, form};
use crate::delivery::Delivery;
use crate::layout::Group;
use crate::load::{Environment, FLUX_NAMESPACE, WorkspaceConfig};
use crate::object::Object;
use crate::yaml::{Mapping, Node, emit_canonical};

const KIND: &str = "Kustomization";

pub(super) fn write(
    composition: &mut RenderedTree,
    workspace: &WorkspaceConfig,
    laid: &Overlaid<'_>,
    order: &Order,
) {
    let environment = laid.environment;
    for group in Group::ALL {
        let members = members(&laid.deliveries, group);
        if !members.is_empty() {
            let body = documents(workspace, environment, &members, order).join("---\n");
            let file = format!("{}.yaml", group.folder());
            composition.put(environment, &file, body);
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
fn documents(
    workspace: &WorkspaceConfig,
    environment: &Environment,
    members: &[&Delivery],
    order: &Order,
) -> Vec<String> {
    let mut named: Vec<(&str, String)> = Vec::new();
    for delivery in members {
        let own = kustomization(workspace, environment, delivery, order);
        named.push((&delivery.name, emit_canonical(&own)));
        let first = delivery.first.iter();
        named.extend(first.map(|it| (it.name(), form::object(&it.node))));
    }
    // The sort is stable, so a source stays before the objects that use it.
    named.sort_by_key(|it| it.0);
    named.into_iter().map(|it| it.1).collect()
}

fn kustomization(
    workspace: &WorkspaceConfig,
    environment: &Environment,
    delivery: &Delivery,
    order: &Order,
) -> Node {
    let mut spec = Mapping::new();
    let claims = order.get(&delivery.name).into_iter().flatten();
    let own = delivery.first.iter().filter(|it| it.kind() == KIND);
    let mut first: BTreeSet<&str> = claims.map(String::as_str).collect();
    first.extend(own.map(|it| it.name()));
    let depends: Vec<Node> = first
        .into_iter()
        .map(|name| Node::mapping(Mapping::from([("name", Node::string(name))])))
        .collect();
    if !depends.is_empty() {
        spec.insert("dependsOn", Node::sequence(depends));
    }
    let objects: Vec<&Object> = delivery.files.iter().map(|it| &it.object).collect();
    // If objects do not become ready, Flux only considers a commit that fixes them after this time.
    let timeout = if health::is_slow(&objects) {
        "10m"
    } else {
        "5m"
    };
    for (key, value) in [
        ("interval", "5m"),
        ("retryInterval", "1m"),
        ("timeout", timeout),
    ] {
        spec.insert(key, value);
    }
    let path = folder::path(delivery, environment);
    spec.insert("path", format!("{}/{path}", workspace.sync_path));
    spec.insert("prune", true);
    spec.insert("wait", true);
    spec.insert("sourceRef", source_ref(environment));
    let settings = environment.flux.of_claim(&delivery.name);
    let checks = health::expressions(&objects, settings.get("healthCheckExprs"));
    for entry in &settings {
        spec.insert(entry.key.clone(), entry.value.clone());
    }
    if !checks.is_empty() {
        spec.insert("healthCheckExprs", Node::sequence(checks));
    }
    let metadata = Mapping::from([
        ("name", Node::string(delivery.name.as_str())),
        ("namespace", Node::constant(FLUX_NAMESPACE)),
    ]);
    Node::mapping(Mapping::from([
        (
            "apiVersion",
            Node::constant("kustomize.toolkit.fluxcd.io/v1"),
        ),
        ("kind", Node::constant(KIND)),
        ("metadata", Node::mapping(metadata)),
        ("spec", Node::mapping(spec)),
    ]))
}

fn source_ref(environment: &Environment) -> Mapping {
    let source = &environment.source;
    let mut reference = Mapping::from([
        ("kind", Node::string(source.kind.as_str())),
        ("name", Node::string(source.name.as_str())),
    ]);
    if let Some(namespace) = source.namespace.as_ref().filter(|it| *it != FLUX_NAMESPACE) {
        reference.insert("namespace", namespace.as_str());
    }
    reference
}
