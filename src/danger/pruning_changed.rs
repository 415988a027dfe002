//! Pruning turned on or off.

use super::{Danger, Faults, RuleKind};
use crate::diag::Severity;
use crate::diff::Pair;
use crate::object::Object;
use crate::retention::Retention;
use crate::yaml::FieldPath;

pub(super) const DANGER: Danger = Danger {
    code: "pruning-changed",
    severity: Severity::Warning,
    summary: "pruning by the sync engine is turned on or off",
    explain: "\
With pruning, the sync engine deletes objects from the cluster that are no longer in the tree. If it is turned on, objects that \
were left behind before may be deleted at once. If it is turned off, objects that are removed from the tree stay in the cluster.

Before you turn it on, check what would be deleted: use `flux diff kustomization NAME --path FOLDER`, or the diff of the \
Application in Argo CD.",
    check: RuleKind::Change(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    let field = match (after.api_version().split('/').next(), after.kind()) {
        (Some("kustomize.toolkit.fluxcd.io"), "Kustomization") => "spec.prune",
        (Some("argoproj.io"), "Application") => "spec.syncPolicy.automated.prune",
        _ => return,
    };
    let path = FieldPath::dotted(field);
    let is_on = |it: &Object| !Retention::of(it).keeps_removed;
    let message = match (is_on(before), is_on(after)) {
        (true, false) => format!(
            "pruning of {} is turned off: objects that are removed from the tree stay in the cluster",
            after.id()
        ),
        (false, true) => format!(
            "pruning of {} is turned on: objects that are not in the tree are deleted from the cluster",
            after.id()
        ),
        _ => return,
    };
    faults.push(after, path, message);
}
