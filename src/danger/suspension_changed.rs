//! Objects that are suspended or resumed.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::yaml::{FieldPath, Node};

pub(super) const DANGER: Danger = Danger {
    code: "suspension-changed",
    severity: Severity::Warning,
    summary: "an object is suspended or resumed",
    explain: "\
A suspended Flux object, or an Application without automated sync, is not reconciled: changes of the tree do not reach the \
cluster through it, and drift is not corrected. When it is resumed, all changes made meanwhile are applied at once. A suspended \
CronJob does not start.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let gvk = after.gvk();
    let is_application = (&*gvk.group, &*gvk.kind) == ("argoproj.io", "Application");
    let is_flux = gvk.group.ends_with(".toolkit.fluxcd.io");
    if !is_flux && !is_application && !matches!(after.kind(), "CronJob" | "Job") {
        return;
    }
    let path = FieldPath::dotted(match is_application {
        true => "spec.syncPolicy.automated",
        false => "spec.suspend",
    });
    let is_on = |it: &Object| match is_application {
        true => !is_automated(it.node.at_path(&path)),
        false => it.node.at_path(&path).and_then(Node::as_bool) == Some(true),
    };
    let message = match (is_on(before), is_on(after)) {
        (false, true) => format!("{} is suspended", after.id()),
        (true, false) => format!(
            "{} is resumed: all changes made meanwhile are applied at once",
            after.id()
        ),
        _ => return,
    };
    faults.push(after, path, message);
}

/// Argo CD syncs automatically if `automated` is set and not disabled.
fn is_automated(automated: Option<&Node>) -> bool {
    let enabled = automated.map(|it| it.get("enabled").and_then(Node::as_bool));
    enabled.is_some_and(|it| it != Some(false))
}
