//! Volumes that are no longer retained when their user is deleted.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "retention-turned",
    severity: Severity::Warning,
    summary: "volumes are no longer retained",
    explain: "\
A PersistentVolume with `persistentVolumeReclaimPolicy: Retain` keeps its data when its claim is deleted; with `Delete`, the disk is \
deleted too. A StatefulSet keeps its volume claims by default; with `persistentVolumeClaimRetentionPolicy`, it deletes them when \
it is deleted itself (`whenDeleted`) or when it gets fewer replicas (`whenScaled`).

The change deletes nothing yet. Make sure that a backup exists before the next deletion.",
    check: RuleKind::Change(check),
};

/// API group, kind, the field, and what happens without retention.
const POLICIES: &[(&str, &str, &str, &str)] = &[
    (
        "",
        "PersistentVolume",
        "spec.persistentVolumeReclaimPolicy",
        "its data is deleted together with its claim",
    ),
    (
        "apps",
        "StatefulSet",
        "spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
        "its volume claims are deleted together with it",
    ),
    (
        "apps",
        "StatefulSet",
        "spec.persistentVolumeClaimRetentionPolicy.whenScaled",
        "volume claims are deleted when it gets fewer replicas",
    ),
];

/// The default of all of these fields.
const RETAIN: &str = "Retain";

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let gvk = after.gvk();
    let policies = POLICIES.iter();
    for (_, _, field, what) in policies.filter(|it| (it.0, it.1) == (&*gvk.group, &*gvk.kind)) {
        let path = FieldPath::dotted(field);
        let [old, new] = [before, after].map(|it| {
            let policy = it.node.at_path(&path).and_then(Node::as_str);
            policy.unwrap_or(RETAIN)
        });
        if old == RETAIN && new != RETAIN {
            let name = field.rsplit('.').next().unwrap_or(field);
            let message = format!(
                "`{name}` of {} changes from Retain to {new}: {what}",
                after.id()
            );
            faults.push(after, path, message);
        }
    }
}
