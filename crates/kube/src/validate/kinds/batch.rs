//! Jobs and CronJobs.

use std::collections::BTreeSet;

use super::fields::{exactly_one_of, name, not_negative, one_of, required, set, spec_of, text_of};
use super::{cron, pod, selector};
use crate::validate::fault::{Help, Report};
use crate::validate::json::{Fields, integer};
use crate::validate::names;
use pleach_yaml::Node;

pub(super) fn job<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    job_spec(spec, report);
    if spec.boolean("manualSelector") == Some(true) {
        match spec.field("selector") {
            None => required(spec, "selector", report),
            Some(selector) => {
                selector::validate(selector, report);
                let template = spec.field("template").and_then(|it| it.field("metadata"));
                let labels = template.map_or(&[][..], |it| it.map("labels"));
                if !selector::matches(selector, labels) {
                    report.invalid(selector, "must select the pods of the template");
                }
            }
        }
    } else if let Some(selector) = spec.field("selector") {
        // The server generates the selector from the UID of the object.
        report.invalid(selector, "must not be set unless `manualSelector` is true");
    }
    indexed_name(object, spec, report);
}

/// The names of pods of an indexed Job consist of its name and their index.
fn indexed_name<'a>(object: &'a Node, spec: &Node, report: &mut Report<'a>) {
    let completions = spec.integer("completions").unwrap_or(0);
    if spec.text("completionMode") != Some("Indexed") || completions < 1 {
        return;
    }
    let Some(metadata) = object.field("metadata") else {
        return;
    };
    let pod = format!("{}-{}", metadata.text_or_empty("name"), completions - 1);
    if names::dns_label(&pod).is_some() && metadata.field("name").is_some() {
        report.invalid_field(
            metadata,
            "name",
            "must be short enough for names of pods with an index (63 characters)",
        );
    }
}

pub(super) fn cron_job<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = spec_of(object, report) else {
        return;
    };
    if let Some(metadata) = object.field("metadata")
        && metadata.text_or_empty("name").len() > 52
    {
        report.invalid_field(
            metadata,
            "name",
            "must be at most 52 characters, because names of Jobs have 11 more",
        );
    }
    if let Some(message) = cron::schedule(spec.text_or_empty("schedule")) {
        report.invalid_field(spec, "schedule", message);
    }
    if let Some(zone) = spec.field("timeZone")
        && let Some(message) = cron::time_zone(text_of(zone))
    {
        report.invalid(zone, message);
        report.help(near_zone(zone));
    }
    one_of(
        spec,
        "concurrencyPolicy",
        &["Allow", "Forbid", "Replace"],
        report,
    );
    let counts = [
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ];
    not_negative(spec, &counts, report);
    let Some(job) = spec.field("jobTemplate").and_then(|it| it.field("spec")) else {
        return match spec.field("jobTemplate") {
            Some(template) => required(template, "spec", report),
            None => required(spec, "jobTemplate", report),
        };
    };
    job_spec(job, report);
    if job.field("selector").is_some() {
        report.invalid_field(
            job,
            "selector",
            "must not be set, because it is generated for each Job",
        );
    }
    if job.boolean("manualSelector") == Some(true) {
        report.invalid_field(job, "manualSelector", "must not be true in a CronJob");
    }
}

fn near_zone(zone: &Node) -> Option<Help> {
    let name = text_of(zone).replace(' ', "_");
    let known = include_str!("zones.txt").lines();
    Help::nearest(&name, known)
}

fn job_spec<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    not_negative(spec, &counts, report);
    if spec.field("maxFailedIndexes").is_some() && spec.field("backoffLimitPerIndex").is_none() {
        report.required(spec, "backoffLimitPerIndex");
    }
    managed_by(spec, report);
    completion_mode(spec, report);
    if let Some(policy) = spec.field("podFailurePolicy") {
        failure_policy(policy, spec, report);
    }
    success_policy(spec, report);
    let replacement: &[&str] = match spec.field("podFailurePolicy") {
        Some(_) => &["Failed"],
        None => &["Failed", "TerminatingOrFailed"],
    };
    exactly_one_of(spec, "podReplacementPolicy", replacement, report);
    let Some(template) = spec.field("template") else {
        return required(spec, "template", report);
    };
    pod::template(template, [], false, report);
    if let Some(pod) = template.field("spec") {
        let allowed: &[&str] = match spec.field("podFailurePolicy") {
            Some(_) => &["Never"],
            None => &["OnFailure", "Never"],
        };
        if pod.text_or_empty("restartPolicy").is_empty() {
            report.required(pod, "restartPolicy");
        } else {
            exactly_one_of(pod, "restartPolicy", allowed, report);
        }
    }
}

fn managed_by<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(value) = spec.field("managedBy") else {
        return;
    };
    let text = text_of(value);
    let holds = text
        .split_once('/')
        .is_some_and(|(domain, path)| names::dns_subdomain(domain).is_none() && !path.is_empty());
    if !holds || text.len() > 63 {
        report.invalid(
            value,
            "must be a domain and a path, at most 63 characters: `example.org/controller`",
        );
    }
}

fn completion_mode<'a>(spec: &'a Node, report: &mut Report<'a>) {
    exactly_one_of(spec, "completionMode", &["NonIndexed", "Indexed"], report);
    if spec.text("completionMode") != Some("Indexed") {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"] {
            if spec.field(key).is_some() {
                report.invalid_field(
                    spec,
                    key,
                    "must not be set unless `completionMode` is `Indexed`",
                );
            }
        }
        return;
    }
    let completions = spec.integer("completions");
    if completions.is_none() {
        report.required(spec, "completions");
    }
    let (parallelism, failed) = (
        spec.integer("parallelism"),
        spec.integer("maxFailedIndexes"),
    );
    let most = completions.unwrap_or(i64::MAX).min(100_000);
    let is_large =
        completions.is_some_and(|it| it > 100_000) && spec.field("backoffLimitPerIndex").is_some();
    let (parallelism_max, failed_max) = if is_large {
        (10_000, 10_000)
    } else {
        (100_000, most)
    };
    if parallelism.is_some_and(|it| it > parallelism_max) {
        report.invalid_field(
            spec,
            "parallelism",
            format!("must be at most {parallelism_max}"),
        );
    }
    if failed.is_some_and(|it| it > failed_max) {
        report.invalid_field(
            spec,
            "maxFailedIndexes",
            format!("must be at most {failed_max}"),
        );
    }
    if is_large && failed.is_none() {
        report.required(spec, "maxFailedIndexes");
    }
}

fn failure_policy<'a>(policy: &'a Node, spec: &'a Node, report: &mut Report<'a>) {
    let pod = spec.field("template").and_then(|it| it.field("spec"));
    let containers = ["containers", "initContainers"];
    let all = containers
        .iter()
        .flat_map(|it| pod.map_or(&[][..], |pod| pod.list(it)));
    let known: BTreeSet<&str> = all.map(|it| it.text_or_empty("name")).collect();
    let rules = policy.list("rules");
    if rules.len() > 20 {
        report.invalid_field(policy, "rules", "must have at most 20 rules");
    }
    for rule in rules {
        exactly_one_of(
            rule,
            "action",
            &["FailJob", "FailIndex", "Ignore", "Count"],
            report,
        );
        if rule.text("action") == Some("FailIndex") && spec.field("backoffLimitPerIndex").is_none()
        {
            report.invalid_field(
                rule,
                "action",
                "must not be `FailIndex` unless `backoffLimitPerIndex` is set",
            );
        }
        let conditions = rule.list("onPodConditions");
        match (rule.field("onExitCodes"), conditions.is_empty()) {
            (Some(codes), true) => exit_codes(codes, &known, report),
            (None, false) => {}
            _ => report.invalid(
                rule,
                "must have exactly one of `onExitCodes` and `onPodConditions`",
            ),
        }
        for condition in conditions {
            name(condition, "type", names::qualified_name, report);
            one_of(condition, "status", &["True", "False", "Unknown"], report);
        }
    }
}

fn exit_codes<'a>(codes: &'a Node, known: &BTreeSet<&str>, report: &mut Report<'a>) {
    exactly_one_of(codes, "operator", &["In", "NotIn"], report);
    if let Some(container) = codes.field("containerName")
        && !known.contains(text_of(container))
    {
        report.invalid(container, "must be the name of one of the pod's containers");
    }
    let values = codes.list("values");
    if values.is_empty() || values.len() > 255 {
        report.invalid_field(codes, "values", "must have 1 to 255 values");
    }
    let mut last = None;
    for value in values {
        let code = integer(value);
        if code == Some(0) && codes.text("operator") == Some("In") {
            report.invalid(value, "must not be 0 for `In`");
        }
        if last.is_some_and(|it| it >= code) {
            report.invalid(value, "must be greater than the previous value");
        }
        last = Some(code);
    }
}

fn success_policy<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(policy) = spec.field("successPolicy") else {
        return;
    };
    let completions = spec.integer("completions").unwrap_or(0);
    let rules = policy.list("rules");
    if rules.is_empty() || rules.len() > 20 {
        report.invalid_field(policy, "rules", "must have 1 to 20 rules");
    }
    for rule in rules {
        if set(rule, &["succeededCount", "succeededIndexes"]).is_empty() {
            report.invalid(rule, "must have `succeededCount` or `succeededIndexes`");
        }
        let indexes = rule.field("succeededIndexes");
        let total = indexes.map(|it| indexes_in(text_of(it), completions));
        if let (Some(indexes), Some(None)) = (indexes, total) {
            report.invalid(
                indexes,
                "must be increasing numbers and ranges below `completions`, such as `0,2-5`",
            );
        }
        let most = total.flatten().unwrap_or(completions).min(completions);
        if rule
            .integer("succeededCount")
            .is_some_and(|it| !(0..=most).contains(&it))
        {
            report.invalid_field(rule, "succeededCount", format!("must be from 0 to {most}"));
        }
    }
}

/// The number of indexes in `0,2-5`; `None` if it is invalid.
fn indexes_in(text: &str, completions: i64) -> Option<i64> {
    let (mut total, mut last) = (0i64, -1i64);
    if text.is_empty() {
        return Some(0);
    }
    for part in text.split(',') {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high): (i64, i64) = (low.parse().ok()?, high.parse().ok()?);
        let is_range = part.contains('-');
        if low <= last || high >= completions || low > high || is_range && low == high {
            return None;
        }
        total += high - low + 1;
        last = high;
    }
    Some(total)
}
