//! Volumes that are no longer retained when their user is deleted.

use std::collections::BTreeSet;

use super::scalar_fields::{Leaf, item, leaves};
use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::products::{VolumeRetention, kind_of};
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "retention-removed",
    severity: Severity::Warning,
    summary: "volumes are no longer retained",
    explain: "\
A PersistentVolume with `persistentVolumeReclaimPolicy: Retain` keeps its data when its claim is deleted; with `Delete`, the disk is \
deleted too. A StatefulSet keeps its volume claims by default; with `persistentVolumeClaimRetentionPolicy`, it deletes them when \
it is deleted itself (`whenDeleted`) or when it gets fewer replicas (`whenScaled`). Operators of databases have settings of their \
own, such as `reclaimPolicy` for ClickHouse and `deleteClaim` for Kafka.

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
    if let Some(retention) = kind_of(after).and_then(|it| it.retention.as_ref()) {
        of_product(before, after, retention, faults);
    }
}

/// The same for the objects of an operator, whose setting may occur once for each volume.
fn of_product(before: &Object, after: &Object, retention: &VolumeRetention, faults: &mut Faults) {
    let is_setting = |keys: &[&str]| keys.last() == Some(&&*retention.field);
    let (old, new) = (
        leaves(&before.node, &is_setting),
        leaves(&after.node, &is_setting),
    );
    let retains = |leaf: Option<&Leaf<'_>>| {
        let value = leaf.and_then(|it| it.node.as_str());
        value.unwrap_or(&retention.default) == retention.retains
    };
    // A setting that is removed may be inherited from one that remains.
    let may_inherit = new.values().any(|it| retains(Some(it)));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        let Some(leaf) = is.or(was) else {
            continue;
        };
        let mut holder = leaf.field.clone();
        holder.pop();
        let is_on_both_sides = match (was, is) {
            (Some(_), Some(_)) => true,
            (Some(_), None) => after.node.at_path(&holder).is_some() && !may_inherit,
            _ => before.node.at_path(&holder).is_some(),
        };
        if is_on_both_sides && retains(was) && !retains(is) {
            let message = format!(
                "{} of {} is no longer retained: it is deleted together with its servers (`{}`)",
                item(name, "volume"),
                after.id(),
                retention.field
            );
            faults.push(after, leaf.field.clone(), message);
        }
    }
}
