//! Charts and images that go up to another major version.

use super::version::{numbers, steps};
use super::{Danger, Faults, Judge};
use crate::diag::Severity;
use crate::diff::Pair;

pub(super) const DANGER: Danger = Danger {
    code: "major-step",
    severity: Severity::Warning,
    summary: "a chart or an image goes up to another major version",
    explain: "\
A step of the first number of a version says that something may not work as before; before 1.0 a step of the second number says \
the same. ClickHouse counts by year: from 24.8 to 25.3 there are settings whose default changed, and what is marked as backward \
incompatible changes are in the changelog of each version between.

Read the release notes of all versions between the two. Let one environment go first.",
    sees_secrets: false,
    judge: Judge::Change(judge),
};

fn judge(pair: &Pair<'_>, faults: &mut Faults) {
    for step in steps(pair) {
        let (Some(a), Some(b)) = (numbers(&step.before), numbers(&step.after)) else {
            continue;
        };
        let (what, why) = match (&*a, &*b) {
            ([0, old, ..], [0, new, ..]) if new > old => (
                "a minor step",
                ", which before 1.0 may break as a major one does",
            ),
            ([old, ..], [new, ..]) if new > old => ("a major step", ""),
            _ => continue,
        };
        let message = format!(
            "`{}` of {} takes {what} from {} to {}{why}",
            step.of,
            step.object.id(),
            step.before,
            step.after
        );
        faults.push(step.object, step.field, message);
    }
}
