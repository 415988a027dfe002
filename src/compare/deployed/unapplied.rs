//! Changes of objects that Flux neither applies nor changes, because of an annotation or label.

use std::collections::BTreeMap;

use super::units::Units;
use crate::deploy::Unit;
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::{Object, ObjectId};
use crate::retention::has_flux_setting;

/// Reports changes that have no effect in the cluster.
pub(super) fn unapplied_changes([old, new]: &[Units<'_>; 2]) -> Diagnostics {
    let mut notes = Diagnostics::default();
    for (key, (_, unit)) in new {
        let Some((_, before)) = old.get(key) else {
            continue;
        };
        if before.unapplied.is_empty() && unit.unapplied.is_empty() {
            continue;
        }
        let [applied, known] = [&before.objects, &before.unapplied].map(|it| by_id(&[it]));
        for object in &unit.unapplied {
            let id = object.id();
            match known.get(&id) {
                Some(it) if it.node.same_data(&object.node) => {}
                Some(_) => notes.push(unapplied(object, unit, "does not apply the change of")),
                None if applied.contains_key(&id) => {
                    notes.push(unapplied(object, unit, "no longer applies"));
                }
                None => notes.push(unapplied(object, unit, "does not create")),
            }
        }
        let left = by_id(&[&unit.objects, &unit.unapplied]);
        let gone = before.unapplied.iter();
        let gone = gone.filter(|it| !left.contains_key(&it.id()));
        notes.extend(gone.map(|it| removed(it, unit)));
    }
    notes
}

fn by_id<'a>(lists: &[&'a Vec<Object>]) -> BTreeMap<ObjectId, &'a Object> {
    let all = lists.iter().flat_map(|it| it.iter());
    all.map(|it| (it.id(), it)).collect()
}

/// The setting because of which Flux does not apply an object.
fn setting(object: &Object) -> &'static str {
    match has_flux_setting(object, "ssa", "ignore") {
        true => "kustomize.toolkit.fluxcd.io/ssa: Ignore",
        false => "kustomize.toolkit.fluxcd.io/reconcile: disabled",
    }
}

fn unapplied(object: &Object, unit: &Unit, action: &str) -> Diagnostic {
    let setting = setting(object);
    let message = format!(
        "{} {action} {}, because the object has `{setting}`",
        unit.id,
        object.id()
    );
    let help = format!("to let Flux apply the object, remove `{setting}`");
    let note = Diagnostic::warning("unapplied-change", message);
    note.at(object.node.span()).help(help)
}

/// Flux does not write the setting to an object that exists, so the object in the cluster need not have it.
fn removed(object: &Object, unit: &Unit) -> Diagnostic {
    let setting = setting(object);
    let message = format!(
        "{} deletes {}, unless the object in the cluster has `{setting}`, which Flux did not apply",
        unit.id,
        object.id()
    );
    let help = "see the object with `kubectl get -o yaml`";
    let note = Diagnostic::warning("unapplied-change", message);
    note.at(object.node.span()).help(help)
}
