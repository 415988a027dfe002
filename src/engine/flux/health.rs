//! Health checks for custom resources, for Flux Kustomizations that wait for them.
//!
//! Without such expressions, Flux treats a custom resource without a status as ready (kstatus: an object without conditions is
//! `Current`), so claims that wait for a database would start before its operator has processed it.

use crate::object::Object;
use crate::products::{Health, ProductKind, kinds};
use crate::yaml::{Node, node};

/// The expressions for the kinds of some objects. `own` are those of the environment, which replace ours.
pub(super) fn expressions(objects: &[&Object], own: Option<&Node>) -> Vec<Node> {
    let own = own.and_then(Node::as_sequence).unwrap_or_default();
    let is_given = |kind: &ProductKind, health: &Health| {
        own.iter().any(|it| {
            let has = |key: &str, text: &str| it.get(key).and_then(Node::as_str) == Some(text);
            has("apiVersion", &health.api_version) && has("kind", &kind.kind)
        })
    };
    let all = kinds().flat_map(|kind| kind.health.iter().map(move |it| (kind, it)));
    let ours = all.filter(|(kind, it)| is_among(kind, it, objects) && !is_given(kind, it));
    let ours = ours.map(|(kind, it)| expression(kind, it));
    ours.chain(own.iter().cloned()).collect()
}

/// Whether any of the objects takes minutes to become ready, as databases do.
pub(super) fn is_slow(objects: &[&Object]) -> bool {
    let mut slow = kinds().filter(|it| !it.is_fast);
    slow.any(|kind| {
        let mut health = kind.health.iter();
        health.any(|it| is_among(kind, it, objects))
    })
}

fn is_among(kind: &ProductKind, health: &Health, objects: &[&Object]) -> bool {
    let mut objects = objects.iter();
    objects.any(|it| it.kind() == kind.kind && it.api_version() == health.api_version)
}

fn expression(kind: &'static ProductKind, health: &'static Health) -> Node {
    node!({
        "apiVersion": Node::constant(&health.api_version),
        "kind": Node::constant(&kind.kind),
        "current": Node::constant(&health.current),
        "failed"?: (!health.failed.is_empty()).then_some(&*health.failed),
    })
}
