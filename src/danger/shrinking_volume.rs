//! Volumes that shrink.

use super::scalar_fields::{changed, item};
use super::{Danger, Faults, RuleKind, field_text};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::quantity;

pub(super) const DANGER: Danger = Danger {
    code: "shrinking-volume",
    severity: Severity::Error,
    summary: "the requested size of a volume decreases",
    explain: "\
A volume can grow but not shrink: Kubernetes rejects a smaller size in a PersistentVolumeClaim. If its template requests less, \
an operator either reports an error, or creates new volumes and leaves the data on the old ones.

To move to smaller volumes, create a new cluster or a new replica next to the old one, copy the data, and remove the old one.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let is_storage = |keys: &[&str]| {
        keys.ends_with(&["requests", "storage"]) || keys.ends_with(&["storage", "size"])
    };
    for (name, old, new) in changed(&before.node, &after.node, &is_storage) {
        let size = |it: &str| quantity(it.trim());
        let sizes = (
            size(field_text(Some(old.node))),
            size(field_text(Some(new.node))),
        );
        if let (Some(a), Some(b)) = sizes
            && b < a
        {
            let message = format!(
                "{} of {} shrinks from {} to {}",
                item(&name, "volume"),
                after.id(),
                field_text(Some(old.node)),
                field_text(Some(new.node))
            );
            faults.push(after, new.field, message);
        }
    }
}
