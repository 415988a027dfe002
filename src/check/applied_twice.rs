//! Objects that two units apply with different content.

use std::collections::BTreeMap;

use super::environment::{EnvironmentObjects, SourcedObject};
use super::{Check, Faults, RuleKind};
use crate::diag::Severity;
use crate::object::{Object, ObjectId};
use crate::retention::{applies_continuously, shares_objects, without_owner};
use crate::yaml::FieldPath;

pub(super) const CHECK: Check = Check {
    code: "applied-twice",
    severity: Severity::Warning,
    summary: "two Kustomizations or Applications apply the same object with different content",
    explain: "\
Each of the two reverts the changes of the other at every reconciliation, so the object changes again and again. If one of them no \
longer contains the object, it may delete it although the other one still needs it.

Only folders are compared, not charts, and only units that are reconciled automatically: a Kustomization that is suspended or an \
Application without `syncPolicy.automated` does not count. An object with the same content in both is not reported, nor is one \
that is meant to be shared: with `kustomize.toolkit.fluxcd.io/ssa: Merge` or `IfNotPresent`, or with server-side apply of Argo CD.

Remove the object from one of them. This often happens after a folder was copied.",
    check: RuleKind::Objects(check),
};

fn check(environment: &EnvironmentObjects<'_>, faults: &mut Faults) {
    let units: BTreeMap<ObjectId, &Object> = environment
        .objects
        .iter()
        .filter(|it| applies_continuously(&it.object))
        .map(|it| (it.object.id(), &*it.object))
        .collect();
    let mut first: BTreeMap<ObjectId, (&SourcedObject<'_>, ObjectId)> = BTreeMap::new();
    for sourced in &environment.objects {
        let Some(unit) = sourced.unit().filter(|it| units.contains_key(it)) else {
            continue;
        };
        let definition = units.get(&unit);
        let id = sourced.object.id();
        if id.name.is_empty() || definition.is_some_and(|it| shares_objects(it, &sourced.object)) {
            continue;
        }
        let Some((other, owner)) = first.get(&id) else {
            first.insert(id, (sourced, unit));
            continue;
        };
        let [a, b] = [&other.object, &sourced.object].map(|it| without_owner(it));
        if *owner != unit && !a.same_data(&b) {
            let message =
                format!("{unit} applies {id}, and so does {owner}, with different content");
            let help = format!(
                "remove it from one of the two; the other one is at {}",
                position(other)
            );
            faults.push(sourced, &FieldPath::dotted("metadata.name"), message, &help);
        }
    }
}

/// The file and line of an object.
fn position(sourced: &SourcedObject<'_>) -> String {
    let span = sourced.line(&FieldPath::dotted("metadata.name"));
    format!("{}:{}", span.path(), span.position().line)
}
