//! Fields that are immutable after the object is created.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "immutable-field",
    severity: Severity::Error,
    summary: "an immutable field changes",
    explain: "\
Some fields cannot be changed after an object is created: the selector of a workload, the volume claims of a StatefulSet, the \
pods of a Job, the address of a Service, the role of a binding. The API server rejects the change, and the sync engine reports \
an error until somebody deletes the object manually.

Give the new object another name, and remove the old one when nothing uses it any more. For the volumes of a StatefulSet, delete \
it with `kubectl delete statefulset NAME --cascade=orphan`, which keeps its pods, and let the sync engine create it again. If \
force is configured (`kustomize.toolkit.fluxcd.io/force: enabled`, or `Replace=true` in Argo CD), the sync engine itself deletes \
the object and its pods and creates it again.

If the release name or namespace of a HelmRelease changes, the change is not rejected: the old release is uninstalled, and a new \
one is installed.",
    check: RuleKind::ChangeOrSecret(check),
};

const REFUSED: &str = "the API server rejects it";
const REINSTALLED: &str = "the release is uninstalled and installed again";

/// API group, kind, its fields, and what happens.
const FIELDS: &[(&str, &str, &[&str], &str)] = &[
    ("apps", "Deployment", &["spec.selector"], REFUSED),
    ("apps", "DaemonSet", &["spec.selector"], REFUSED),
    ("apps", "ReplicaSet", &["spec.selector"], REFUSED),
    (
        "apps",
        "StatefulSet",
        &[
            "spec.selector",
            "spec.serviceName",
            "spec.volumeClaimTemplates",
            "spec.podManagementPolicy",
        ],
        REFUSED,
    ),
    (
        "batch",
        "Job",
        &["spec.template", "spec.selector", "spec.completionMode"],
        REFUSED,
    ),
    (
        "",
        "PersistentVolumeClaim",
        &[
            "spec.accessModes",
            "spec.storageClassName",
            "spec.volumeName",
            "spec.volumeMode",
            "spec.selector",
            "spec.dataSource",
            "spec.dataSourceRef",
        ],
        REFUSED,
    ),
    ("", "Secret", &["type"], REFUSED),
    (
        "storage.k8s.io",
        "StorageClass",
        &[
            "provisioner",
            "parameters",
            "reclaimPolicy",
            "volumeBindingMode",
        ],
        REFUSED,
    ),
    (
        "rbac.authorization.k8s.io",
        "RoleBinding",
        &["roleRef"],
        REFUSED,
    ),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        &["roleRef"],
        REFUSED,
    ),
    (
        "scheduling.k8s.io",
        "PriorityClass",
        &["value", "preemptionPolicy"],
        REFUSED,
    ),
    ("node.k8s.io", "RuntimeClass", &["handler"], REFUSED),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        &["spec.scope", "spec.names.plural"],
        REFUSED,
    ),
    (
        "helm.toolkit.fluxcd.io",
        "HelmRelease",
        &[
            "spec.releaseName",
            "spec.targetNamespace",
            "spec.storageNamespace",
        ],
        REINSTALLED,
    ),
];

/// The data of an object with `immutable: true`.
const DATA: &[&str] = &["data", "stringData", "binaryData"];

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    // An object with a generated name is a different one.
    if before.name() != after.name() {
        return;
    }
    let gvk = after.gvk();
    let is_kind = |it: &&(&str, &str, &[&str], &str)| it.0 == &*gvk.group && it.1 == &*gvk.kind;
    for (_, _, fields, what) in FIELDS.iter().filter(is_kind) {
        fields
            .iter()
            .for_each(|it| field(before, after, it, what, faults));
    }
    if before.node.get("immutable").and_then(Node::as_bool) == Some(true) {
        DATA.iter()
            .for_each(|it| field(before, after, it, REFUSED, faults));
    }
    if gvk.group.is_empty() && &*gvk.kind == "Service" {
        address(before, after, faults);
    }
}

fn field(before: &Object, after: &Object, field: &str, what: &str, faults: &mut Faults) {
    let path = FieldPath::dotted(field);
    let is_same = match (before.node.at_path(&path), after.node.at_path(&path)) {
        (None, None) => true,
        (Some(a), Some(b)) => a.same_data(b),
        // Fields that the server sets may be missing on either side.
        _ => matches!(
            field,
            "type" | "spec.volumeName" | "preemptionPolicy" | "spec.podManagementPolicy"
        ),
    };
    if !is_same {
        let message = format!("`{field}` of {} changes: {what}", after.id());
        faults.push(after, path, message);
    }
}

/// A Service without an address keeps its current one.
fn address(before: &Object, after: &Object, faults: &mut Faults) {
    let text = |object: &Object, keys| -> Option<String> {
        Some(object.node.at_keys(keys)?.as_str()?.to_string())
    };
    let address = |object| text(object, &["spec", "clusterIP"]).filter(|it| !it.is_empty());
    let (old, new) = (address(before), address(after));
    let is_external = text(after, &["spec", "type"]).as_deref() == Some("ExternalName");
    if new.is_some() && old != new && !is_external {
        let message = format!("`spec.clusterIP` of {} changes: {REFUSED}", after.id());
        faults.push(after, FieldPath::dotted("spec.clusterIP"), message);
    }
}
