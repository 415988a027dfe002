//! Volumes of pods, and templates of claims.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::{
    self, exactly_one_of, no_steps_back, quantity, relative_path, required, within,
};
use super::{pod_fields, storage};
use crate::validate::fault::{Help, Report};
use crate::validate::json::Fields;
use crate::validate::names;
use pleach_yaml::Node;

/// The sources of a volume: fields.
const SOURCES: [&str; 30] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "portworxVolume",
    "scaleIO",
    "projected",
    "storageos",
    "photonPersistentDisk",
    "flocker",
    "csi",
    "ephemeral",
    "image",
];

/// The sources of a PersistentVolume: fields.
pub(super) const PERSISTENT_SOURCES: [&str; 22] = [
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "hostPath",
    "glusterfs",
    "nfs",
    "rbd",
    "iscsi",
    "cinder",
    "cephfs",
    "fc",
    "flocker",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

/// The volumes of a pod by name.
pub(super) type Volumes<'a> = BTreeMap<&'a str, Volume>;

#[derive(Clone, Copy, Default)]
pub(super) struct Volume {
    pub(super) is_claim: bool,
    pub(super) is_empty_dir: bool,
}

pub(super) fn validate<'a>(pod: &'a Node, report: &mut Report<'a>) -> Volumes<'a> {
    let mut volumes = Volumes::new();
    for volume in pod.list("volumes") {
        let name = volume.text_or_empty("name");
        fields::required_name(volume, "name", names::dns_label, report);
        let about = Volume {
            is_claim: !fields::set(volume, &["persistentVolumeClaim", "ephemeral"]).is_empty(),
            is_empty_dir: volume.field("emptyDir").is_some(),
        };
        if !name.is_empty() && volumes.insert(name, about).is_some() {
            report.duplicate(volume);
        }
        let sources = fields::set(volume, &SOURCES);
        match sources.as_slice() {
            [] => {} // The default is an `emptyDir`.
            [only] => {
                if let Some(source) = volume.field(only) {
                    validate_source(only, source, report);
                }
            }
            [_, others @ ..] => {
                for other in others {
                    report.invalid_field(
                        volume,
                        other,
                        "must not be set together with another source of the volume",
                    );
                }
            }
        }
    }
    volumes
}

fn claim_template<'a>(template: &'a Node, report: &mut Report<'a>) {
    if let Some(metadata) = template.field("metadata") {
        template_metadata(metadata, report);
    }
    match template.field("spec") {
        Some(spec) => storage::claim_spec(spec, template, report),
        None => required(template, "spec", report),
    }
}

pub(super) fn validate_source<'a>(kind: &str, source: &'a Node, report: &mut Report<'a>) {
    match kind {
        "emptyDir" if quantity(source, "sizeLimit").is_some_and(|it| it.is_negative()) => {
            report.invalid_field(source, "sizeLimit", "must not be negative");
        }
        "hostPath" => host_path(source, report),
        "secret" => {
            needed(source, "secretName", report);
            files(source, report);
        }
        "configMap" => {
            needed(source, "name", report);
            files(source, report);
        }
        "downwardAPI" => {
            mode(source, "defaultMode", report);
            for item in source.list("items") {
                downward_file(item, report);
            }
        }
        "projected" => projected(source, report),
        "nfs" => {
            needed(source, "server", report);
            if !source.text_or_empty("path").starts_with('/') {
                report.invalid_field(source, "path", "must be an absolute path");
            }
        }
        "csi" => {
            needed(source, "driver", report);
            fields::name(source, "driver", storage::driver_name, report);
            if let Some(secret) = source.field("nodePublishSecretRef") {
                needed(secret, "name", report);
            }
        }
        "ephemeral" => match source.field("volumeClaimTemplate") {
            None => required(source, "volumeClaimTemplate", report),
            Some(template) => claim_template(template, report),
        },
        "image" => {
            needed(source, "reference", report);
            fields::one_of(
                source,
                "pullPolicy",
                &["Always", "IfNotPresent", "Never"],
                report,
            );
        }
        "persistentVolumeClaim" => needed(source, "claimName", report),
        "iscsi" => {
            for key in ["targetPortal", "iqn"] {
                needed(source, key, report);
            }
            within(source, "lun", 0, 255, report);
        }
        "gcePersistentDisk" | "awsElasticBlockStore" => within(source, "partition", 0, 255, report),
        "azureDisk" => {
            exactly_one_of(
                source,
                "cachingMode",
                &["None", "ReadOnly", "ReadWrite"],
                report,
            );
            exactly_one_of(source, "kind", &["Dedicated", "Managed", "Shared"], report);
        }
        _ => {}
    }
}

fn needed<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    if node.text_or_empty(key).is_empty() {
        required(node, key, report);
    }
}

/// The metadata of a claim template can only contain labels and annotations.
fn template_metadata<'a>(metadata: &'a Node, report: &mut Report<'a>) {
    crate::validate::metadata::labels(metadata.map("labels"), report);
    crate::validate::metadata::annotations(metadata, report);
    for key in [
        "name",
        "generateName",
        "namespace",
        "finalizers",
        "ownerReferences",
    ] {
        if metadata
            .field(key)
            .is_some_and(|it| !it.is_empty_collection() && it.as_str() != Some(""))
        {
            report.invalid_field(metadata, key, "must not be set here");
        }
    }
}

fn host_path<'a>(source: &'a Node, report: &mut Report<'a>) {
    const KINDS: [&str; 8] = [
        "",
        "DirectoryOrCreate",
        "Directory",
        "FileOrCreate",
        "File",
        "Socket",
        "CharDevice",
        "BlockDevice",
    ];
    needed(source, "path", report);
    no_steps_back(source, "path", report);
    exactly_one_of(source, "type", &KINDS, report);
}

/// The mode of files, and the selected files.
fn files<'a>(source: &'a Node, report: &mut Report<'a>) {
    mode(source, "defaultMode", report);
    for item in source.list("items") {
        key_to_path(item, report);
    }
}

fn mode<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    if node
        .integer(key)
        .is_some_and(|it| !(0..=0o777).contains(&it))
    {
        report.invalid_field(
            node,
            key,
            "must be a mode from 0 to 0777 (octal) or 511 (decimal)",
        );
    }
}

fn key_to_path<'a>(item: &'a Node, report: &mut Report<'a>) {
    needed(item, "key", report);
    local_path(item, "path", report);
    mode(item, "mode", report);
}

/// A relative path without `..` that does not begin with two dots.
fn local_path<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    needed(node, key, report);
    relative_path(node, key, report);
    let path = node.text_or_empty(key);
    if path.starts_with("..") && !path.starts_with("../") && path != ".." {
        report.invalid_field(node, key, "must not begin with `..`");
    }
}

fn downward_file<'a>(item: &'a Node, report: &mut Report<'a>) {
    const FIELDS: [&str; 5] = [
        "metadata.name",
        "metadata.namespace",
        "metadata.labels",
        "metadata.annotations",
        "metadata.uid",
    ];
    local_path(item, "path", report);
    match (item.field("fieldRef"), item.field("resourceFieldRef")) {
        (Some(field), other) => {
            pod_fields::object_field(field, &FIELDS, report);
            if other.is_some() {
                report.invalid_field(
                    item,
                    "resourceFieldRef",
                    "must not be set together with `fieldRef`",
                );
            }
        }
        (None, Some(resource)) => pod_fields::resource_field(resource, true, report),
        (None, None) => report.invalid(item, "must have `fieldRef` or `resourceFieldRef`"),
    }
    mode(item, "mode", report);
}

fn projected<'a>(source: &'a Node, report: &mut Report<'a>) {
    const KINDS: [&str; 6] = [
        "secret",
        "configMap",
        "downwardAPI",
        "serviceAccountToken",
        "clusterTrustBundle",
        "podCertificate",
    ];
    mode(source, "defaultMode", report);
    let mut paths = BTreeSet::new();
    for part in source.list("sources") {
        let kinds = fields::set(part, &KINDS);
        if kinds.len() > 1 {
            report.invalid(part, "must have only one source");
        }
        for kind in kinds {
            if let Some(inner) = part.field(kind) {
                projected_part(kind, inner, &mut paths, report);
            }
        }
    }
}

fn projected_part<'a>(
    kind: &str,
    part: &'a Node,
    paths: &mut BTreeSet<&'a str>,
    report: &mut Report<'a>,
) {
    let mut add = |node: &'a Node, report: &mut Report<'a>| {
        let path = node.text_or_empty("path");
        if !path.is_empty() && !paths.insert(path) {
            report.invalid_field(node, "path", "must be unique");
        }
    };
    match kind {
        "secret" | "configMap" => {
            needed(part, "name", report);
            for item in part.list("items") {
                key_to_path(item, report);
                add(item, report);
            }
        }
        "downwardAPI" => {
            for item in part.list("items") {
                downward_file(item, report);
                add(item, report);
            }
        }
        "serviceAccountToken" => {
            within(part, "expirationSeconds", 600, 1 << 32, report);
            local_path(part, "path", report);
        }
        "clusterTrustBundle" => {
            match fields::set(part, &["name", "signerName"]).len() {
                0 => report.invalid(part, "must have `name` or `signerName`"),
                1 => {}
                _ => report.invalid(part, "must not have both `name` and `signerName`"),
            }
            if part.field("name").is_some() && part.field("labelSelector").is_some() {
                report.invalid_field(part, "labelSelector", "must not be set with `name`");
            }
            super::selector::field(part, "labelSelector", report);
            local_path(part, "path", report);
            add(part, report);
        }
        _ => {}
    }
}

/// The mounts and devices of a container.
pub(super) fn mounts<'a>(container: &'a Node, volumes: &Volumes<'_>, report: &mut Report<'a>) {
    let devices = container.list("volumeDevices");
    let mut seen = BTreeSet::new();
    for mount in container.list("volumeMounts") {
        let (name, path) = (
            mount.text_or_empty("name"),
            mount.text_or_empty("mountPath"),
        );
        needed(mount, "name", report);
        needed(mount, "mountPath", report);
        if !name.is_empty() && !volumes.contains_key(name) {
            report.invalid_field(
                mount,
                "name",
                "must be the name of one of the pod's volumes",
            );
            report.help(Help::nearest(name, volumes.keys().copied()));
        }
        if !seen.insert(path) {
            report.invalid_field(mount, "mountPath", "must be unique");
        }
        for device in devices {
            if device.text("name") == Some(name) {
                report.invalid_field(mount, "name", "must not also be in `volumeDevices`");
            }
            if device.text("devicePath") == Some(path) {
                report.invalid_field(mount, "mountPath", "must not also be in `volumeDevices`");
            }
        }
        sub_paths(mount, report);
        propagation(mount, container, report);
    }
    block_devices(devices, volumes, report);
}

fn sub_paths<'a>(mount: &'a Node, report: &mut Report<'a>) {
    relative_path(mount, "subPath", report);
    relative_path(mount, "subPathExpr", report);
    let has = |key| !mount.text_or_empty(key).is_empty();
    if has("subPath") && has("subPathExpr") {
        report.invalid_field(
            mount,
            "subPathExpr",
            "must not be set together with `subPath`",
        );
    }
}

fn propagation<'a>(mount: &'a Node, container: &Node, report: &mut Report<'a>) {
    let all = ["None", "HostToContainer", "Bidirectional"];
    exactly_one_of(mount, "mountPropagation", &all, report);
    let mode = mount.text_or_empty("mountPropagation");
    let context = container.field("securityContext");
    let is_privileged = context.and_then(|it| it.boolean("privileged")) == Some(true);
    if mode == "Bidirectional" && !is_privileged {
        report.invalid_field(
            mount,
            "mountPropagation",
            "must not be `Bidirectional` unless the container is privileged",
        );
    }
    let all = ["Disabled", "IfPossible", "Enabled"];
    exactly_one_of(mount, "recursiveReadOnly", &all, report);
    if matches!(
        mount.text_or_empty("recursiveReadOnly"),
        "IfPossible" | "Enabled"
    ) {
        if mount.boolean("readOnly") != Some(true) {
            report.invalid_field(
                mount,
                "recursiveReadOnly",
                "must not be set unless `readOnly` is true",
            );
        }
        if !matches!(mode, "" | "None") {
            report.invalid_field(
                mount,
                "recursiveReadOnly",
                "must not be set with `mountPropagation`",
            );
        }
    }
}

fn block_devices<'a>(devices: &'a [Node], volumes: &Volumes<'_>, report: &mut Report<'a>) {
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for device in devices {
        let (name, path) = (
            device.text_or_empty("name"),
            device.text_or_empty("devicePath"),
        );
        needed(device, "name", report);
        needed(device, "devicePath", report);
        match volumes.get(name) {
            _ if name.is_empty() => {}
            None => report.invalid_field(
                device,
                "name",
                "must be the name of one of the pod's volumes",
            ),
            Some(volume) if !volume.is_claim => {
                report.invalid_field(
                    device,
                    "name",
                    "must be a volume of a PersistentVolumeClaim",
                );
            }
            Some(_) => {}
        }
        if !names.insert(name) {
            report.invalid_field(device, "name", "must be unique");
        }
        if !paths.insert(path) {
            report.invalid_field(device, "devicePath", "must be unique");
        }
        no_steps_back(device, "devicePath", report);
    }
}
