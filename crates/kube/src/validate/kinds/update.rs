//! Fields that cannot be changed after an object is created.

use super::fields::quantity_of;
use crate::validate::fault::{Help, Report, class};
use crate::validate::json::Fields;
use crate::validate::structural::same;
use pleach_yaml::Node;

/// Reports that a field cannot be changed.
pub(super) fn immutable<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    report.below(class::IMMUTABLE_FIELD, node, key, "cannot be changed");
    let text = "delete the object and create it again, or keep the old value";
    report.help(Some(Help::text(text)));
}

/// Reports immutable fields of the object or of `spec` that change. A default that the server has set counts as missing.
fn unchanged<'a>(
    node: Option<&'a Node>,
    old: Option<&Node>,
    fields: &[(&str, &str)],
    report: &mut Report<'a>,
) {
    let (Some(node), Some(old)) = (node, old) else {
        return;
    };
    for (key, default) in fields {
        let (new, before) = (node.field(key), old.field(key));
        let is_default = |it: Option<&Node>| {
            it.is_none_or(|it| it.is_empty_collection() || it.as_str() == Some(default))
        };
        let is_same = match (new, before) {
            (Some(new), Some(before)) => is_equal(new, before),
            _ => is_default(new) && is_default(before),
        };
        if !is_same {
            immutable(node, key, report);
        }
    }
}

/// Whether two values have the same meaning: quantities may have different notations.
fn is_equal(a: &Node, b: &Node) -> bool {
    if let (Some(one), Some(other)) = (a.as_mapping(), b.as_mapping()) {
        let other_of = |key: &str| other.get(key).filter(|it| !it.is_null());
        let present =
            |map: &pleach_yaml::Mapping| map.iter().filter(|it| !it.value.is_null()).count();
        return present(one) == present(other)
            && one.iter().filter(|it| !it.value.is_null()).all(|it| {
                other_of(it.key.as_str().unwrap_or("")).is_some_and(|b| is_equal(&it.value, b))
            });
    }
    if let (Some(one), Some(other)) = (a.as_sequence(), b.as_sequence()) {
        return one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_equal(a, b));
    }
    same(a, b) || matches!((quantity_of(a), quantity_of(b)), (Some(a), Some(b)) if a == b)
}

fn spec(node: &Node) -> Option<&Node> {
    node.field("spec")
}

pub(super) fn selector<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(spec(object), spec(old), &[("selector", "")], report);
}

pub(super) fn stateful_set<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [
        ("selector", ""),
        ("serviceName", ""),
        ("podManagementPolicy", "OrderedReady"),
        ("volumeClaimTemplates", ""),
    ];
    unchanged(spec(object), spec(old), &fields, report);
}

pub(super) fn job<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [
        ("selector", ""),
        ("template", ""),
        ("completionMode", "NonIndexed"),
        ("podFailurePolicy", ""),
        ("backoffLimitPerIndex", ""),
        ("managedBy", ""),
        ("successPolicy", ""),
    ];
    unchanged(spec(object), spec(old), &fields, report);
    if spec(object).and_then(|it| it.text("completionMode")) != Some("Indexed") {
        unchanged(spec(object), spec(old), &[("completions", "1")], report);
    }
}

pub(super) fn service<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let (Some(node), Some(before)) = (spec(object), spec(old)) else {
        return;
    };
    let kind = |it: &'a Node| it.text("type").unwrap_or("ClusterIP");
    let keeps_address = kind(node) != "ExternalName" && kind(before) != "ExternalName";
    for key in ["clusterIP", "clusterIPs"] {
        let both = node.field(key).zip(before.field(key));
        if both.is_some_and(|(new, old)| !is_equal(new, old)) && keeps_address {
            immutable(node, key, report);
        }
    }
    // If no address was set, the server has assigned one, which most likely differs from the new one.
    let has_address = |it: &Node| !it.text_or_empty("clusterIP").is_empty();
    if keeps_address && has_address(node) && !has_address(before) {
        immutable(node, "clusterIP", report);
    }
    let are_balancers = kind(node) == "LoadBalancer" && kind(before) == "LoadBalancer";
    if are_balancers {
        unchanged(
            Some(node),
            Some(before),
            &[("loadBalancerClass", "")],
            report,
        );
    }
}

/// The data of immutable objects, and the type of a Secret.
pub(super) fn config<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(Some(object), Some(old), &[("type", "Opaque")], report);
    if old.boolean("immutable") != Some(true) {
        return;
    }
    if object.boolean("immutable") != Some(true) {
        immutable(object, "immutable", report);
    }
    unchanged(
        Some(object),
        Some(old),
        &[("data", ""), ("binaryData", "")],
        report,
    );
}

pub(super) fn claim<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [
        ("accessModes", ""),
        ("selector", ""),
        ("storageClassName", ""),
        ("volumeMode", "Filesystem"),
        ("volumeName", ""),
        ("dataSource", ""),
    ];
    unchanged(spec(object), spec(old), &fields, report);
    // An unbound claim cannot grow, and no claim can shrink.
    let (Some(resources), Some(before)) = (
        spec(object).and_then(|it| it.field("resources")),
        spec(old).and_then(|it| it.field("resources")),
    ) else {
        return;
    };
    unchanged(
        Some(resources),
        Some(before),
        &[("requests", ""), ("limits", "")],
        report,
    );
}

pub(super) fn storage_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [
        ("provisioner", ""),
        ("parameters", ""),
        ("reclaimPolicy", "Delete"),
        ("volumeBindingMode", "Immediate"),
    ];
    unchanged(Some(object), Some(old), &fields, report);
}

pub(super) fn priority_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    let fields = [("value", "0"), ("preemptionPolicy", "PreemptLowerPriority")];
    unchanged(Some(object), Some(old), &fields, report);
}

pub(super) fn quota<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(spec(object), spec(old), &[("scopes", "")], report);
}

pub(super) fn ingress_class<'a>(object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
    unchanged(spec(object), spec(old), &[("controller", "")], report);
}

/// For kinds without immutable fields.
pub(super) fn nothing<'a>(_: &'a Node, _: &'a Node, _: &mut Report<'a>) {}
