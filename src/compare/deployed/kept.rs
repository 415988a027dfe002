//! Finds objects that stay in the cluster as they are, although the tree changes or removes them.

use std::collections::BTreeMap;

use super::units::{Units, mark};
use crate::deploy::Unit;
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::{Object, ObjectId};
use crate::retention::has_flux_setting;

/// By mark: the units on both sides for which Helm does not upgrade the CRDs of the chart.
pub(super) fn units_keeping_crds<'a>(units: &[Units<'a>; 2]) -> BTreeMap<String, &'a Unit> {
    let keeping = units[1]
        .iter()
        .filter(|(key, (_, unit))| unit.keeps_crds && units[0].contains_key(key));
    keeping
        .map(|(key, (_, unit))| (mark(*key).as_str().to_string(), *unit))
        .collect()
}

/// Removes CRDs that Helm does not upgrade from both sides, and reports those that change in the chart.
pub(super) fn keep_crds(
    old: &mut Vec<Object>,
    new: &mut Vec<Object>,
    keeping: &BTreeMap<String, &Unit>,
    notes: &mut Diagnostics,
) {
    let is_kept = |it: &mut Object| {
        let mark = it.mark.as_deref();
        let is_crd = it.stays && it.kind() == "CustomResourceDefinition";
        is_crd && mark.is_some_and(|it| keeping.contains_key(it))
    };
    let [old, new] = [old, new].map(|it| it.extract_if(.., is_kept).collect::<Vec<_>>());
    let key = |it: &Object| (it.mark.clone(), it.name().to_string());
    let known: BTreeMap<_, &Object> = old.iter().map(|it| (key(it), it)).collect();
    let mut changed: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for object in &new {
        let before = known.get(&key(object));
        if before.is_none_or(|it| !it.node.same_data(&object.node)) {
            let mark = object.mark.as_deref().unwrap_or("");
            changed.entry(mark).or_default().push(object.name());
        }
    }
    for (mark, names) in changed {
        notes.extend(keeping.get(mark).map(|it| crds_not_upgraded(it, &names)));
    }
}

/// Reverts changes of objects that Flux only creates and never updates, and reports them.
pub(super) fn keep_create_only(old: &[Object], new: &mut [Object], notes: &mut Diagnostics) {
    let is_create_only = |it: &&mut Object| has_flux_setting(it, "ssa", "IfNotPresent");
    let mut known: BTreeMap<ObjectId, &Object> = BTreeMap::new();
    for object in new.iter_mut().filter(is_create_only) {
        if known.is_empty() {
            known = old.iter().map(|it| (it.id(), it)).collect();
        }
        let Some(before) = known.get(&object.id()) else {
            continue;
        };
        if before.node.same_data(&object.node) {
            continue;
        }
        let message = format!(
            "Flux does not apply the change of {}, because it only creates this object if it does not exist",
            object.id()
        );
        let help = "to change the object in the cluster, remove `kustomize.toolkit.fluxcd.io/ssa: IfNotPresent`";
        let note = Diagnostic::warning("unapplied-change", message);
        notes.push(note.at(object.node.span()).help(help));
        object.node = before.node.clone();
    }
}

fn crds_not_upgraded(unit: &Unit, names: &[&str]) -> Diagnostic {
    let message = format!(
        "{} changes CRDs, but an upgrade does not update the CRDs in the cluster: {}",
        unit.id,
        names.join(", ")
    );
    let note = Diagnostic::warning("crds-not-upgraded", message);
    let note = match &unit.span {
        Some(span) => note.at(span),
        None => note,
    };
    note.help("set `spec.upgrade.crds: CreateReplace` to let Flux replace them")
}
