//! HorizontalPodAutoscalers.

use super::fields::{self, exactly_one_of, quantity, required_name, spec_of, within};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

pub(super) fn autoscaler<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    // 0 is valid with a metric that needs no pods: from Kubernetes 1.37, or earlier with the feature gate HPAScaleToZero.
    let is_outer = |it: &Node| matches!(it.text("type"), Some("Object" | "External"));
    let least = i64::from(!spec.list("metrics").iter().any(is_outer));
    within(spec, "minReplicas", least, i64::MAX, report);
    let max = spec.integer("maxReplicas").unwrap_or(0);
    if max < 1 {
        report.invalid_field(spec, "maxReplicas", "must be greater than 0");
    } else if spec.integer("minReplicas").is_some_and(|it| it > max) {
        report.invalid_field(spec, "maxReplicas", "must not be less than `minReplicas`");
    }
    if let Some(target) = spec.field("scaleTargetRef") {
        reference(target, report);
        let version = target.text_or_empty("apiVersion");
        if version.matches('/').count() > 1 {
            report.invalid_field(target, "apiVersion", "must be `group/version`");
        } else if !version.contains('/') {
            report.invalid_field(target, "apiVersion", "must have a group, as in `apps/v1`");
        }
    }
    // `autoscaling/v1` only supports CPU utilization.
    within(spec, "targetCPUUtilizationPercentage", 1, i64::MAX, report);
    for metric in spec.list("metrics") {
        validate_metric(metric, report);
    }
    if let Some(behavior) = spec.field("behavior") {
        for key in ["scaleUp", "scaleDown"] {
            if let Some(rules) = behavior.field(key) {
                scaling_rules(rules, report);
            }
        }
    }
}

/// A reference to the scaled or measured object.
fn reference<'a>(reference: &'a Node, report: &mut Report<'a>) {
    for key in ["kind", "name"] {
        required_name(reference, key, names::path_segment, report);
    }
}

fn scaling_rules<'a>(rules: &'a Node, report: &mut Report<'a>) {
    within(rules, "stabilizationWindowSeconds", 0, 3600, report);
    exactly_one_of(rules, "selectPolicy", &["Max", "Min", "Disabled"], report);
    if rules.field("policies").is_some() && rules.list("policies").is_empty() {
        report.invalid_field(rules, "policies", "must have at least one policy");
    }
    for policy in rules.list("policies") {
        exactly_one_of(policy, "type", &["Pods", "Percent"], report);
        within(policy, "value", 1, i64::MAX, report);
        within(policy, "periodSeconds", 1, 1800, report);
    }
    if quantity(rules, "tolerance").is_some_and(|it| it.is_negative()) {
        report.invalid_field(rules, "tolerance", "must not be negative");
    }
}

/// Types of metrics and their fields.
const METRICS: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

fn validate_metric<'a>(metric: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(metric, "type", &METRICS.map(|it| it.0), report);
    let kind = metric.text_or_empty("type");
    let Some((_, expected)) = METRICS.iter().find(|it| it.0 == kind) else {
        return;
    };
    if metric.field(expected).is_none() {
        report.required(metric, expected);
    }
    for (_, key) in METRICS {
        let Some(source) = metric.field(key) else {
            continue;
        };
        match key == *expected {
            true => validate_source(key, source, report),
            false => report.invalid(source, format!("must not be set when `type` is `{kind}`")),
        }
    }
}

fn validate_source<'a>(kind: &str, source: &'a Node, report: &mut Report<'a>) {
    let Some(target) = source.field("target") else {
        return fields::required(source, "target", report);
    };
    validate_target(target, report);
    let has = |key: &str| target.field(key).is_some();
    match kind {
        "resource" | "containerResource" => {
            if kind == "containerResource" {
                required_name(source, "name", super::resources::container_name, report);
                required_name(source, "container", names::dns_label, report);
            } else if source.text_or_empty("name").is_empty() {
                fields::required(source, "name", report);
            }
            if has("averageUtilization") == has("averageValue") {
                report.invalid(
                    target,
                    "must have exactly one of `averageUtilization` and `averageValue`",
                );
            }
        }
        "pods" if !has("averageValue") => {
            report.required(target, "averageValue");
        }
        "external" if has("value") == has("averageValue") => {
            report.invalid(
                target,
                "must have exactly one of `value` and `averageValue`",
            );
        }
        "object" if !has("value") && !has("averageValue") => {
            report.invalid(target, "must have `value` or `averageValue`");
        }
        _ => {}
    }
    if matches!(kind, "pods" | "external" | "object") {
        match source.field("metric") {
            Some(metric) => required_name(metric, "name", names::path_segment, report),
            None => fields::required(source, "metric", report),
        }
    }
    if let Some(object) = source.field("describedObject").filter(|_| kind == "object") {
        reference(object, report);
        if object.text_or_empty("apiVersion").matches('/').count() > 1 {
            report.invalid_field(object, "apiVersion", "must be `group/version`");
        }
    }
}

fn validate_target<'a>(target: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(
        target,
        "type",
        &["Utilization", "Value", "AverageValue"],
        report,
    );
    for key in ["value", "averageValue"] {
        if quantity(target, key).is_some_and(|it| it.sign() != 1) {
            report.invalid_field(target, key, "must be greater than 0");
        }
    }
    within(target, "averageUtilization", 1, i64::MAX, report);
}
