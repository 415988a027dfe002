//! LimitRanges, ResourceQuotas, PriorityClasses, PodDisruptionBudgets and Namespaces.

use std::collections::BTreeSet;

use super::fields::{at_most_all, count_or_percent, exactly_one_of, quantity_of, set, text_of};
use super::{resources, selector};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use crate::validate::quantity::Quantity;
use pleach_yaml::{Entry, Node};

pub(super) fn limit_range<'a>(object: &'a Node, report: &mut Report<'a>) {
    let limits = object.field("spec").map_or(&[][..], |it| it.list("limits"));
    let mut kinds = BTreeSet::new();
    for limit in limits {
        let kind = limit.text_or_empty("type");
        if !kind.contains('/') {
            let known = ["Pod", "Container", "PersistentVolumeClaim"];
            exactly_one_of(limit, "type", &known, report);
        } else if let Some(message) = names::qualified_name(kind) {
            report.invalid_field(limit, "type", message);
        }
        if !kinds.insert(kind) {
            report.invalid_field(limit, "type", "must be unique");
        }
        limit_item(limit, kind, report);
    }
}

const LISTS: [&str; 5] = [
    "max",
    "min",
    "default",
    "defaultRequest",
    "maxLimitRequestRatio",
];

fn limit_item<'a>(limit: &'a Node, kind: &str, report: &mut Report<'a>) {
    let rule = match kind {
        "Pod" | "Container" => resources::container_name,
        _ => resources::any_name,
    };
    let mut keys = BTreeSet::new();
    for list in LISTS {
        let entries = limit.map(list);
        if kind == "Pod" && list.starts_with("default") {
            if !entries.is_empty() {
                report.invalid_field(limit, list, "must not be set for type `Pod`");
            }
            continue;
        }
        for Entry { key, .. } in entries {
            let name = key.as_str().unwrap_or("");
            if let Some(message) = rule(name) {
                report.invalid(key, message);
            }
            keys.insert(name);
        }
    }
    let has_storage = |list| find(limit, list, "storage").is_some();
    if kind == "PersistentVolumeClaim" && !has_storage("min") && !has_storage("max") {
        report.invalid(limit, "must have `min` or `max` of `storage`");
    }
    for key in keys {
        limit_order(limit, key, report);
    }
}

fn find<'a>(limit: &'a Node, list: &str, key: &str) -> Option<&'a Node> {
    let entry = limit
        .map(list)
        .iter()
        .find(|it| it.key.as_str() == Some(key));
    entry.map(|it| &it.value)
}

/// min ≤ defaultRequest ≤ default ≤ max
fn limit_order<'a>(limit: &'a Node, key: &str, report: &mut Report<'a>) {
    const ORDER: [(&str, &str); 6] = [
        ("min", "max"),
        ("min", "defaultRequest"),
        ("defaultRequest", "max"),
        ("defaultRequest", "default"),
        ("min", "default"),
        ("default", "max"),
    ];
    let amount = |list| find(limit, list, key).and_then(quantity_of);
    for (low, high) in ORDER {
        if let (Some(least), Some(most), Some(at)) =
            (amount(low), amount(high), find(limit, low, key))
            && least > most
        {
            report.invalid(at, format!("must not be greater than `{high}`"));
        }
    }
    let ratio = find(limit, "maxLimitRequestRatio", key);
    if let (Some(at), Some(ratio)) = (ratio, amount("maxLimitRequestRatio")) {
        if ratio < Quantity::from_integer(1) {
            report.invalid(at, "must not be less than 1");
        }
        if let (Some(min), Some(max)) = (amount("min"), amount("max"))
            && ratio.approximate() > max.approximate() / min.approximate()
        {
            report.invalid(at, "must not be greater than `max` divided by `min`");
        }
    }
    let (request, default) = (amount("defaultRequest"), amount("default"));
    if !resources::allows_overcommit(key)
        && request.is_some()
        && default.is_some()
        && request != default
    {
        let at = find(limit, "defaultRequest", key).unwrap_or(limit);
        report.invalid(at, "must be equal to `default` for this resource");
    }
}

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];

pub(super) fn resource_quota<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = object.field("spec") else {
        return;
    };
    let hard = spec.map("hard");
    resources::list(hard, resources::quota_name, report);
    let scopes = spec.list("scopes");
    let mut used: Vec<(&str, &'a Node)> = Vec::new();
    for scope in scopes {
        if !SCOPES.contains(&text_of(scope)) {
            report.unsupported(scope, &SCOPES);
        }
        used.push((text_of(scope), scope));
    }
    let by_selector = spec.field("scopeSelector");
    let mut selected: Vec<(&str, &'a Node)> = Vec::new();
    for requirement in by_selector.map_or(&[][..], |it| it.list("matchExpressions")) {
        scope_requirement(requirement, report);
        selected.push((requirement.text_or_empty("scopeName"), requirement));
    }
    for list in [used, selected] {
        for (scope, at) in &list {
            if hard
                .iter()
                .any(|it| !is_scope_of(scope, it.key.as_str().unwrap_or("")))
            {
                report.invalid(
                    at,
                    format!("`{scope}` does not apply to a resource in `hard`"),
                );
            }
        }
        let has = |name: &str| list.iter().find(|it| it.0 == name);
        for (one, other) in [
            ("BestEffort", "NotBestEffort"),
            ("Terminating", "NotTerminating"),
        ] {
            if let (Some(_), Some((_, at))) = (has(one), has(other)) {
                report.invalid(at, format!("must not have both `{one}` and `{other}`"));
            }
        }
    }
}

fn scope_requirement<'a>(requirement: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(requirement, "scopeName", &SCOPES, report);
    let scope = requirement.text_or_empty("scopeName");
    let has_values = !requirement.list("values").is_empty();
    let takes_values = matches!(scope, "PriorityClass" | "VolumeAttributesClass");
    match requirement.text_or_empty("operator") {
        "Exists" | "DoesNotExist" if has_values => {
            report.invalid_field(
                requirement,
                "values",
                "must be empty for `Exists` and `DoesNotExist`",
            );
        }
        "In" | "NotIn" if !has_values => {
            report.invalid_field(
                requirement,
                "values",
                "must have a value for `In` and `NotIn`",
            );
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => exactly_one_of(
            requirement,
            "operator",
            &["In", "NotIn", "Exists", "DoesNotExist"],
            report,
        ),
    }
    if !takes_values && SCOPES.contains(&scope) && requirement.text("operator") != Some("Exists") {
        report.invalid_field(
            requirement,
            "operator",
            format!("must be `Exists` for scope `{scope}`"),
        );
    }
}

/// Whether a scope applies to a standard resource.
fn is_scope_of(scope: &str, resource: &str) -> bool {
    if !resources::is_quota(resource) || resource.contains('/') {
        return true;
    }
    match scope {
        "BestEffort" => resource == "pods",
        "Terminating"
        | "NotTerminating"
        | "NotBestEffort"
        | "PriorityClass"
        | "CrossNamespacePodAffinity" => matches!(
            resource,
            "pods"
                | "cpu"
                | "memory"
                | "requests.cpu"
                | "requests.memory"
                | "limits.cpu"
                | "limits.memory"
                | "ephemeral-storage"
                | "requests.ephemeral-storage"
                | "limits.ephemeral-storage"
        ),
        "VolumeAttributesClass" => {
            matches!(resource, "persistentvolumeclaims" | "requests.storage")
        }
        _ => true,
    }
}

pub(super) fn priority_class<'a>(object: &'a Node, report: &mut Report<'a>) {
    const USER_MAX: i64 = 1_000_000_000;
    let value = object.integer("value").unwrap_or(0);
    let Some(metadata) = object.field("metadata") else {
        return;
    };
    let name = metadata.text_or_empty("name");
    let is_known = matches!(
        (name, value),
        ("system-node-critical", 2_000_001_000) | ("system-cluster-critical", 2_000_000_000)
    );
    if name.starts_with("system-") && !is_known {
        report.invalid_field(
            metadata,
            "name",
            "must not begin with `system-`, which is reserved for Kubernetes",
        );
    } else if !name.starts_with("system-") && value > USER_MAX {
        report.invalid_field(object, "value", format!("must be at most {USER_MAX}"));
    }
    exactly_one_of(
        object,
        "preemptionPolicy",
        &["PreemptLowerPriority", "Never"],
        report,
    );
}

pub(super) fn disruption_budget<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = object.field("spec") else {
        return;
    };
    if set(spec, &["minAvailable", "maxUnavailable"]).len() > 1 {
        report.invalid_field(
            spec,
            "maxUnavailable",
            "must not be set together with `minAvailable`",
        );
    }
    for key in ["minAvailable", "maxUnavailable"] {
        count_or_percent(spec, key, report);
        at_most_all(spec, key, report);
    }
    selector::field(spec, "selector", report);
    exactly_one_of(
        spec,
        "unhealthyPodEvictionPolicy",
        &["IfHealthyBudget", "AlwaysAllow"],
        report,
    );
}

pub(super) fn namespace<'a>(object: &'a Node, report: &mut Report<'a>) {
    let labels = object
        .field("metadata")
        .map_or(&[][..], |it| it.map("labels"));
    for Entry { key, value } in labels {
        let Some(mode) = key
            .as_str()
            .and_then(|it| it.strip_prefix("pod-security.kubernetes.io/"))
        else {
            continue;
        };
        match mode {
            "enforce" | "audit" | "warn" => {
                const LEVELS: [&str; 3] = ["privileged", "baseline", "restricted"];
                if !LEVELS.contains(&text_of(value)) {
                    report.unsupported(value, &LEVELS);
                }
            }
            "enforce-version" | "audit-version" | "warn-version" if !is_release(text_of(value)) => {
                report.invalid(value, "must be `latest` or a release such as `v1.34`");
            }
            _ => {}
        }
    }
    let finalizers = object
        .field("spec")
        .map_or(&[][..], |it| it.list("finalizers"));
    for finalizer in finalizers {
        let text = text_of(finalizer);
        let is_known = text.contains('/')
            || text == "kubernetes"
            || text == "orphan"
            || text == "foregroundDeletion";
        if names::qualified_name(text).is_some() || !is_known {
            report.invalid(
                finalizer,
                "must begin with a domain and `/`, such as `example.org/name`",
            );
        }
    }
}

fn is_release(text: &str) -> bool {
    let minor = text.strip_prefix("v1.").unwrap_or("");
    let is_number = !minor.is_empty() && minor.bytes().all(|it| it.is_ascii_digit());
    text == "latest" || is_number && (minor == "0" || !minor.starts_with('0'))
}
