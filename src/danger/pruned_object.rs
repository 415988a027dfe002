//! Deleted objects that carry state or that contain others.

use super::pruned_application::keeps_objects;
use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::{Pair, is_kept};
use crate::object::Object;
use crate::products::kind_of;
use crate::yaml::FieldPath;

pub(super) const DANGER: Danger = Danger {
    code: "pruned-object",
    severity: Severity::Error,
    summary: "an object that holds data or other objects would be deleted",
    explain: "\
If pruning is on, the sync engine deletes objects that are no longer in the tree. For most objects this is intended. But a \
Namespace is deleted with everything in it, a CustomResourceDefinition with every object of its kind, a PersistentVolumeClaim \
with its data, the object of a database with its servers and often their volumes, and a HelmRelease with everything that its \
chart installed.

Renaming an object also deletes it.

If the deletion is intended, make a backup first. To keep the object in the cluster and remove it only from the tree, add the \
annotation `kustomize.toolkit.fluxcd.io/prune: disabled` (Argo CD: `argocd.argoproj.io/sync-options: Prune=false`) in an earlier \
change. Objects with this annotation are not reported.",
    check: RuleKind::ChangeOrSecret(check),
};

/// API group, kind, and what is deleted with an object; those of products are in their packs.
const STATEFUL_KINDS: &[(&str, &str, &str)] = &[
    ("", "Namespace", "everything in it is deleted too"),
    (
        "",
        "PersistentVolumeClaim",
        "the data on its volume is deleted too, unless the volume is retained",
    ),
    ("", "PersistentVolume", "its data may be deleted too"),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "every object of its kind in the cluster is deleted too",
    ),
    (
        "apps",
        "StatefulSet",
        "its pods are deleted, and its volumes depending on its retention policy",
    ),
    (
        "helm.toolkit.fluxcd.io",
        "HelmRelease",
        "the release is uninstalled, with everything that its chart created",
    ),
    (
        "kustomize.toolkit.fluxcd.io",
        "Kustomization",
        "everything that it applied is deleted too, if it prunes",
    ),
    (
        "argoproj.io",
        "Application",
        "everything that it applied is deleted too, if it has the finalizer for that",
    ),
    (
        "argoproj.io",
        "ApplicationSet",
        "its Applications are deleted, and everything that they applied",
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        "volumes of the class can no longer be created or expanded",
    ),
    (
        "snapshot.storage.k8s.io",
        "VolumeSnapshot",
        "the snapshot is deleted too, unless its class retains it",
    ),
];

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let (gone, now) = match pair {
        Pair::Removed(before) => (before, None),
        Pair::Renamed(before, after) => (before, Some(after)),
        _ => return,
    };
    let gvk = gone.gvk();
    let is_kind = |it: &&(&str, &str, &str)| it.0 == &*gvk.group && it.1 == &*gvk.kind;
    let of_product = || kind_of(gone)?.deletion.as_deref();
    let known = STATEFUL_KINDS.iter().find(is_kind).map(|it| it.2);
    let Some(consequence) = known.or_else(of_product) else {
        return;
    };
    if is_kept(gone) || gone.kind() == "ApplicationSet" && keeps_objects(gone) {
        return;
    }
    let why = match now {
        Some(now) => format!(", because it is now named `{}`", now.name()),
        None => String::new(),
    };
    let consequence = retention_note(gone).unwrap_or(consequence);
    let message = format!("{} would be deleted{why}: {consequence}", gone.id());
    // If it still exists under another name, the location is there.
    faults.push(
        now.unwrap_or(gone),
        FieldPath::dotted("metadata.name"),
        message,
    );
}

/// The note for a Flux object whose objects stay in the cluster when it is deleted. Its controller neither prunes nor uninstalls
/// suspended objects (`finalize` of kustomize-controller, `reconcileDelete` of helm-controller).
fn retention_note(gone: &Object) -> Option<&'static str> {
    let flag = |key: &str| {
        gone.node
            .at_keys(&["spec", key])
            .and_then(|it| it.as_bool())
    };
    match gone.kind() {
        "Kustomization" if flag("suspend") == Some(true) => Some(
            "it is suspended, so everything that it applied stays; to delete that too, resume it first",
        ),
        "Kustomization" => {
            let policy = gone.node.at_keys(&["spec", "deletionPolicy"]);
            match policy.and_then(|it| it.as_str()) {
                Some("Orphan") => {
                    Some("its `deletionPolicy` is `Orphan`, so everything that it applied stays")
                }
                Some("Delete" | "WaitForTermination") => {
                    Some("everything that it applied is deleted too")
                }
                _ if flag("prune") == Some(false) => {
                    Some("it does not prune, so everything that it applied stays")
                }
                _ => None,
            }
        }
        "HelmRelease" if flag("suspend") == Some(true) => {
            Some("it is suspended, so its release stays; to uninstall it too, resume it first")
        }
        _ => None,
    }
}
