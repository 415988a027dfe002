//! Rules about types of volumes.

use std::collections::BTreeSet;

use pleach_yaml::Node;

use super::pod::{Pod, at, items, plural, quoted};
use super::{Violation, violation};

pub(super) fn volumes<'a>(
    pod: &Pod<'a>,
    is_bad: impl Fn(&Node) -> bool,
) -> Vec<(&'a str, &'a Node)> {
    let volumes = items(pod.spec.get("volumes")).filter(|it| is_bad(it));
    volumes
        .map(|it| (it.get("name").and_then(Node::as_str).unwrap_or(""), it))
        .collect()
}

pub(super) fn host_path_volumes(pod: &Pod<'_>) -> Option<Violation> {
    let bad = volumes(pod, |it| at(it, &["hostPath"]).is_some());
    let names = quoted(bad.iter().map(|it| it.0));
    match bad.is_empty() {
        true => None,
        false => violation(
            "hostPath volumes",
            format!("{} {names}", plural("volume", "volumes", bad.len())),
        ),
    }
}

pub(super) fn restricted_volumes(pod: &Pod<'_>) -> Option<Violation> {
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    /// In the order in which the controller checks them.
    const OTHERS: [&str; 21] = [
        "hostPath",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "gitRepo",
        "nfs",
        "iscsi",
        "glusterfs",
        "rbd",
        "flexVolume",
        "cinder",
        "cephfs",
        "flocker",
        "fc",
        "azureFile",
        "vsphereVolume",
        "quobyte",
        "azureDisk",
        "photonPersistentDisk",
        "portworxVolume",
        "scaleIO",
        "storageos",
    ];
    let bad = volumes(pod, |it| {
        !ALLOWED.iter().any(|kind| at(it, &[kind]).is_some())
    });
    if bad.is_empty() {
        return None;
    }
    let kind = |volume: &Node| {
        let mut others = OTHERS.into_iter();
        others
            .find(|it| at(volume, &[it]).is_some())
            .unwrap_or("unknown")
    };
    let kinds: BTreeSet<&str> = bad.iter().map(|it| kind(it.1)).collect();
    let detail = format!(
        "{} {} {} {} {}",
        plural("volume", "volumes", bad.len()),
        quoted(bad.iter().map(|it| it.0)),
        plural("uses", "use", bad.len()),
        plural(
            "restricted volume type",
            "restricted volume types",
            kinds.len()
        ),
        quoted(kinds)
    );
    violation("restricted volume types", detail)
}
