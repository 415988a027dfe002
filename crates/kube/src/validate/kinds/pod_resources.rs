//! Requests and limits of a whole pod.

use super::fields::{quantity, quantity_of};
use super::resources;
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::quantity::Quantity;
use pleach_yaml::{Entry, Node};

/// Validates the resources of a pod, independent of its containers.
pub(super) fn validate<'a>(spec: &'a Node, report: &mut Report<'a>) {
    // Earlier versions drop them.
    let Some(amounts) = spec.field("resources").filter(|_| report.is_since(34)) else {
        return;
    };
    if amounts.field("claims").is_some() {
        report.invalid_field(amounts, "claims", "must not be set for a whole pod");
    }
    resources::amounts(amounts, resource, report);
}

fn resource(name: &str) -> Option<&'static str> {
    let known = matches!(name, "cpu" | "memory") || name.starts_with("hugepages-");
    (!known).then_some("must be `cpu`, `memory` or `hugepages-SIZE` for a whole pod")
}

/// Compares the resources of a pod with those of its containers. In a Pod, unlike in a template, requests are set to the limits if they
/// are missing.
pub(super) fn compare<'a>(spec: &'a Node, is_pod: bool, report: &mut Report<'a>) {
    let Some(amounts) = spec.field("resources").filter(|_| report.is_since(34)) else {
        return;
    };
    for Entry { key, value } in amounts.map("requests") {
        let name = key.as_str().unwrap_or("");
        let sum = total(spec, |it| request(it, name, is_pod));
        if quantity_of(value).is_some_and(|it| it < sum) {
            let message = "must not be less than the sum of the containers' requests";
            report.invalid(value, message);
        }
    }
    for Entry { key, value } in amounts.map("limits") {
        let name = key.as_str().unwrap_or("");
        let Some(limit) = quantity_of(value) else {
            continue;
        };
        let of = |it: &Node| amount(it, "limits", name);
        if name.starts_with("hugepages-") && limit < total(spec, of) {
            report.invalid(
                value,
                "must not be less than the sum of the containers' limits",
            );
        }
        for container in spec.list("containers") {
            let limits = container
                .field("resources")
                .and_then(|it| it.field("limits"));
            if let Some(own) = limits.and_then(|it| it.field(name))
                && quantity_of(own).is_some_and(|it| it > limit)
            {
                let message = "must not be greater than the limit of the whole pod";
                report.invalid(own, message);
            }
        }
    }
}

fn amount(container: &Node, list: &str, name: &str) -> Quantity {
    let amounts = container.field("resources").and_then(|it| it.field(list));
    amounts
        .and_then(|it| quantity(it, name))
        .unwrap_or_default()
}

fn request(container: &Node, name: &str, is_pod: bool) -> Quantity {
    let requests = container
        .field("resources")
        .and_then(|it| it.field("requests"));
    let has_request = requests.is_some_and(|it| it.field(name).is_some());
    let list = match is_pod && !has_request {
        true => "limits",
        false => "requests",
    };
    amount(container, list, name)
}

/// The total of the containers, or of an init container and the sidecars that run with it, if that is more.
fn total(spec: &Node, of: impl Fn(&Node) -> Quantity) -> Quantity {
    let containers = spec.list("containers").iter();
    let sum = containers.fold(Quantity::default(), |sum, it| sum.add(of(it)));
    let (mut sidecars, mut most) = (Quantity::default(), Quantity::default());
    for container in spec.list("initContainers") {
        let with_sidecars = sidecars.add(of(container));
        if container.text("restartPolicy") == Some("Always") {
            sidecars = with_sidecars;
        }
        most = most.max(with_sidecars);
    }
    most.max(sum.add(sidecars))
}
