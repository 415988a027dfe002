//! The fields in which `$(NAME)` is replaced by the value of a variable.

use super::{Row, at, pods};

pub(super) const TABLE: &[Row] = &[
    pods(
        &[
            "Pod",
            "Deployment",
            "ReplicaSet",
            "DaemonSet",
            "StatefulSet",
            "Job",
            "CronJob",
        ],
        &[
            "containers/args",
            "containers/command",
            "containers/env/value",
            "containers/volumeMounts/mountPath",
            "initContainers/args",
            "initContainers/command",
            "initContainers/env/value",
            "initContainers/volumeMounts/mountPath",
        ],
    ),
    pods(
        &["Pod", "Deployment", "ReplicaSet", "DaemonSet", "Job"],
        &["volumes/nfs/server"],
    ),
    // kustomize leaves the pod's spec out here.
    at(
        &["CronJob"],
        &["spec/jobTemplate/spec/template/volumes/nfs/server"],
    ),
    at(
        &["StatefulSet"],
        &["spec/volumeClaimTemplates/spec/nfs/server"],
    ),
    at(&["Deployment"], &["spec/template/metadata/annotations"]),
    at(
        &["Ingress"],
        &["spec/rules/host", "spec/tls/hosts", "spec/tls/secretName"],
    ),
    at(&["Service"], &["spec/ports/port", "spec/ports/targetPort"]),
    at(&["PersistentVolume"], &["spec/nfs/server"]),
    at(&[""], &["metadata/labels", "metadata/annotations"]),
];
