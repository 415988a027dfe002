//! Charts and images that change to an older version.

use super::version::version_changes;
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
fields that are in use. A database such as PostgreSQL does not start with the files of a later major version.

Versions are compared for the same image or chart, also if the image comes from another registry. A pre-release (`1.2.3-rc.1`) is \
older than its release.

Read the release notes of all versions between the two, and make a backup.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    for step in version_changes(pair) {
        let [old, new] = &step.newest;
        if new.is_older_than(old) {
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
