//! Scheduling of pods: affinity, tolerations, topology spread.

use std::collections::BTreeSet;

use super::fields::{self, exactly_one_of, required, text_of, within};
use super::selector;
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

pub(super) fn affinity<'a>(affinity: &'a Node, report: &mut Report<'a>) {
    if let Some(node) = affinity.field("nodeAffinity") {
        if let Some(selector) = node.field("requiredDuringSchedulingIgnoredDuringExecution") {
            node_selector(selector, report);
        }
        for term in node.list("preferredDuringSchedulingIgnoredDuringExecution") {
            weight(term, report);
            if let Some(preference) = term.field("preference") {
                node_term(preference, false, report);
            }
        }
    }
    for key in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = affinity.field(key) else {
            continue;
        };
        for term in pods.list("requiredDuringSchedulingIgnoredDuringExecution") {
            pod_term(term, report);
        }
        for weighted in pods.list("preferredDuringSchedulingIgnoredDuringExecution") {
            weight(weighted, report);
            match weighted.field("podAffinityTerm") {
                Some(term) => pod_term(term, report),
                None => required(weighted, "podAffinityTerm", report),
            }
        }
    }
}

fn weight<'a>(term: &'a Node, report: &mut Report<'a>) {
    match term.integer("weight") {
        Some(1..=100) => {}
        _ => report.invalid_field(term, "weight", "must be from 1 to 100"),
    }
}

/// Terms of which at least one must match a node.
pub(super) fn node_selector<'a>(node: &'a Node, report: &mut Report<'a>) {
    let terms = node.list("nodeSelectorTerms");
    if terms.is_empty() {
        report.invalid_field(node, "nodeSelectorTerms", "must have at least one term");
    }
    for term in terms {
        node_term(term, true, report);
    }
}

fn node_term<'a>(term: &'a Node, checks_values: bool, report: &mut Report<'a>) {
    let checks_values = checks_values && report.is_since(33);
    for requirement in term.list("matchExpressions") {
        let values = requirement.list("values");
        node_operator(requirement, values.len(), report);
        selector::key(requirement, report);
        for value in values.iter().filter(|_| checks_values) {
            if let Some(message) = names::label_value(text_of(value)) {
                report.invalid(value, message);
            }
        }
    }
    for requirement in term.list("matchFields") {
        if requirement.text("key") != Some("metadata.name") {
            report.invalid_field(requirement, "key", "must be `metadata.name`");
        }
        exactly_one_of(requirement, "operator", &["In", "NotIn"], report);
        if requirement.list("values").len() != 1 {
            report.invalid_field(requirement, "values", "must have exactly one value");
        }
        fields::each(requirement, "values", names::dns_subdomain, report);
    }
}

fn node_operator<'a>(requirement: &'a Node, values: usize, report: &mut Report<'a>) {
    let wrong = match requirement.text_or_empty("operator") {
        "In" | "NotIn" if values == 0 => "must have a value for `In` and `NotIn`",
        "Exists" | "DoesNotExist" if values > 0 => "must be empty for `Exists` and `DoesNotExist`",
        "Gt" | "Lt" if values != 1 => "must have exactly one value for `Gt` and `Lt`",
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => return,
        _ => {
            const ALL: [&str; 6] = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
            match requirement.field("operator") {
                Some(operator) => report.unsupported(operator, &ALL),
                None => required(requirement, "operator", report),
            }
            return;
        }
    };
    report.invalid_field(requirement, "values", wrong);
}

fn pod_term<'a>(term: &'a Node, report: &mut Report<'a>) {
    selector::field(term, "labelSelector", report);
    selector::field(term, "namespaceSelector", report);
    fields::each(term, "namespaces", names::dns_label, report);
    label_keys(term, report);
    fields::required_name(term, "topologyKey", names::qualified_name, report);
}

/// `matchLabelKeys` and `mismatchLabelKeys` beside a selector.
fn label_keys<'a>(node: &'a Node, report: &mut Report<'a>) {
    let has_selector = node.field("labelSelector").is_some();
    for key in ["matchLabelKeys", "mismatchLabelKeys"] {
        if !has_selector && !node.list(key).is_empty() {
            report.invalid_field(node, key, "must not be set without `labelSelector`");
        }
        fields::each(node, key, names::qualified_name, report);
    }
    let mismatched: BTreeSet<&str> = node.list("mismatchLabelKeys").iter().map(text_of).collect();
    for item in node.list("matchLabelKeys") {
        if mismatched.contains(text_of(item)) {
            report.invalid(
                item,
                "must not be in both `matchLabelKeys` and `mismatchLabelKeys`",
            );
        }
    }
}

pub(super) fn tolerations<'a>(pod: &'a Node, report: &mut Report<'a>) {
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    for toleration in pod.list("tolerations") {
        fields::name(toleration, "key", names::qualified_name, report);
        let (key, value) = (
            toleration.text_or_empty("key"),
            toleration.text_or_empty("value"),
        );
        let operator = toleration.text_or_empty("operator");
        if key.is_empty() && operator != "Exists" {
            report.invalid_field(toleration, "operator", "must be `Exists` without a `key`");
        }
        let effect = toleration.text_or_empty("effect");
        if toleration.field("tolerationSeconds").is_some() && effect != "NoExecute" {
            report.invalid_field(
                toleration,
                "effect",
                "must be `NoExecute` with `tolerationSeconds`",
            );
        }
        match operator {
            "" | "Equal" => fields::name(toleration, "value", names::label_value, report),
            "Exists" if !value.is_empty() => {
                report.invalid_field(toleration, "value", "must be empty for `Exists`");
            }
            "Exists" => {}
            _ => exactly_one_of(toleration, "operator", &["Equal", "Exists"], report),
        }
        fields::one_of(toleration, "effect", &EFFECTS, report);
    }
}

pub(super) fn topology_spread<'a>(pod: &'a Node, report: &mut Report<'a>) {
    let mut seen = BTreeSet::new();
    for constraint in pod.list("topologySpreadConstraints") {
        if constraint.integer("maxSkew").unwrap_or(0) < 1 {
            report.invalid_field(constraint, "maxSkew", "must be greater than 0");
        }
        let key = constraint.text_or_empty("topologyKey");
        let action = constraint.text_or_empty("whenUnsatisfiable");
        exactly_one_of(
            constraint,
            "whenUnsatisfiable",
            &["DoNotSchedule", "ScheduleAnyway"],
            report,
        );
        if !seen.insert((key, action)) {
            report.duplicate(constraint);
        }
        within(constraint, "minDomains", 1, i64::MAX, report);
        if constraint.field("minDomains").is_some() && action != "DoNotSchedule" {
            report.invalid_field(
                constraint,
                "minDomains",
                "must not be set unless `whenUnsatisfiable` is `DoNotSchedule`",
            );
        }
        for key in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            exactly_one_of(constraint, key, &["Honor", "Ignore"], report);
        }
        label_keys_of_spread(constraint, report);
        selector::field(constraint, "labelSelector", report);
    }
}

fn label_keys_of_spread<'a>(constraint: &'a Node, report: &mut Report<'a>) {
    let keys = constraint.list("matchLabelKeys");
    let Some(selector) = constraint.field("labelSelector") else {
        if !keys.is_empty() {
            report.invalid_field(
                constraint,
                "matchLabelKeys",
                "must not be set without `labelSelector`",
            );
        }
        return;
    };
    // The server adds an expression for each key when it creates a pod, and treats a key with two expressions as already added.
    let labels = selector.map("matchLabels");
    let uses = |key: &str| {
        let expressions = selector.list("matchExpressions").iter();
        let expressions = expressions.filter(|it| it.text("key") == Some(key)).count();
        let labels = labels
            .iter()
            .filter(|it| it.key.as_str() == Some(key))
            .count();
        match expressions {
            0 => 0,
            _ => expressions + labels,
        }
    };
    for item in keys {
        if let Some(message) = names::qualified_name(text_of(item)) {
            report.invalid(item, message);
        }
        if uses(text_of(item)) > 1 {
            report.invalid(item, "must not also be in `labelSelector`");
        }
    }
}
