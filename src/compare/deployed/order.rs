//! The order in which units are reconciled.

use std::collections::{BTreeMap, BTreeSet};

use super::units::{Key, Units};
use crate::deploy::{Entry, Unit};
use crate::tree::TreePath;

/// The maximum length of a chain of dependent units that is ordered.
const CHAIN_MAX: usize = 1_000;

/// The order in which units are reconciled, by their keys: each unit after the one that applies it, after its dependencies, and
/// after units of the same parent in an earlier wave.
pub(super) fn order<'a>(units: &[Units<'a>; 2]) -> BTreeMap<Key<'a>, usize> {
    let all: BTreeMap<Key<'a>, (&Entry, &Unit)> = units
        .iter()
        .flat_map(|it| it.iter().map(|(key, unit)| (*key, *unit)))
        .collect();
    let mut waves: BTreeMap<(&TreePath, Option<usize>), BTreeSet<i64>> = BTreeMap::new();
    for (key, (_, unit)) in &all {
        let siblings = waves.entry((key.0, unit.parent)).or_default();
        siblings.insert(unit.wave);
    }
    let mut order: BTreeMap<Key<'a>, usize> = all.keys().map(|it| (*it, 0)).collect();
    // Each round orders one more unit of a chain. A cycle is never reconciled, so the loop ends here.
    for _ in 0..all.len().min(CHAIN_MAX) {
        let mut is_done = true;
        for (key, (entry, unit)) in &all {
            let parent = unit.parent.and_then(|it| entry.units.get(it));
            let parent = parent.and_then(|it| order.get(&(key.0, &it.id)));
            let needed = unit.depends_on.iter();
            let needed = needed.filter_map(|it| order.get(&(key.0, it))).max();
            let siblings = waves.get(&(key.0, unit.parent));
            let earlier = siblings.map_or(0, |it| it.range(..unit.wave).count());
            let after = parent.max(needed).map_or(0, |it| it + 1) + earlier;
            if order.get(key).is_some_and(|it| *it < after) && after <= all.len() {
                order.insert(*key, after);
                is_done = false;
            }
        }
        if is_done {
            break;
        }
    }
    order
}
