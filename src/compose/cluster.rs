//! `clusters/<env>/{infrastructure,apps}.yaml`: one Flux Kustomization a claim (kustomize.toolkit.fluxcd.io/v1).

use super::order::Order;
use super::{Composed, Composition};
use crate::delivery::Delivery;
use crate::load::{Environment, Group, Workspace};
use crate::tree::TreePath;
use crate::yaml::{Mapping, Node, to_claims_form};

/// Where Flux Kustomizations live: the namespace that `flux bootstrap` makes.
const NAMESPACE: &str = "flux-system";

pub(super) fn write(
    composition: &mut Composition,
    workspace: &Workspace,
    environment: &Environment,
    deliveries: &[Delivery],
    order: &Order,
) {
    for group in [Group::Infrastructure, Group::Apps] {
        let mut members: Vec<&Delivery> = deliveries
            .iter()
            .filter(|it| it.group == group && !it.files.is_empty())
            .collect();
        members.sort_by(|a, b| a.name.cmp(&b.name));
        if members.is_empty() {
            continue;
        }
        let documents = members
            .iter()
            .map(|it| to_claims_form(&kustomization(workspace, environment, it, order)));
        let body = documents.collect::<Vec<_>>().join("---\n");
        let path = TreePath::root()
            .child("clusters")
            .child(&environment.name)
            .child(&format!("{}.yaml", group.folder()));
        composition.files.insert(
            path,
            Composed {
                title: format!("Environment/{}", environment.name),
                body,
            },
        );
    }
}

fn kustomization(
    workspace: &Workspace,
    environment: &Environment,
    delivery: &Delivery,
    order: &Order,
) -> Node {
    let mut spec = Mapping::new();
    let first = order.get(&delivery.name).into_iter().flatten();
    let depends: Vec<Node> = first
        .map(|name| Node::mapping(Mapping::from([("name", Node::string(name.as_str()))])))
        .collect();
    if !depends.is_empty() {
        spec.insert("dependsOn", Node::sequence(depends));
    }
    let path = super::folder::path(delivery, &environment.name);
    for (key, value) in [
        ("interval", "5m"),
        ("retryInterval", "1m"),
        ("timeout", "10m"),
    ] {
        spec.insert(key, value);
    }
    spec.insert("path", format!("{}/{path}", workspace.sync_path));
    spec.insert("prune", true);
    spec.insert("wait", true);
    spec.insert("sourceRef", source_ref(environment));
    let metadata = Mapping::from([
        ("name", Node::string(delivery.name.as_str())),
        ("namespace", Node::constant(NAMESPACE)),
    ]);
    Node::mapping(Mapping::from([
        (
            "apiVersion",
            Node::constant("kustomize.toolkit.fluxcd.io/v1"),
        ),
        ("kind", Node::constant("Kustomization")),
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
    if let Some(namespace) = source.namespace.as_ref().filter(|it| *it != NAMESPACE) {
        reference.insert("namespace", namespace.as_str());
    }
    reference
}
