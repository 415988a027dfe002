//! Deployments, StatefulSets, DaemonSets, ReplicaSets and pods.

use super::fields::{
    at_most_all, count, count_or_percent, exactly_one_of, name, not_negative, one_of, required,
    spec_of,
};
use super::{pod, pod_resources, selector, storage};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::{Entry, Node};

pub(super) fn deployment<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    not_negative(
        spec,
        &["replicas", "minReadySeconds", "revisionHistoryLimit"],
        report,
    );
    selected(spec, report);
    always_restarted(spec, report);
    if let Some(template) = spec.field("template") {
        pod::template(template, [], false, report);
    }
    deployment_strategy(spec, report);
    let Some(deadline) = spec.integer("progressDeadlineSeconds") else {
        return;
    };
    if deadline < 0 {
        report.invalid_field(spec, "progressDeadlineSeconds", "must not be negative");
    } else if deadline <= spec.integer("minReadySeconds").unwrap_or(0) {
        report.invalid_field(
            spec,
            "progressDeadlineSeconds",
            "must be greater than `minReadySeconds`",
        );
    }
}

fn deployment_strategy<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(strategy) = spec.field("strategy") else {
        return;
    };
    one_of(strategy, "type", &["Recreate", "RollingUpdate"], report);
    let Some(rolling) = strategy.field("rollingUpdate") else {
        return;
    };
    if strategy.text("type") == Some("Recreate") {
        return report.invalid(rolling, "must not be set when `type` is `Recreate`");
    }
    for key in ["maxUnavailable", "maxSurge"] {
        count_or_percent(rolling, key, report);
    }
    at_most_all(rolling, "maxUnavailable", report);
    let none = |key| count(Some(rolling), key, 1) == 0;
    if none("maxUnavailable") && none("maxSurge") {
        report.invalid_field(
            rolling,
            "maxUnavailable",
            "must not be 0 when `maxSurge` is 0",
        );
    }
}

pub(super) fn replica_set<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    not_negative(spec, &["replicas", "minReadySeconds"], report);
    selected(spec, report);
    always_restarted(spec, report);
    match spec.field("template") {
        Some(template) => pod::template(template, [], false, report),
        None => required(spec, "template", report),
    }
}

pub(super) fn replication_controller<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    not_negative(spec, &["replicas", "minReadySeconds"], report);
    let Some(template) = spec.field("template") else {
        return required(spec, "template", report);
    };
    always_restarted(spec, report);
    pod::template(template, [], false, report);
    let about = template.field("metadata");
    let labels = about.map_or(&[][..], |it| it.map("labels"));
    let selector = spec.map("selector");
    // The default is the labels of the template.
    if selector.is_empty() && labels.is_empty() {
        required(spec, "selector", report);
    }
    let has = |it: &Entry| {
        let value = labels
            .iter()
            .find(|label| label.key.as_str() == it.key.as_str());
        value.is_some_and(|label| label.value.as_str() == it.value.as_str())
    };
    if !selector.iter().all(has) {
        let at = about.unwrap_or(template);
        report.invalid_field(
            at,
            "labels",
            "must have the labels that the selector requires",
        );
    }
}

pub(super) fn daemon_set<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    not_negative(spec, &["minReadySeconds", "revisionHistoryLimit"], report);
    selected(spec, report);
    always_restarted(spec, report);
    if let Some(template) = spec.field("template") {
        pod::template(template, [], false, report);
    }
    let Some(strategy) = spec.field("updateStrategy") else {
        return;
    };
    one_of(strategy, "type", &["RollingUpdate", "OnDelete"], report);
    let Some(rolling) = strategy
        .field("rollingUpdate")
        .filter(|_| strategy.text("type") != Some("OnDelete"))
    else {
        return;
    };
    for key in ["maxUnavailable", "maxSurge"] {
        count_or_percent(rolling, key, report);
        at_most_all(rolling, key, report);
    }
    // The default of `maxUnavailable` is 1.
    match (
        count(Some(rolling), "maxUnavailable", 1),
        count(Some(rolling), "maxSurge", 0),
    ) {
        (0, 0) => report.invalid_field(
            rolling,
            "maxUnavailable",
            "must not be 0 when `maxSurge` is 0",
        ),
        (0, _) | (_, 0) => {}
        _ => report.invalid_field(
            rolling,
            "maxSurge",
            "must not be set unless `maxUnavailable` is 0",
        ),
    }
}

pub(super) fn stateful_set<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    one_of(
        spec,
        "podManagementPolicy",
        &["OrderedReady", "Parallel"],
        report,
    );
    not_negative(spec, &["replicas", "minReadySeconds"], report);
    if let Some(ordinals) = spec.field("ordinals") {
        not_negative(ordinals, &["start"], report);
    }
    if let Some(policy) = spec.field("persistentVolumeClaimRetentionPolicy") {
        for key in ["whenDeleted", "whenScaled"] {
            one_of(policy, key, &["Retain", "Delete"], report);
        }
    }
    if report.is_since(33) {
        name(spec, "serviceName", names::dns_label, report);
    }
    selected(spec, report);
    always_restarted(spec, report);
    let claims = spec.list("volumeClaimTemplates");
    for claim in claims {
        match claim.field("spec") {
            Some(inner) => storage::claim_spec(inner, claim, report),
            None => report.required(claim, "spec"),
        }
    }
    if let Some(template) = spec.field("template") {
        let named = claims
            .iter()
            .filter_map(|it| it.field("metadata")?.text("name"));
        pod::template(template, named, true, report);
    }
    stateful_strategy(spec, report);
}

fn stateful_strategy<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(strategy) = spec.field("updateStrategy") else {
        return;
    };
    one_of(strategy, "type", &["RollingUpdate", "OnDelete"], report);
    let Some(rolling) = strategy.field("rollingUpdate") else {
        return;
    };
    if strategy.text("type") == Some("OnDelete") {
        return report.invalid(rolling, "must not be set when `type` is `OnDelete`");
    }
    not_negative(rolling, &["partition"], report);
}

pub(super) fn single_pod<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    pod::validate(spec, [], false, report);
    pod_resources::compare(spec, true, report);
    if !spec.list("ephemeralContainers").is_empty() {
        report.invalid_field(
            spec,
            "ephemeralContainers",
            "must not be set when a pod is created",
        );
    }
    if !spec.text_or_empty("nodeName").is_empty() && !spec.list("schedulingGates").is_empty() {
        report.invalid_field(spec, "nodeName", "must not be set with `schedulingGates`");
    }
    for list in ["containers", "initContainers"] {
        for container in spec.list(list) {
            let image = container.text_or_empty("image");
            if image.trim() != image {
                report.invalid_field(container, "image", "must not have blanks at both ends");
            }
        }
    }
}

pub(super) fn pod_template<'a>(object: &'a Node, report: &mut Report<'a>) {
    match object.field("template") {
        Some(template) => pod::template(template, [], false, report),
        None => required(object, "template", report),
    }
}

/// Checks that the selector is not empty and selects the pods of the template.
fn selected<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(selector) = spec.field("selector") else {
        return required(spec, "selector", report);
    };
    selector::validate(selector, report);
    if selector::is_empty(selector) {
        report.invalid(selector, "must not be empty");
    }
    let Some(template) = spec.field("template") else {
        return required(spec, "template", report);
    };
    let about = template.field("metadata");
    let labels = about.map_or(&[][..], |it| it.map("labels"));
    if !selector::matches(selector, labels) {
        let at = about.unwrap_or(template);
        report.invalid_field(
            at,
            "labels",
            "must have the labels that the selector requires",
        );
    }
}

fn always_restarted<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(pod) = spec.field("template").and_then(|it| it.field("spec")) else {
        return;
    };
    if !pod.text_or_empty("restartPolicy").is_empty() {
        exactly_one_of(pod, "restartPolicy", &["Always"], report);
    }
    if pod.field("activeDeadlineSeconds").is_some() {
        report.invalid_field(
            pod,
            "activeDeadlineSeconds",
            "must not be set with `restartPolicy: Always`",
        );
    }
}
