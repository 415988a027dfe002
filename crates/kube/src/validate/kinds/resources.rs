//! Names and amounts of resources.

use super::fields::quantity_of;
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use crate::validate::quantity::Quantity;
use pleach_yaml::{Entry, Node};

const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];

/// Resources with whole numbers only.
const WHOLE: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Whether a name without a domain is a standard resource.
fn is_standard(name: &str) -> bool {
    name.starts_with("hugepages-")
        || name.starts_with("requests.hugepages-")
        || name.starts_with("limits.hugepages-")
        || STANDARD.contains(&name)
}

/// Whether it is a native resource: without a domain, or with a domain of Kubernetes.
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_hugepages(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Whether it is an extended resource: with a domain, and usable in a quota.
fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified_name(&format!("requests.{name}")).is_none()
}

/// Whether the resource can be overcommitted.
pub(super) fn allows_overcommit(name: &str) -> bool {
    is_native(name) && !is_hugepages(name)
}

/// Validates the name of a resource.
pub(super) fn any_name(name: &str) -> Option<&'static str> {
    names::qualified_name(name).or_else(|| {
        let known = name.contains('/') || is_standard(name);
        (!known).then_some("must be a standard resource, or have a domain as in `example.org/gpu`")
    })
}

/// Validates the name of a resource of containers.
pub(super) fn container_name(name: &str) -> Option<&'static str> {
    any_name(name).or_else(|| {
        let known = match name.contains('/') {
            false => matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_hugepages(name),
            true => is_native(name) || is_extended(name),
        };
        (!known).then_some("must be `cpu`, `memory`, `ephemeral-storage`, `hugepages-SIZE` or a resource with a domain")
    })
}

/// Validates the name of a resource in a quota.
pub(super) fn quota_name(name: &str) -> Option<&'static str> {
    any_name(name).or_else(|| {
        let known = name.contains('/') || is_standard(name) && is_quota(name);
        (!known).then_some("must be a resource that a quota can limit")
    })
}

/// Whether a resource without a domain can be in a quota.
pub(super) fn is_quota(name: &str) -> bool {
    name != "storage" && is_standard(name)
}

pub(super) fn list<'a>(
    entries: &'a [Entry],
    rule: fn(&str) -> Option<&'static str>,
    report: &mut Report<'a>,
) {
    for Entry { key, value } in entries {
        let name = key.as_str().unwrap_or("");
        if let Some(message) = rule(name) {
            report.invalid(key, message);
        }
        amount(name, value, report);
    }
}

/// Validates an amount of a resource.
pub(super) fn amount<'a>(name: &str, value: &'a Node, report: &mut Report<'a>) {
    let Some(amount) = quantity_of(value) else {
        return;
    };
    if amount.is_negative() {
        report.invalid(value, "must not be negative");
    } else if (WHOLE.contains(&name) || is_extended(name)) && !amount.is_whole_at_milli() {
        report.invalid(value, "must be a whole number");
    }
}

/// Validates the requests, limits and claims of a container.
pub(super) fn requirements<'a>(
    resources: &'a Node,
    claims: &[&str],
    rule: fn(&str) -> Option<&'static str>,
    report: &mut Report<'a>,
) {
    amounts(resources, rule, report);
    resource_claims(resources.list("claims"), claims, report);
}

/// Validates requests and limits.
pub(super) fn amounts<'a>(
    resources: &'a Node,
    rule: fn(&str) -> Option<&'static str>,
    report: &mut Report<'a>,
) {
    let (limits, requests) = (resources.map("limits"), resources.map("requests"));
    for Entry { key, value } in limits.iter().chain(requests) {
        let name = key.as_str().unwrap_or("");
        if let Some(message) = rule(name) {
            report.invalid(key, message);
        }
        amount(name, value, report);
        if is_hugepages(name) && !is_divisible(name, value) {
            report.invalid(value, "must be a multiple of the page size");
        }
    }
    for Entry { key, value } in requests {
        let name = key.as_str().unwrap_or("");
        let limit = limits.iter().find(|it| it.key.as_str() == Some(name));
        match (
            limit.and_then(|it| quantity_of(&it.value)),
            quantity_of(value),
        ) {
            (Some(limit), Some(request)) if !allows_overcommit(name) && limit != request => {
                report.invalid(value, format!("must be equal to the limit of {name}"));
            }
            (Some(limit), Some(request)) if request > limit => {
                report.invalid(
                    value,
                    format!("must not be greater than the limit of {name}"),
                );
            }
            (None, _) if !allows_overcommit(name) => {
                report.invalid(value, format!("requires an equal limit of {name}"));
            }
            _ => {}
        }
    }
    let has = |matches: fn(&str) -> bool| {
        let mut all = limits.iter().chain(requests);
        all.any(|it| matches(it.key.as_str().unwrap_or("")))
    };
    if has(is_hugepages) && !has(|it| matches!(it, "cpu" | "memory")) {
        report.invalid(
            resources,
            "must request cpu or memory together with huge pages",
        );
    }
}

fn is_divisible(name: &str, value: &Node) -> bool {
    let size = name.strip_prefix("hugepages-").and_then(Quantity::parse);
    match (
        size.and_then(Quantity::whole),
        quantity_of(value).and_then(Quantity::whole),
    ) {
        (Some(size), Some(value)) => size > 0 && value % size == 0,
        _ => false,
    }
}

fn resource_claims<'a>(used: &'a [Node], claims: &[&str], report: &mut Report<'a>) {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for claim in used {
        let (name, request) = (claim.text_or_empty("name"), claim.text_or_empty("request"));
        let again = |it: &(&str, &str)| {
            it.0 == name && (it.1 == request || it.1.is_empty() || request.is_empty())
        };
        if seen.iter().any(again) {
            report.duplicate(claim);
        }
        seen.push((name, request));
        super::fields::name(claim, "request", names::dns_label, report);
        if !name.is_empty() && !claims.contains(&name) {
            report.invalid_field(claim, "name", "must be one of the pod's `resourceClaims`");
        }
    }
}
