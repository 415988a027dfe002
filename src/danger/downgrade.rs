//! Charts and images that change to an older version.

use super::version::{newest, version_changes};
use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;

pub(super) const DANGER: Danger = Danger {
    code: "downgrade",
    severity: Severity::Warning,
    summary: "a chart or image is downgraded",
    explain: "\
An older version may not be able to read what a newer version has written: data formats, settings, objects in the cluster. \
ClickHouse does not guarantee that a version can read the parts and metadata of a later one. An older operator may not know \
fields that are in use.

Read the release notes of all versions between the two, and make a backup.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    for step in version_changes(pair) {
        let (Some(old), Some(new)) = (newest(&step.before), newest(&step.after)) else {
            continue;
        };
        // Numbers that a range leaves open do not count as older.
        let (old, new) = (old.numbers, new.numbers);
        if new.as_slice() < old.get(..new.len()).unwrap_or(&old) {
            let message = format!(
                "`{}` of {} is downgraded from {} to {}",
                step.of,
                step.object.id(),
                step.before,
                step.after
            );
            faults.push(step.object, step.field, message);
        }
    }
}
