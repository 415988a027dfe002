//! Deleted objects that carry state or that contain others.

use super::pruned_application::keeps_objects;
use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::{Pair, is_kept};
use crate::object::Object;
use crate::products::kind_of;
use crate::retention::Retention;
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

Renaming an object also deletes it. If an object moves from one Kustomization or Application to another, both are reconciled at \
about the same time: if the first one is faster, it deletes the object before the second one applies it. If the object moves from \
Flux to Argo CD or back, the order does not matter: each engine deletes what has its own label or annotation, and the other engine \
leaves these on the object. docs/change-engine.md describes how to change the engine safely.

If the deletion is intended, make a backup first. To keep the object in the cluster and remove it only from the tree, add the \
annotation `kustomize.toolkit.fluxcd.io/prune: disabled` (Argo CD: `argocd.argoproj.io/sync-options: Prune=false`) in an earlier \
change, and remove it afterwards. Each engine only respects its own annotation, and Helm only `helm.sh/resource-policy: keep`. Objects \
that stay because of it, or because their unit does not prune, are not reported.",
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
        "everything that it applied is deleted too",
    ),
    (
        "argoproj.io",
        "Application",
        "everything that it applied is deleted too",
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
        Pair::Same(before, after) => return moved(before, after, faults),
        Pair::Added(_) => return,
    };
    let Some(consequence) = consequence(gone) else {
        return;
    };
    if is_kept(gone) || gone.kind() == "ApplicationSet" && keeps_objects(gone) {
        return;
    }
    let why = match now {
        Some(now) => format!(", because it is now named `{}`", now.name()),
        None => String::new(),
    };
    let message = format!("{} would be deleted{why}: {consequence}", gone.id());
    // If it still exists under another name, the location is there.
    faults.push(
        now.unwrap_or(gone),
        FieldPath::dotted("metadata.name"),
        message,
    );
}

/// What happens when an object is deleted; `None` if no data or other objects are deleted with it.
fn consequence(gone: &Object) -> Option<&str> {
    let gvk = gone.gvk();
    let is_kind = |it: &&(&str, &str, &str)| it.0 == &*gvk.group && it.1 == &*gvk.kind;
    let of_product = || kind_of(gone)?.deletion.as_deref();
    let known = STATEFUL_KINDS.iter().find(is_kind).map(|it| it.2);
    let known = known.or_else(of_product)?;
    Some(Retention::of(gone).on_deletion.unwrap_or(known))
}

/// An object that another unit applies after the change. Flux and Argo CD only delete what still has their own label or tracking ID,
/// so the order decides between units of the same engine.
fn moved(before: &Object, after: &Object, faults: &mut Faults) {
    let (Some(from), Some(to)) = (&before.handling, &after.handling) else {
        return;
    };
    let Some(consequence) = consequence(before).filter(|_| from.loses_object_to(to)) else {
        return;
    };
    let condition = match from.deletes_in_any_order(to) {
        true => String::new(),
        false => format!("unless {} applies it first, ", to.unit),
    };
    let message = format!(
        "{} moves from {} to {}: {condition}{} deletes it, and {consequence}",
        after.id(),
        from.unit,
        to.unit,
        from.unit
    );
    faults.push(after, FieldPath::dotted("metadata.name"), message);
}
