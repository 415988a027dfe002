//! The order of claims as sync waves.

use std::collections::BTreeMap;

use crate::compose::Order;
use crate::delivery::Delivery;

/// The annotation of an object's wave.
pub(super) const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// The first wave of each claim. Claims in a dependency cycle are already reported and have none.
pub(super) fn waves<'a>(deliveries: &'a [Delivery], order: &'a Order) -> BTreeMap<&'a str, usize> {
    let length = |it: &Delivery| {
        let steps = [
            it.prerequisites.is_empty(),
            it.files.is_empty(),
            it.releases.is_empty(),
        ];
        steps.into_iter().filter(|is_empty| !is_empty).count()
    };
    let lengths: BTreeMap<&str, usize> = deliveries
        .iter()
        .map(|it| (&*it.name, length(it)))
        .collect();
    let mut waiting: BTreeMap<&str, usize> = BTreeMap::new();
    let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, first) in order {
        waiting.insert(name, first.len());
        for other in first {
            next.entry(other).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> = order.keys().map(String::as_str).collect();
    ready.retain(|it| waiting.get(it) == Some(&0));
    let mut waves: BTreeMap<&str, usize> = ready.iter().map(|it| (*it, 0)).collect();
    while let Some(name) = ready.pop() {
        let end = waves.get(name).unwrap_or(&0) + lengths.get(name).unwrap_or(&0);
        for other in next.get(name).into_iter().flatten() {
            let wave = waves.entry(other).or_default();
            *wave = end.max(*wave);
            if let Some(count) = waiting.get_mut(other) {
                *count -= 1;
                if *count == 0 {
                    ready.push(other);
                }
            }
        }
    }
    waves
}
