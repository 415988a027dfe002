//! Fields that are immutable after the object is created.

use super::{Danger, Faults, RuleKind, dropped_version};
use crate::diag::Severity;
use crate::diff::{Pair, is_recreated};
use crate::object::Object;
use crate::validate::rejected_changes;
use crate::yaml::{FieldPath, Step};

pub(super) const DANGER: Danger = Danger {
    code: "immutable-field",
    severity: Severity::Error,
    summary: "an immutable field changes",
    explain: "\
Some fields cannot be changed after an object is created: the selector of a workload, the volume claims of a StatefulSet, the \
pods of a Job, the address of a Service, the source of a PersistentVolume, the role of a binding, and fields of custom \
resources whose definition has a rule about changes. The API server rejects the change, and the sync engine reports an error \
until somebody deletes the object manually. A value that the server would have set as a default is not a change.

Give the new object another name, and remove the old one when nothing uses it any more. For the volumes of a StatefulSet, delete \
it with `kubectl delete statefulset NAME --cascade=orphan`, which keeps its pods, and let the sync engine create it again. If \
force is configured (`kustomize.toolkit.fluxcd.io/force: enabled`, or `Force=true,Replace=true` in Argo CD), the sync engine itself \
deletes the object and its pods and creates it again. `Replace=true` alone does not: the API server rejects it as well.",
    check: RuleKind::ChangeOrSecret(check),
};

fn check(pair: &Pair<'_>, faults: &mut Faults) {
    let Pair::Same(before, after) = pair else {
        return;
    };
    // An object with a generated name is a different one.
    if before.name() != after.name() {
        return;
    }
    for change in rejected_changes(&after.node, &before.node) {
        let field = change.finding.field;
        if change.finding.diagnostic.code == dropped_version::DANGER.code || is_size(after, &field)
        {
            continue;
        }
        let subject = match field.is_root() {
            true => after.id().to_string(),
            false => format!("`{field}` of {}", after.id()),
        };
        let reason = change.reason.map(|it| format!(", because it {it}"));
        let effect = match is_recreated(before, after) {
            true => "because of `force`, the object is deleted and created again".to_string(),
            false => format!("the API server rejects it{}", reason.unwrap_or_default()),
        };
        let message = format!("{subject} changes: {effect}");
        faults.push(after, field, message);
    }
}

/// Whether a field is the size of a volume, which has its own rule.
fn is_size(object: &Object, field: &FieldPath) -> bool {
    let is_resources = matches!(
        field.steps(),
        [Step::Key(spec), Step::Key(resources), ..] if &**spec == "spec" && &**resources == "resources"
    );
    is_resources && object.kind() == "PersistentVolumeClaim"
}
