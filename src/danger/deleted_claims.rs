//! StatefulSets with fewer replicas whose volume claims are deleted with the pods.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "deleted-claims",
    severity: Severity::Error,
    summary: "a StatefulSet is scaled down and deletes volume claims",
    explain: "\
With `persistentVolumeClaimRetentionPolicy.whenScaled: Delete`, a StatefulSet deletes the PersistentVolumeClaims of the pods that \
it removes when it gets fewer replicas. The data on their volumes is lost, unless the PersistentVolumes are retained.

Move the data to the remaining pods first, or set `whenScaled: Retain` in an earlier change and delete the claims manually when \
nothing needs them any more.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let gvk = after.gvk();
    if (&*gvk.group, &*gvk.kind) != ("apps", "StatefulSet") || before.name() != after.name() {
        return;
    }
    let policy = FieldPath::dotted("spec.persistentVolumeClaimRetentionPolicy.whenScaled");
    let deletes = after.node.at_path(&policy).and_then(Node::as_str) == Some("Delete");
    let claims = ["spec", "volumeClaimTemplates"];
    let claims = after.node.at_keys(&claims).and_then(Node::as_sequence);
    let (Some(old), Some(new)) = (replicas(before), replicas(after)) else {
        return;
    };
    if deletes && new < old && claims.is_some_and(|it| !it.is_empty()) {
        let message = format!(
            "{} goes from {old} to {new} replicas: the volume claims of the removed pods are deleted, because `whenScaled` is Delete",
            after.id()
        );
        faults.push(after, FieldPath::dotted("spec.replicas"), message);
    }
}

/// The number of replicas; `None` if it is not a number.
fn replicas(object: &Object) -> Option<i64> {
    let replicas = object.node.at_keys(&["spec", "replicas"]);
    replicas.map_or(Some(1), Node::as_int)
}
