//! Turns the order of claims into sync waves.

use std::collections::BTreeMap;

use crate::compose::Order;
use crate::delivery::Delivery;

/// The annotation with the sync wave of an object.
pub(super) const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// The first wave of each claim. Claims in a dependency cycle, which are already reported, have none.
pub(super) fn waves<'a>(deliveries: &'a [Delivery], order: &'a Order) -> BTreeMap<&'a str, usize> {
    let wave_count = |it: &Delivery| {
        let steps = [
            it.prerequisites.is_empty(),
            it.files.is_empty(),
            it.releases.is_empty(),
        ];
        steps.into_iter().filter(|is_empty| !is_empty).count()
    };
    let wave_counts: BTreeMap<&str, usize> = deliveries
        .iter()
        .map(|it| (&*it.name, wave_count(it)))
        .collect();
    let mut open_dependencies: BTreeMap<&str, usize> = BTreeMap::new();
    let mut dependents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, dependencies) in order {
        open_dependencies.insert(name, dependencies.len());
        for dependency in dependencies {
            dependents.entry(dependency).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> = order.keys().map(String::as_str).collect();
    ready.retain(|it| open_dependencies.get(it) == Some(&0));
    let mut waves: BTreeMap<&str, usize> = ready.iter().map(|it| (*it, 0)).collect();
    while let Some(name) = ready.pop() {
        let end = waves.get(name).unwrap_or(&0) + wave_counts.get(name).unwrap_or(&0);
        for dependent in dependents.get(name).into_iter().flatten() {
            let wave = waves.entry(dependent).or_default();
            *wave = end.max(*wave);
            if let Some(count) = open_dependencies.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.push(dependent);
                }
            }
        }
    }
    waves
}
