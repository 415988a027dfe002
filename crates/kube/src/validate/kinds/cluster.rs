//! Kinds of the cluster itself: Nodes, RuntimeClasses, Leases, APIServices, and flow control of requests.

use std::collections::BTreeSet;

use super::fields::{
    self, exactly_one_of, name, not_negative, required, required_name, spec_of, text_of, within,
};
use super::{resources, scheduling};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::metadata;
use crate::validate::names;
use pleach_yaml::Node;

pub(super) fn node<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = object.field("spec") else {
        return;
    };
    let mut seen = BTreeSet::new();
    for taint in spec.list("taints") {
        let (key, effect) = (taint.text_or_empty("key"), taint.text_or_empty("effect"));
        required_name(taint, "key", names::qualified_name, report);
        name(taint, "value", names::label_value, report);
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        exactly_one_of(taint, "effect", &effects, report);
        if !seen.insert((key, effect)) {
            report.duplicate(taint);
        }
    }
}

pub(super) fn runtime_class<'a>(object: &'a Node, report: &mut Report<'a>) {
    required_name(object, "handler", names::dns_label, report);
    if let Some(overhead) = object.field("overhead") {
        resources::list(overhead.map("podFixed"), resources::container_name, report);
    }
    if let Some(nodes) = object.field("scheduling") {
        metadata::labels(nodes.map("nodeSelector"), report);
        scheduling::tolerations(nodes, report);
    }
}

pub(super) fn lease<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = object.field("spec") else {
        return;
    };
    within(spec, "leaseDurationSeconds", 1, i64::MAX, report);
    not_negative(spec, &["leaseTransitions"], report);
}

pub(super) fn api_service<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    let (group, version) = (spec.text_or_empty("group"), spec.text_or_empty("version"));
    required_name(spec, "version", names::dns_1035_label, report);
    name(spec, "group", names::dns_subdomain, report);
    let expected = format!("{version}.{group}");
    if let Some(metadata) = object.field("metadata")
        && metadata.text("name").is_some_and(|it| it != expected)
        && !group.is_empty()
        && !version.is_empty()
    {
        let message = format!("must be `{expected}`: the version and the group");
        report.invalid_field(metadata, "name", message);
    }
    let has_bundle = !spec.text_or_empty("caBundle").is_empty();
    let Some(service) = spec.field("service") else {
        if has_bundle || spec.boolean("insecureSkipTLSVerify") == Some(true) {
            report.invalid(
                spec,
                "must have a `service` for `caBundle` and `insecureSkipTLSVerify`",
            );
        }
        return priorities(spec, report);
    };
    for key in ["name", "namespace"] {
        if service.text_or_empty(key).is_empty() {
            required(service, key, report);
        }
    }
    within(service, "port", 1, 65535, report);
    if has_bundle && spec.boolean("insecureSkipTLSVerify") == Some(true) {
        report.invalid_field(
            spec,
            "insecureSkipTLSVerify",
            "must not be true together with `caBundle`",
        );
    }
    priorities(spec, report);
}

fn priorities<'a>(spec: &'a Node, report: &mut Report<'a>) {
    for (key, max) in [("groupPriorityMinimum", 20_000), ("versionPriority", 1000)] {
        if !(1..=max).contains(&spec.integer(key).unwrap_or(0)) {
            report.invalid_field(spec, key, format!("must be from 1 to {max}"));
        }
    }
}

pub(super) fn flow_schema<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    // The default is 1000.
    within(spec, "matchingPrecedence", 1, 10_000, report);
    let is_exempt = object.field("metadata").and_then(|it| it.text("name")) == Some("exempt");
    if spec.integer("matchingPrecedence") == Some(1) && !is_exempt {
        report.invalid_field(
            spec,
            "matchingPrecedence",
            "must not be 1, which is reserved for `exempt`",
        );
    }
    if let Some(method) = spec.field("distinguisherMethod") {
        exactly_one_of(method, "type", &["ByUser", "ByNamespace"], report);
    }
    match spec.field("priorityLevelConfiguration") {
        Some(level) => required_name(level, "name", names::dns_subdomain, report),
        None => required(spec, "priorityLevelConfiguration", report),
    }
    for rule in spec.list("rules") {
        flow_rule(rule, report);
    }
}

fn flow_rule<'a>(rule: &'a Node, report: &mut Report<'a>) {
    if rule.list("subjects").is_empty() {
        required(rule, "subjects", report);
    }
    for subject in rule.list("subjects") {
        exactly_one_of(
            subject,
            "kind",
            &["ServiceAccount", "Group", "User"],
            report,
        );
        let (key, others) = match subject.text_or_empty("kind") {
            "ServiceAccount" => ("serviceAccount", ["user", "group"]),
            "Group" => ("group", ["user", "serviceAccount"]),
            "User" => ("user", ["serviceAccount", "group"]),
            _ => continue,
        };
        match subject.field(key) {
            Some(inner) if inner.text_or_empty("name").is_empty() => {
                required(inner, "name", report)
            }
            Some(_) => {}
            None => required(subject, key, report),
        }
        for other in fields::set(subject, &others) {
            report.invalid_field(subject, other, "must not be set for this `kind`");
        }
    }
    let rules = ["resourceRules", "nonResourceRules"];
    if rules.iter().all(|it| rule.list(it).is_empty()) {
        report.invalid(rule, "must have `resourceRules` or `nonResourceRules`");
    }
    for one in rules.iter().flat_map(|it| rule.list(it)) {
        verbs(one, report);
    }
    for one in rule.list("resourceRules") {
        if one.list("namespaces").is_empty() && one.boolean("clusterScope") != Some(true) {
            report.required(one, "namespaces");
        }
    }
}

fn verbs<'a>(rule: &'a Node, report: &mut Report<'a>) {
    const VERBS: [&str; 10] = [
        "*",
        "get",
        "list",
        "create",
        "update",
        "delete",
        "deletecollection",
        "patch",
        "watch",
        "proxy",
    ];
    for verb in rule.list("verbs") {
        if !VERBS.contains(&text_of(verb)) {
            report.unsupported(verb, &VERBS);
        }
    }
    for key in [
        "verbs",
        "apiGroups",
        "resources",
        "nonResourceURLs",
        "namespaces",
    ] {
        let items = rule.list(key);
        if items.len() > 1 && items.iter().any(|it| text_of(it) == "*") {
            report.invalid_field(rule, key, "must not have other items beside `*`");
        }
    }
}

pub(super) fn priority_level<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    let name = object.field("metadata").and_then(|it| it.text("name"));
    exactly_one_of(spec, "type", &["Exempt", "Limited"], report);
    let is_exempt = spec.text("type") == Some("Exempt");
    if is_exempt != (name == Some("exempt")) {
        report.invalid_field(
            spec,
            "type",
            "must be `Exempt` for the name `exempt`, and only for it",
        );
    }
    let (other, own) = match is_exempt {
        true => ("limited", "exempt"),
        false => ("exempt", "limited"),
    };
    if spec.field(other).is_some() {
        report.invalid_field(spec, other, "must not be set for this `type`");
    }
    let Some(limits) = spec.field(own) else {
        if !is_exempt {
            required(spec, "limited", report);
        }
        return;
    };
    not_negative(
        limits,
        &["nominalConcurrencyShares", "borrowingLimitPercent"],
        report,
    );
    within(limits, "lendablePercent", 0, 100, report);
    let Some(response) = limits.field("limitResponse") else {
        return;
    };
    exactly_one_of(response, "type", &["Queue", "Reject"], report);
    match (response.text_or_empty("type"), response.field("queuing")) {
        ("Queue", None) => required(response, "queuing", report),
        ("Reject", Some(queuing)) => report.invalid(queuing, "must not be set for `Reject`"),
        _ => {}
    }
}
