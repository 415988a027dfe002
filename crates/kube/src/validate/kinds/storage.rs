//! PersistentVolumeClaims and StorageClasses.

use std::collections::BTreeSet;

use super::fields::{self, exactly_one_of, one_of, quantity_of, required, required_name, text_of};
use super::selector;
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::{Entry, Node};

const MODES: [&str; 4] = [
    "ReadWriteOnce",
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOncePod",
];

pub(super) fn claim<'a>(object: &'a Node, report: &mut Report<'a>) {
    if let Some(spec) = fields::spec_of(object, report) {
        claim_spec(spec, object, report);
    }
}

/// Validates the spec of a claim.
pub(super) fn claim_spec<'a>(spec: &'a Node, _holder: &'a Node, report: &mut Report<'a>) {
    let modes = spec.list("accessModes");
    if modes.is_empty() {
        report.required(spec, "accessModes");
    }
    for mode in modes {
        if !MODES.contains(&text_of(mode)) {
            report.unsupported(mode, &MODES);
        }
    }
    let is_single = |it: &Node| text_of(it) == "ReadWriteOncePod";
    if modes.iter().any(is_single) && !modes.iter().all(is_single) {
        report.invalid_field(
            spec,
            "accessModes",
            "must not have `ReadWriteOncePod` together with other modes",
        );
    }
    selector::field(spec, "selector", report);
    claim_size(spec, report);
    for key in ["storageClassName", "volumeAttributesClassName"] {
        fields::name(spec, key, names::dns_subdomain, report);
    }
    exactly_one_of(spec, "volumeMode", &["Filesystem", "Block"], report);
    data_source(spec, report);
}

fn claim_size<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(resources) = spec.field("resources") else {
        return report.required(spec, "resources");
    };
    let requests = resources.map("requests");
    let Some(Entry { value, .. }) = requests
        .iter()
        .find(|it| it.key.as_str() == Some("storage"))
    else {
        let at = resources.field("requests").unwrap_or(resources);
        return report.required(at, "storage");
    };
    if quantity_of(value).is_some_and(|it| it.sign() != 1) {
        report.invalid(value, "must be greater than 0");
    }
}

fn data_source<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let (source, reference) = (spec.field("dataSource"), spec.field("dataSourceRef"));
    let has_namespace = reference.is_some_and(|it| !it.text_or_empty("namespace").is_empty());
    let is_volume_group = |it: &Node| it.text_or_empty("apiGroup").is_empty();
    // The server drops other sources, but not references.
    let kept = source.filter(|it| match it.text_or_empty("kind") {
        "PersistentVolumeClaim" => is_volume_group(it),
        "VolumeSnapshot" => it.text("apiGroup") == Some("snapshot.storage.k8s.io"),
        _ => false,
    });
    for node in kept.into_iter().chain(reference) {
        for key in ["kind", "name"] {
            if node.text_or_empty(key).is_empty() {
                required(node, key, report);
            }
        }
        if is_volume_group(node) && node.text("kind") != Some("PersistentVolumeClaim") {
            report.invalid_field(
                node,
                "kind",
                "must be `PersistentVolumeClaim` without an `apiGroup`",
            );
        }
    }
    if let (Some(source), Some(reference)) = (kept, reference) {
        let differs = ["apiGroup", "kind", "name"]
            .iter()
            .any(|key| source.text_or_empty(key) != reference.text_or_empty(key));
        if has_namespace {
            report.invalid(
                source,
                "must not be set when `dataSourceRef` has a namespace",
            );
        } else if differs {
            report.invalid(source, "must be the same as `dataSourceRef`");
        }
    }
    if let Some(reference) = reference {
        fields::name(reference, "namespace", names::dns_label, report);
    }
}

/// The name of a CSI driver: a DNS name of at most 63 characters, possibly with capitals.
pub(super) fn csi_driver_name<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    let name = node.text_or_empty(key).to_lowercase();
    if !name.is_empty() && (name.len() > 63 || names::dns_subdomain(&name).is_some()) {
        report.invalid_field(node, key, "must be a DNS name of at most 63 characters");
    }
}

pub(super) fn storage_class<'a>(object: &'a Node, report: &mut Report<'a>) {
    required_name(object, "provisioner", provisioner, report);
    let parameters = object.map("parameters");
    let size: usize = parameters
        .iter()
        .map(|it| it.key.as_str().unwrap_or("").len() + text_of(&it.value).len())
        .sum();
    if parameters.len() > 512 || size > 256 * 1024 {
        report.invalid_field(
            object,
            "parameters",
            "must have at most 512 entries with 256 KiB in total",
        );
    }
    for entry in parameters.iter().filter(|it| it.key.as_str() == Some("")) {
        report.invalid(&entry.key, "must not be empty");
    }
    one_of(object, "reclaimPolicy", &["Delete", "Retain"], report);
    exactly_one_of(
        object,
        "volumeBindingMode",
        &["Immediate", "WaitForFirstConsumer"],
        report,
    );
    topologies(object, report);
}

fn provisioner(text: &str) -> Option<&'static str> {
    names::qualified_name(&text.to_lowercase())
}

fn topologies<'a>(object: &'a Node, report: &mut Report<'a>) {
    let mut terms: BTreeSet<String> = BTreeSet::new();
    for term in object.list("allowedTopologies") {
        let mut keys = BTreeSet::new();
        let mut identity = Vec::new();
        for requirement in term.list("matchLabelExpressions") {
            selector::key(requirement, report);
            let key = requirement.text_or_empty("key");
            if !keys.insert(key) {
                report.invalid_field(requirement, "key", "must be unique in a term");
            }
            let values = requirement.list("values");
            if values.is_empty() {
                required(requirement, "values", report);
            }
            let mut seen = BTreeSet::new();
            for value in values {
                if !seen.insert(text_of(value)) {
                    report.duplicate(value);
                }
            }
            identity.push((key, seen));
        }
        identity.sort();
        if identity.is_empty() {
            report.invalid_field(term, "matchLabelExpressions", "must have a requirement");
        } else if !terms.insert(format!("{identity:?}")) {
            report.duplicate(term);
        }
    }
}
