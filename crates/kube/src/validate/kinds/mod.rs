//! The validation code of Kubernetes for its own kinds (`pkg/apis/*/validation`), one file per group of kinds.
//!
//! Empty fields with a default are treated as if the default was set.

mod admission;
mod autoscaling;
mod batch;
mod cluster;
mod config;
mod container;
mod cron;
mod custom_kind;
mod custom_schema;
mod devices;
mod endpoints;
mod fields;
mod network;
mod pod;
mod pod_fields;
mod pod_resources;
mod quota;
mod rbac;
mod resources;
mod scheduling;
mod security;
mod selector;
mod service;
mod storage;
mod update;
mod volume;
mod workload;

use super::fault::Report;
use super::names::{self, NameRule};
use crate::object::Gvk;
use pleach_yaml::Node;

/// The rules of a kind beyond types.
#[derive(Debug)]
pub(super) struct Rules {
    group: &'static str,
    kind: &'static str,
    /// The rule for its name.
    name: NameRule,
    /// The rule for its name before a minor version.
    earlier_name: Option<(u32, NameRule)>,
    /// Whether its finalizers require a domain.
    pub(super) has_core_finalizers: bool,
    /// Whether the server generates a name if there is none.
    pub(super) is_name_optional: bool,
    pub(super) validate: Validate,
    update: Update,
}

type Validate = for<'a> fn(&'a Node, &mut Report<'a>);
type Update = for<'a> fn(&'a Node, &'a Node, &mut Report<'a>);

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const SCHEDULING: &str = "scheduling.k8s.io";

const fn rules(
    group: &'static str,
    kind: &'static str,
    validate: Validate,
    update: Update,
) -> Rules {
    Rules {
        group,
        kind,
        name: names::dns_subdomain,
        earlier_name: None,
        has_core_finalizers: true,
        is_name_optional: false,
        validate,
        update,
    }
}

impl Rules {
    const fn named(self, name: NameRule) -> Rules {
        Rules { name, ..self }
    }

    const fn named_before(self, minor: u32, name: NameRule) -> Rules {
        Rules {
            earlier_name: Some((minor, name)),
            ..self
        }
    }

    /// The rule for its name in a release.
    pub(super) fn name(&self, report: &Report<'_>) -> NameRule {
        match self.earlier_name {
            Some((minor, name)) if !report.is_since(minor) => name,
            _ => self.name,
        }
    }

    /// The changes of an object that the server rejects. Both have the defaults of their kind.
    pub(super) fn changes<'a>(&self, object: &'a Node, old: &'a Node, report: &mut Report<'a>) {
        (self.update)(object, old, report);
    }

    const fn nameless(self) -> Rules {
        Rules {
            is_name_optional: true,
            ..self
        }
    }

    /// A kind whose metadata is validated like that of custom resources.
    const fn generic(self) -> Rules {
        Rules {
            has_core_finalizers: false,
            ..self
        }
    }
}

const RULES: &[Rules] = &[
    rules("", "Pod", workload::single_pod, update::pod),
    rules("", "PodTemplate", workload::pod_template, update::nothing),
    rules("", "Service", service::service, update::service)
        .named(names::dns_label)
        .named_before(36, names::dns_1035_label),
    rules("", "Namespace", quota::namespace, update::nothing).named(names::dns_label),
    rules("", "ConfigMap", config::config_map, update::config),
    rules("", "Secret", config::secret, update::config),
    rules("", "PersistentVolumeClaim", storage::claim, update::claim),
    rules("", "LimitRange", quota::limit_range, update::nothing).nameless(),
    rules("", "ResourceQuota", quota::resource_quota, update::quota),
    rules("apps", "Deployment", workload::deployment, update::selector),
    rules(
        "apps",
        "ReplicaSet",
        workload::replica_set,
        update::selector,
    ),
    rules("apps", "DaemonSet", workload::daemon_set, update::selector),
    rules(
        "apps",
        "StatefulSet",
        workload::stateful_set,
        update::stateful_set,
    )
    .named(names::dns_label),
    rules("batch", "Job", batch::job, update::job),
    rules("batch", "CronJob", batch::cron_job, update::nothing),
    rules(
        "autoscaling",
        "HorizontalPodAutoscaler",
        autoscaling::autoscaler,
        update::nothing,
    ),
    rules(
        "policy",
        "PodDisruptionBudget",
        quota::disruption_budget,
        update::nothing,
    )
    .named(names::path_segment)
    .generic(),
    rules(NETWORKING, "Ingress", network::ingress, update::nothing),
    rules(
        NETWORKING,
        "IngressClass",
        network::ingress_class,
        update::ingress_class,
    ),
    rules(
        NETWORKING,
        "NetworkPolicy",
        network::network_policy,
        update::nothing,
    ),
    rules("", "Endpoints", endpoints::endpoints, update::nothing),
    rules(
        "",
        "ReplicationController",
        workload::replication_controller,
        update::nothing,
    ),
    rules("", "Node", cluster::node, update::nothing),
    rules(
        "coordination.k8s.io",
        "Lease",
        cluster::lease,
        update::nothing,
    )
    .generic(),
    rules(
        "apiregistration.k8s.io",
        "APIService",
        cluster::api_service,
        update::nothing,
    )
    .named(names::path_segment)
    .generic(),
    rules(
        "flowcontrol.apiserver.k8s.io",
        "FlowSchema",
        cluster::flow_schema,
        update::nothing,
    ),
    rules(
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        cluster::priority_level,
        update::nothing,
    ),
    rules(RBAC, "Role", rbac::role, update::nothing).named(names::path_segment),
    rules(RBAC, "ClusterRole", rbac::cluster_role, update::nothing).named(names::path_segment),
    rules(RBAC, "RoleBinding", rbac::role_binding, update::binding).named(names::path_segment),
    rules(
        RBAC,
        "ClusterRoleBinding",
        rbac::cluster_role_binding,
        update::binding,
    )
    .named(names::path_segment),
    rules(
        STORAGE,
        "StorageClass",
        storage::storage_class,
        update::storage_class,
    ),
    rules(
        STORAGE,
        "CSIDriver",
        storage::csi_driver,
        update::csi_driver,
    )
    .named(storage::driver_name),
    rules(
        STORAGE,
        "VolumeAttributesClass",
        storage::attributes_class,
        update::attributes_class,
    ),
    rules(
        STORAGE,
        "CSIStorageCapacity",
        update::unvalidated,
        update::storage_capacity,
    ),
    rules(
        STORAGE,
        "VolumeAttachment",
        update::unvalidated,
        update::whole_spec,
    ),
    rules("", "PersistentVolume", storage::volume, update::volume),
    rules(
        "apps",
        "ControllerRevision",
        update::unvalidated,
        update::revision,
    ),
    rules(
        NETWORKING,
        "ServiceCIDR",
        update::unvalidated,
        update::service_cidr,
    ),
    rules(
        NETWORKING,
        "IPAddress",
        update::unvalidated,
        update::whole_spec,
    ),
    rules(
        "discovery.k8s.io",
        "EndpointSlice",
        endpoints::slice,
        update::endpoint_slice,
    ),
    rules(
        "node.k8s.io",
        "RuntimeClass",
        cluster::runtime_class,
        update::runtime_class,
    )
    .generic(),
    rules(
        "resource.k8s.io",
        "ResourceClaim",
        devices::claim,
        update::whole_spec,
    ),
    rules(
        "resource.k8s.io",
        "ResourceClaimTemplate",
        devices::claim_template,
        update::whole_spec,
    ),
    rules(
        "certificates.k8s.io",
        "CertificateSigningRequest",
        update::unvalidated,
        update::whole_spec,
    ),
    rules(
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        custom_kind::definition,
        update::custom_kind,
    )
    .generic(),
    rules(
        SCHEDULING,
        "PriorityClass",
        quota::priority_class,
        update::priority_class,
    ),
    rules(
        ADMISSION,
        "ValidatingAdmissionPolicy",
        admission::policy,
        update::nothing,
    )
    .generic(),
    rules(
        ADMISSION,
        "ValidatingAdmissionPolicyBinding",
        admission::policy_binding,
        update::nothing,
    )
    .generic(),
    rules(
        ADMISSION,
        "ValidatingWebhookConfiguration",
        admission::webhooks,
        update::nothing,
    )
    .generic(),
    rules(
        ADMISSION,
        "MutatingWebhookConfiguration",
        admission::webhooks,
        update::nothing,
    )
    .generic(),
];

pub(super) use pod::partial as partial_pod;

/// The rules of a kind.
pub(super) fn find(gvk: &Gvk) -> Option<&'static Rules> {
    RULES
        .iter()
        .find(|it| it.group == &*gvk.group && it.kind == &*gvk.kind)
}
