//! Roles and their bindings.

use super::fields::{exactly_one_of, required, required_name};
use super::selector;
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role<'a>(object: &'a Node, report: &mut Report<'a>) {
    for rule in object.list("rules") {
        policy_rule(rule, true, report);
    }
}

pub(super) fn cluster_role<'a>(object: &'a Node, report: &mut Report<'a>) {
    for rule in object.list("rules") {
        policy_rule(rule, false, report);
    }
    let Some(aggregation) = object.field("aggregationRule") else {
        return;
    };
    let selectors = aggregation.list("clusterRoleSelectors");
    if selectors.is_empty() {
        report.required(aggregation, "clusterRoleSelectors");
    }
    for selector in selectors {
        selector::validate(selector, report);
    }
}

fn policy_rule<'a>(rule: &'a Node, is_namespaced: bool, report: &mut Report<'a>) {
    if rule.list("verbs").is_empty() {
        required(rule, "verbs", report);
    }
    let resources = ["apiGroups", "resources", "resourceNames"];
    if rule.list("nonResourceURLs").is_empty() {
        for key in ["apiGroups", "resources"] {
            if rule.list(key).is_empty() {
                report.required(rule, key);
            }
        }
    } else if is_namespaced {
        report.invalid_field(
            rule,
            "nonResourceURLs",
            "must not be set in a Role: use a ClusterRole",
        );
    } else if resources.iter().any(|it| !rule.list(it).is_empty()) {
        report.invalid_field(
            rule,
            "nonResourceURLs",
            "must not be set together with resources",
        );
    }
}

pub(super) fn role_binding<'a>(object: &'a Node, report: &mut Report<'a>) {
    binding(object, &["Role", "ClusterRole"], true, report);
}

pub(super) fn cluster_role_binding<'a>(object: &'a Node, report: &mut Report<'a>) {
    binding(object, &["ClusterRole"], false, report);
}

fn binding<'a>(object: &'a Node, kinds: &[&str], is_namespaced: bool, report: &mut Report<'a>) {
    if let Some(role) = object.field("roleRef") {
        exactly_one_of(role, "apiGroup", &[GROUP, ""], report);
        exactly_one_of(role, "kind", kinds, report);
        required_name(role, "name", names::path_segment, report);
    }
    for subject in object.list("subjects") {
        validate_subject(subject, is_namespaced, report);
    }
}

fn validate_subject<'a>(subject: &'a Node, is_namespaced: bool, report: &mut Report<'a>) {
    if subject.text_or_empty("name").is_empty() {
        required(subject, "name", report);
    }
    match subject.text_or_empty("kind") {
        "ServiceAccount" => {
            required_name(subject, "name", names::dns_subdomain, report);
            exactly_one_of(subject, "apiGroup", &[""], report);
            if !is_namespaced && subject.text_or_empty("namespace").is_empty() {
                report.required(subject, "namespace");
            }
        }
        "User" | "Group" => exactly_one_of(subject, "apiGroup", &[GROUP, ""], report),
        _ => exactly_one_of(
            subject,
            "kind",
            &["ServiceAccount", "User", "Group"],
            report,
        ),
    }
}
