//! FluxInstance of the Flux operator: the Kustomization that it creates to sync the cluster.

use super::super::sync::text;
use crate::object::Object;
use crate::yaml::{Mapping, Node};

/// The Kustomization of `spec.sync`; `None` if the instance has none.
pub(in crate::deploy) fn sync_kustomization(instance: &Object) -> Option<Object> {
    let sync = instance.node.at_keys(&["spec", "sync"])?;
    let name = match text(sync, &["name"]) {
        "" => instance.namespace(),
        name => name,
    };
    let at = |text: &str| Node::string(text).at(sync);
    let map = |entries: Vec<(&'static str, Node)>| {
        let entries = entries.into_iter();
        let entries = entries.map(|(key, value)| crate::yaml::Entry {
            key: Node::constant(key),
            value,
        });
        Node::mapping(entries.collect::<Mapping>()).at(sync)
    };
    let path = sync.get("path").cloned().unwrap_or_else(|| at("./"));
    let spec = map(vec![
        ("path", path),
        ("prune", Node::bool(true)),
        (
            "sourceRef",
            map(vec![
                ("kind", at(text(sync, &["kind"]))),
                ("name", at(name)),
            ]),
        ),
    ]);
    let metadata = map(vec![
        ("name", at(name)),
        ("namespace", at(instance.namespace())),
    ]);
    Some(Object::new(map(vec![
        ("apiVersion", at("kustomize.toolkit.fluxcd.io/v1")),
        ("kind", at("Kustomization")),
        ("metadata", metadata),
        ("spec", spec),
    ])))
}
