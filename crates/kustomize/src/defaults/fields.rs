//! The fields that the transformers touch.

use super::{Row, at, made};

const EVERY: &[&str] = &[""];

pub(super) const NAME: &[Row] = &[at(EVERY, &["metadata/name"])];

pub(super) const NAMESPACE: &[Row] = &[
    made(&["Namespace"], &["metadata/name"]),
    made(
        &["apiregistration.k8s.io/APIService"],
        &["spec/service/namespace"],
    ),
    at(
        &["apiextensions.k8s.io/CustomResourceDefinition"],
        &["spec/conversion/webhook/clientConfig/service/namespace"],
    ),
];

pub(super) const IMAGES: &[Row] = &[made(
    EVERY,
    &[
        "spec/containers[]/image",
        "spec/initContainers[]/image",
        "spec/volumes[]/image/reference",
        "spec/template/spec/containers[]/image",
        "spec/template/spec/initContainers[]/image",
        "spec/template/spec/volumes[]/image/reference",
    ],
)];

pub(super) const REPLICAS: &[Row] = &[made(
    &[
        "Deployment",
        "ReplicationController",
        "ReplicaSet",
        "StatefulSet",
    ],
    &["spec/replicas"],
)];

/// The fields that `commonLabels` changes in addition to the labels below.
pub(super) const SELECTORS: &[Row] = &[
    made(
        &["v1/Service", "v1/ReplicationController"],
        &["spec/selector"],
    ),
    made(
        &["Deployment", "ReplicaSet", "DaemonSet", "apps/StatefulSet"],
        &["spec/selector/matchLabels"],
    ),
    at(
        &["batch/Job", "policy/PodDisruptionBudget"],
        &["spec/selector/matchLabels"],
    ),
    at(
        &["batch/CronJob"],
        &["spec/jobTemplate/spec/selector/matchLabels"],
    ),
    at(
        &["networking.k8s.io/NetworkPolicy"],
        &[
            "spec/podSelector/matchLabels",
            "spec/ingress/from/podSelector/matchLabels",
            "spec/egress/to/podSelector/matchLabels",
        ],
    ),
    at(
        &["apps/Deployment", "apps/StatefulSet"],
        &[
            "spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
            "spec/template/spec/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
            "spec/template/spec/affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
            "spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
            "spec/template/spec/topologySpreadConstraints/labelSelector/matchLabels",
        ],
    ),
];

pub(super) const TEMPLATE_LABELS: &[Row] = &[
    made(EVERY, &["metadata/labels"]),
    made(
        &[
            "v1/ReplicationController",
            "Deployment",
            "ReplicaSet",
            "DaemonSet",
            "apps/StatefulSet",
            "batch/Job",
        ],
        &["spec/template/metadata/labels"],
    ),
    made(
        &["batch/CronJob"],
        &[
            "spec/jobTemplate/metadata/labels",
            "spec/jobTemplate/spec/template/metadata/labels",
        ],
    ),
];

pub(super) const CLAIM_LABELS: &[Row] = &[made(
    &["apps/StatefulSet"],
    &["spec/volumeClaimTemplates[]/metadata/labels"],
)];

pub(super) const ANNOTATIONS: &[Row] = &[
    made(EVERY, &["metadata/annotations"]),
    made(
        &[
            "v1/ReplicationController",
            "Deployment",
            "ReplicaSet",
            "DaemonSet",
            "StatefulSet",
            "batch/Job",
        ],
        &["spec/template/metadata/annotations"],
    ),
    made(
        &["batch/CronJob"],
        &[
            "spec/jobTemplate/metadata/annotations",
            "spec/jobTemplate/spec/template/metadata/annotations",
        ],
    ),
];
