//! Name references.

use super::{Reference, Row, at, pods};

const SCALED: &[Row] = &[at(
    &["HorizontalPodAutoscaler"],
    &["spec/scaleTargetRef/name"],
)];

const CONFIGURED: &[&str] = &[
    "v1/Pod",
    "PodTemplate",
    "Deployment",
    "ReplicaSet",
    "DaemonSet",
    "StatefulSet",
    "Job",
    "CronJob",
];

const WORKLOADS: &[&str] = &[
    "Pod",
    "StatefulSet",
    "Deployment",
    "ReplicationController",
    "CronJob",
    "Job",
    "DaemonSet",
];

const ROLE_BINDING: &str = "rbac.authorization.k8s.io/RoleBinding";
const CLUSTER_ROLE_BINDING: &str = "rbac.authorization.k8s.io/ClusterRoleBinding";

pub(super) const TABLE: &[Reference] = &[
    ("Deployment", SCALED),
    ("ReplicationController", SCALED),
    ("ReplicaSet", SCALED),
    ("StatefulSet", SCALED),
    (
        "v1/ConfigMap",
        &[
            pods(
                CONFIGURED,
                &[
                    "volumes/configMap/name",
                    "volumes/projected/sources/configMap/name",
                    "containers/env/valueFrom/configMapKeyRef/name",
                    "containers/envFrom/configMapRef/name",
                    "initContainers/env/valueFrom/configMapKeyRef/name",
                    "initContainers/envFrom/configMapRef/name",
                ],
            ),
            at(&["Node"], &["spec/configSource/configMap"]),
            at(&["Role", "ClusterRole"], &["rules/resourceNames"]),
            at(
                &["Ingress"],
                &[r"metadata/annotations/nginx.ingress.kubernetes.io\/fastcgi-params-configmap"],
            ),
        ],
    ),
    (
        "v1/Secret",
        &[
            pods(
                CONFIGURED,
                &[
                    "volumes/secret/secretName",
                    "volumes/projected/sources/secret/name",
                    "containers/env/valueFrom/secretKeyRef/name",
                    "containers/envFrom/secretRef/name",
                    "initContainers/env/valueFrom/secretKeyRef/name",
                    "initContainers/envFrom/secretRef/name",
                    "imagePullSecrets/name",
                ],
            ),
            at(
                &["Ingress"],
                &[
                    "spec/tls/secretName",
                    r"metadata/annotations/ingress.kubernetes.io\/auth-secret",
                    r"metadata/annotations/nginx.ingress.kubernetes.io\/auth-secret",
                    r"metadata/annotations/nginx.ingress.kubernetes.io\/auth-tls-secret",
                ],
            ),
            at(&["ServiceAccount"], &["imagePullSecrets/name"]),
            at(
                &["StorageClass"],
                &[
                    "parameters/secretName",
                    "parameters/adminSecretName",
                    "parameters/userSecretName",
                    "parameters/secretRef",
                ],
            ),
            at(&["Role", "ClusterRole"], &["rules/resourceNames"]),
            at(
                &["serving.knative.dev/v1/Service"],
                &["spec/template/spec/containers/env/valueFrom/secretKeyRef/name"],
            ),
            at(&["PersistentVolume"], &["spec/azureFile/secretName"]),
        ],
    ),
    (
        "v1/Service",
        &[
            at(&["apps/StatefulSet"], &["spec/serviceName"]),
            at(
                &["Ingress"],
                &[
                    "spec/rules/http/paths/backend/serviceName",
                    "spec/backend/serviceName",
                    "spec/rules/http/paths/backend/service/name",
                    "spec/defaultBackend/service/name",
                ],
            ),
            at(
                &["apiregistration.k8s.io/APIService"],
                &["spec/service/name"],
            ),
            at(
                &[
                    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
                    "admissionregistration.k8s.io/MutatingWebhookConfiguration",
                ],
                &["webhooks/clientConfig/service"],
            ),
        ],
    ),
    (
        "rbac.authorization.k8s.io/Role",
        &[at(&[ROLE_BINDING], &["roleRef/name"])],
    ),
    (
        "rbac.authorization.k8s.io/ClusterRole",
        &[at(&[ROLE_BINDING, CLUSTER_ROLE_BINDING], &["roleRef/name"])],
    ),
    (
        "v1/ServiceAccount",
        &[
            pods(WORKLOADS, &["serviceAccountName"]),
            at(&[ROLE_BINDING, CLUSTER_ROLE_BINDING], &["subjects"]),
        ],
    ),
    (
        "v1/PersistentVolumeClaim",
        &[pods(
            WORKLOADS,
            &["volumes/persistentVolumeClaim/claimName"],
        )],
    ),
    (
        "v1/PersistentVolume",
        &[
            at(&["PersistentVolumeClaim"], &["spec/volumeName"]),
            at(&["ClusterRole"], &["rules/resourceNames"]),
        ],
    ),
    (
        "storage.k8s.io/v1/StorageClass",
        &[
            at(
                &["PersistentVolume", "PersistentVolumeClaim"],
                &["spec/storageClassName"],
            ),
            at(
                &["StatefulSet"],
                &["spec/volumeClaimTemplates/spec/storageClassName"],
            ),
        ],
    ),
    (
        "scheduling.k8s.io/v1/PriorityClass",
        &[pods(WORKLOADS, &["priorityClassName"])],
    ),
    (
        "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
        &[at(
            &["admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding"],
            &["spec/policyName"],
        )],
    ),
];
