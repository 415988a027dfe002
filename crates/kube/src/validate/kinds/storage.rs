//! PersistentVolumes, their claims and classes, and CSI drivers.

use std::collections::BTreeSet;

use super::fields::{self, exactly_one_of, one_of, quantity_of, required, required_name, text_of};
use super::volume::PERSISTENT_SOURCES;
use super::{scheduling, selector};
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

pub(super) fn volume<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = fields::spec_of(object, report) else {
        return;
    };
    access_modes(spec, report);
    capacity(spec, report);
    let policies = ["Delete", "Recycle", "Retain"];
    one_of(spec, "persistentVolumeReclaimPolicy", &policies, report);
    if let Some(affinity) = spec.field("nodeAffinity") {
        match affinity.field("required") {
            Some(terms) => scheduling::node_selector(terms, report),
            None => required(affinity, "required", report),
        }
    }
    volume_source(spec, report);
    for key in ["storageClassName", "volumeAttributesClassName"] {
        fields::name(spec, key, names::dns_subdomain, report);
    }
    exactly_one_of(spec, "volumeMode", &["Filesystem", "Block"], report);
}

fn capacity<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let Some(capacity) = spec.field("capacity") else {
        return required(spec, "capacity", report);
    };
    let amounts = spec.map("capacity");
    if amounts.len() != 1 || capacity.field("storage").is_none() {
        return report.invalid(capacity, "must have `storage`, and nothing else");
    }
    for Entry { value, .. } in amounts {
        if quantity_of(value).is_some_and(|it| it.sign() != 1) {
            report.invalid(value, "must be greater than 0");
        }
    }
}

/// A PersistentVolume has exactly one source.
fn volume_source<'a>(spec: &'a Node, report: &mut Report<'a>) {
    let sources = fields::set(spec, &PERSISTENT_SOURCES);
    let Some((first, others)) = sources.split_first() else {
        return report.invalid(
            spec,
            "must have the source of the volume, such as `csi` or `nfs`",
        );
    };
    for other in others {
        report.invalid_field(
            spec,
            other,
            "must not be set together with another source of the volume",
        );
    }
    let Some(source) = spec.field(first) else {
        return;
    };
    match *first {
        "csi" => {
            required_name(source, "driver", driver_name, report);
            if source.text_or_empty("volumeHandle").is_empty() {
                required(source, "volumeHandle", report);
            }
        }
        "local" => {
            if source.text_or_empty("path").is_empty() {
                required(source, "path", report);
            }
            fields::no_steps_back(source, "path", report);
            if spec.field("nodeAffinity").is_none() {
                required(spec, "nodeAffinity", report);
            }
        }
        "hostPath" | "nfs" | "iscsi" | "gcePersistentDisk" | "awsElasticBlockStore" => {
            super::volume::validate_source(first, source, report);
        }
        _ => {}
    }
    if *first == "hostPath"
        && spec.text("persistentVolumeReclaimPolicy") == Some("Recycle")
        && source
            .text_or_empty("path")
            .split('/')
            .all(|it| matches!(it, "" | "."))
    {
        report.invalid_field(
            spec,
            "persistentVolumeReclaimPolicy",
            "must not be `Recycle` for the root folder",
        );
    }
}

/// Validates the spec of a claim.
pub(super) fn claim_spec<'a>(spec: &'a Node, _holder: &'a Node, report: &mut Report<'a>) {
    access_modes(spec, report);
    selector::field(spec, "selector", report);
    claim_size(spec, report);
    for key in ["storageClassName", "volumeAttributesClassName"] {
        fields::name(spec, key, names::dns_subdomain, report);
    }
    exactly_one_of(spec, "volumeMode", &["Filesystem", "Block"], report);
    data_source(spec, report);
}

fn access_modes<'a>(spec: &'a Node, report: &mut Report<'a>) {
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
pub(super) fn driver_name(text: &str) -> Option<&'static str> {
    const WORDS: &str = "must be a DNS name of at most 63 characters";
    let is_name = text.len() <= 63 && names::dns_subdomain(&text.to_lowercase()).is_none();
    (!is_name).then_some(WORDS)
}

pub(super) fn csi_driver<'a>(object: &'a Node, report: &mut Report<'a>) {
    let Some(spec) = fields::spec_of(object, report) else {
        return;
    };
    let policies = ["ReadWriteOnceWithFSType", "File", "None"];
    exactly_one_of(spec, "fsGroupPolicy", &policies, report);
    let modes = ["Persistent", "Ephemeral"];
    for mode in spec.list("volumeLifecycleModes") {
        if !modes.contains(&text_of(mode)) {
            report.unsupported(mode, &modes);
        }
    }
    let mut seen = BTreeSet::new();
    for token in spec.list("tokenRequests") {
        if !seen.insert(token.text_or_empty("audience")) {
            report.duplicate(token);
        }
        fields::within(token, "expirationSeconds", 600, 1 << 32, report);
    }
}

pub(super) fn attributes_class<'a>(object: &'a Node, report: &mut Report<'a>) {
    required_name(object, "driverName", provisioner, report);
    if object.map("parameters").is_empty() {
        required(object, "parameters", report);
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
