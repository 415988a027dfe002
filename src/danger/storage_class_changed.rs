//! Volumes with a changed storage class.

use super::scalar_fields::{Leaf, item, leaves};
use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::yaml::FieldPath;

pub(super) const DANGER: Danger = Danger {
    code: "storage-class-changed",
    severity: Severity::Error,
    summary: "the storage class of a volume changes",
    explain: "\
The storage class of an existing volume cannot be changed. The API server rejects the change for a PersistentVolumeClaim and a \
StatefulSet. An operator keeps the old volumes of existing servers, or creates new, empty ones. If the class is not set, it is \
the default class of the cluster, which may be a different one.

To move data to another class, create new replicas with it, let them fetch the data, and remove the old ones.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let is_class =
        |keys: &[&str]| matches!(keys.last(), Some(&"storageClassName" | &"storageClass"));
    // PersistentVolumeClaims themselves are covered by the rule for immutable fields.
    if after.kind() == "PersistentVolumeClaim" {
        return;
    }
    let (old, new) = (
        leaves(&before.node, &is_class),
        leaves(&after.node, &is_class),
    );
    let name_of = |leaf: Option<&Leaf<'_>>| match leaf.and_then(|it| it.node.as_str()) {
        Some(class) => format!("`{class}`"),
        None => "the cluster's default".to_string(),
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let (was, is) = (old.get(name), new.get(name));
        // The template was added or removed, so no volume changes its class.
        let holder = |leaf: &Leaf<'_>, other: &crate::yaml::Node| {
            let mut field = leaf.field.clone();
            field.pop();
            other.at_path(&field).is_some()
        };
        let is_there = match (was, is) {
            (Some(was), None) => holder(was, &after.node),
            (None, Some(is)) => holder(is, &before.node),
            _ => true,
        };
        if is_there && name_of(was) != name_of(is) {
            let field = is
                .or(was)
                .map_or_else(FieldPath::root, |it| it.field.clone());
            let message = format!(
                "{} of {} changes its storage class from {} to {}",
                item(name, "volume"),
                after.id(),
                name_of(was),
                name_of(is)
            );
            faults.push(after, field, message);
        }
    }
}
