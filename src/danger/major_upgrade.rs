//! Charts and images that change to a higher major version.

use super::version::version_changes;
use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;

pub(super) const DANGER: Danger = Danger {
    code: "major-upgrade",
    severity: Severity::Warning,
    summary: "a chart or image is upgraded to another major version",
    explain: "\
A new major version may contain breaking changes; before 1.0, so may a new minor version. ClickHouse numbers versions by year: \
between 24.8 and 25.3, the defaults of some settings changed. The changelog of each version lists its backward incompatible \
changes.

Read the release notes of all versions between the two. Upgrade one environment first.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    for step in version_changes(pair) {
        let [old, new] = &step.newest;
        let (what, why) = match (old.major_and_minor(), new.major_and_minor()) {
            ([0, old], [0, new]) if new > old => (
                "to another minor version",
                ", which may be a breaking change before 1.0",
            ),
            ([old, _], [new, _]) if new > old => ("to another major version", ""),
            _ => continue,
        };
        let message = format!(
            "`{}` of {} is upgraded {what}: {} to {}{why}",
            step.of,
            step.object.id(),
            step.before,
            step.after
        );
        faults.push(step.object, step.field, message);
    }
}
