//! Computes the order in which units are reconciled.

use std::collections::{BTreeMap, BTreeSet};

use super::units::{Key, Units};
use crate::deploy::{Entry, Unit};
use crate::tree::TreePath;

/// The maximum length of a chain of dependencies whose order is computed.
const CHAIN_MAX: usize = 1_000;

/// By unit: its position in the order of reconciliation. Each unit comes after the one that applies it, after its dependencies, and
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
    // Each round orders one more unit of a chain. The limit ends the loop if there is a cycle.
    for _ in 0..all.len().min(CHAIN_MAX) {
        let mut is_done = true;
        for (key, (entry, unit)) in &all {
            let parent = unit.parent.and_then(|it| entry.units.get(it));
            let parent = parent.and_then(|it| order.get(&(key.0, &it.id)));
            let dependencies = unit.depends_on.iter();
            let last_dependency = dependencies.filter_map(|it| order.get(&(key.0, it))).max();
            let siblings = waves.get(&(key.0, unit.parent));
            let earlier_waves = siblings.map_or(0, |it| it.range(..unit.wave).count());
            let position = parent.max(last_dependency).map_or(0, |it| it + 1) + earlier_waves;
            if order.get(key).is_some_and(|it| *it < position) && position <= all.len() {
                order.insert(*key, position);
                is_done = false;
            }
        }
        if is_done {
            break;
        }
    }
    order
}
