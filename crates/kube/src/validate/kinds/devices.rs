//! Claims of devices (dynamic resource allocation).

use std::collections::BTreeSet;

use super::fields::{exactly_one_of, required, required_name, set, spec_of};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

pub(super) fn claim<'a>(object: &'a Node, report: &mut Report<'a>) {
    if let Some(spec) = spec_of(object, report) {
        claim_spec(spec, object, report);
    }
}

pub(super) fn claim_template<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(template) = spec_of(object, report) else {
        return;
    };
    match template.field("spec") {
        Some(spec) => claim_spec(spec, object, report),
        None => required(template, "spec", report),
    }
}

fn claim_spec<'a>(spec: &'a Node, object: &Node, report: &mut Report<'a>) {
    let Some(devices) = spec.field("devices") else {
        return;
    };
    // Before, a request had the fields of `exactly`.
    let has_alternatives = !matches!(
        object.text_or_empty("apiVersion"),
        "resource.k8s.io/v1alpha3" | "resource.k8s.io/v1beta1"
    );
    let mut seen = BTreeSet::new();
    for request in devices.list("requests") {
        required_name(request, "name", names::dns_label, report);
        if !seen.insert(request.text_or_empty("name")) {
            report.duplicate(request);
        }
        if has_alternatives {
            alternatives(request, report);
        }
    }
}

fn alternatives<'a>(request: &'a Node, report: &mut Report<'a>) {
    if set(request, &["exactly", "firstAvailable"]).len() != 1 {
        report.invalid(
            request,
            "must have exactly one of `exactly` and `firstAvailable`",
        );
    }
    for choice in request.list("firstAvailable") {
        required_name(choice, "name", names::dns_label, report);
    }
    let exactly = request.field("exactly").into_iter();
    for device in exactly.chain(request.list("firstAvailable")) {
        required_name(device, "deviceClassName", names::dns_subdomain, report);
        exactly_one_of(device, "allocationMode", &["ExactCount", "All"], report);
        let count = device.integer("count");
        let is_all = device.text("allocationMode") == Some("All");
        if is_all && count.is_some_and(|it| it != 0) || !is_all && count.is_some_and(|it| it < 0) {
            report.invalid_field(device, "count", "must be positive, and not set for `All`");
        }
    }
}
