//! `healthCheckExprs` of Flux Kustomizations, for the custom resources that they contain.
//!
//! Without such expressions, Flux treats a custom resource without a status as ready (kstatus: an object without conditions is
//! `Current`), so claims that depend on a database would be applied before its operator has created it.

use crate::object::Object;
use crate::products::{Health, ProductKind, kinds};
use crate::yaml::{Node, node};

/// The expressions for the kinds of some objects. `configured` are those of `environment.yaml`, which replace the built-in ones for
/// the same kind.
pub(super) fn expressions(objects: &[&Object], configured: Option<&Node>) -> Vec<Node> {
    let configured = configured.and_then(Node::as_sequence).unwrap_or_default();
    let is_replaced = |kind: &ProductKind, health: &Health| {
        configured.iter().any(|it| {
            let has = |key: &str, text: &str| it.get(key).and_then(Node::as_str) == Some(text);
            has("apiVersion", &health.api_version) && has("kind", &kind.kind)
        })
    };
    let all = kinds().flat_map(|kind| kind.health.iter().map(move |it| (kind, it)));
    let used = all.filter(|(kind, it)| is_used(kind, it, objects) && !is_replaced(kind, it));
    let builtin = used.map(|(kind, it)| expression(kind, it));
    builtin.chain(configured.iter().cloned()).collect()
}

/// Whether any of the objects takes minutes to become ready, as databases do.
pub(super) fn is_slow(objects: &[&Object]) -> bool {
    let mut slow = kinds().filter(|it| !it.is_fast);
    slow.any(|kind| {
        let mut health = kind.health.iter();
        health.any(|it| is_used(kind, it, objects))
    })
}

/// Whether one of the objects has the kind.
fn is_used(kind: &ProductKind, health: &Health, objects: &[&Object]) -> bool {
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
