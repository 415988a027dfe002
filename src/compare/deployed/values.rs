//! Finds values of Helm releases that have no effect.

use std::collections::BTreeSet;

use super::units::{Key, Units};
use crate::deploy::{idle_changes, lost_values};
use crate::diag::{Diagnostic, Diagnostics};
use crate::yaml::parallel::each;

/// Reports values of Helm releases that no longer have an effect, or whose change has none.
pub(super) fn values_without_effect(
    [old, new]: &[Units<'_>; 2],
    excluded: &BTreeSet<Key<'_>>,
) -> Diagnostics {
    let pairs = new.iter().filter(|it| !excluded.contains(it.0));
    let pairs = pairs.filter_map(|(key, (_, unit))| {
        let before = old.get(key)?.1;
        let is_same = before.test_releases.len() == unit.test_releases.len();
        let pairs = before
            .test_releases
            .iter()
            .zip(&unit.test_releases)
            .filter(move |_| is_same);
        Some(pairs.map(|(before, after)| (*unit, &**before, &**after)))
    });
    let pairs = pairs.flatten();
    let mut notes = Diagnostics::default();
    each(
        pairs.collect::<Vec<_>>(),
        &mut notes,
        |(unit, before, after), notes| {
            for value in lost_values(before, after) {
                let message = format!(
                    "the value `{}` of {} no longer has an effect: {} does not use it",
                    value.name(),
                    unit.id,
                    unit.origin
                );
                let note = Diagnostic::warning("value-without-effect", message).at(&value.span);
                notes.push(note.help("see the values of the new version of the chart: rename the value, or remove it"));
            }
            for value in idle_changes(before, after) {
                let message = format!(
                    "the change of the value `{}` of {} does not change any deployed object",
                    value.name(),
                    unit.id
                );
                let note = Diagnostic::warning("value-without-effect", message).at(&value.span);
                notes.push(note.help(
                    "check the spelling of its keys, and conditions in the chart that disable it",
                ));
            }
        },
    );
    notes
}
