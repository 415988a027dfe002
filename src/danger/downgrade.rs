//! Charts and images that go back to an older version.

use super::version::{numbers, steps};
use super::{Danger, Faults, Judge};
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
    sees_secrets: false,
    judge: Judge::Change(judge),
};

fn judge(pair: &Pair<'_>, faults: &mut Faults) {
    for step in steps(pair) {
        if let (Some(a), Some(b)) = (numbers(&step.before), numbers(&step.after))
            && b < a.get(..b.len()).map_or(a.clone(), <[u64]>::to_vec)
        {
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
