//! Helm's installation order of kinds (Helm, `InstallOrder`).

use std::cmp::Ordering;

use crate::HelmVersion;

const INSTALL_ORDER: &[&str] = &[
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// The kinds that Helm 4 adds at the end.
const HELM_4_KINDS: &[&str] = &[
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// Compares kinds (Helm, `lessByKind`): those of the installation order first, then all others by name.
pub(crate) fn compare(a: &str, b: &str, version: HelmVersion) -> Ordering {
    match (position(a, version), position(b, version)) {
        (None, None) => a.cmp(b),
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => a.cmp(&b),
    }
}

fn position(kind: &str, version: HelmVersion) -> Option<usize> {
    let added = match version {
        HelmVersion::V3 => &[],
        HelmVersion::V4 => HELM_4_KINDS,
    };
    INSTALL_ORDER.iter().chain(added).position(|it| *it == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_come_last_by_name() {
        let mut kinds = vec![
            "Zebra",
            "",
            "APIService",
            "Ant",
            "MutatingWebhookConfiguration",
            "Namespace",
        ];
        kinds.sort_by(|a, b| compare(a, b, HelmVersion::V3));
        assert_eq!(
            kinds,
            [
                "Namespace",
                "APIService",
                "",
                "Ant",
                "MutatingWebhookConfiguration",
                "Zebra"
            ]
        );
        kinds.sort_by(|a, b| compare(a, b, HelmVersion::V4));
        assert_eq!(
            kinds,
            [
                "Namespace",
                "APIService",
                "MutatingWebhookConfiguration",
                "",
                "Ant",
                "Zebra"
            ]
        );
    }
}
