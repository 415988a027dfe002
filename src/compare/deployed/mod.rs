//! Compares what is deployed on two sides, unit by unit, including the objects of charts and of nested units.

mod kept;
mod left_out;
mod order;
mod origins;
mod units;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::environment::with_findings;
use super::rollout::Step;
use super::{Changed, Comparison, Origin, Origins, Side, presence};
use crate::deploy::{Status, Unit};
use crate::diff::Options;
use crate::object::{Object, ObjectId};
use crate::tree::{Tree, TreePath};
use crate::yaml::parallel::each;
use kept::{keep_crds, keep_present, keeping, outlives};
use left_out::left_out;
use order::order;
use origins::origin;
pub use origins::{DeployedOrigins, SyncOptions, deployed_origins};
pub use units::Deployed;
use units::{Key, Units, by_key, chart, definition, environment_of, is_same_objects, mark};
use values::values_without_effect;

/// Compares what is deployed on two sides.
///
/// A unit that can only be built on one side is not compared, nor are units that depend on it; a note says so, because a missing
/// result would look like a deletion. The objects of a suspended unit are unchanged, and so are the CRDs of a chart that Helm does
/// not upgrade.
pub fn compare_deployed(sides: [&Deployed<'_>; 2], options: &Options<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    let units = sides.map(by_key);
    let left_out = left_out(sides, &units, &mut comparison.notes);
    let [old, new] = [0, 1].map(|at| gather(sides, &units, at, &left_out));
    comparison
        .notes
        .extend(values_without_effect(&units, &left_out));
    let keeping = keeping(&units);
    let names: BTreeSet<&String> = old.objects.keys().chain(new.objects.keys()).collect();
    let none = Tree::new();
    let root = TreePath::root();
    let [before, after] = [(&old, sides[0]), (&new, sides[1])].map(|(found, side)| Side {
        files: &none,
        root: &root,
        name: side.name,
        origins: Some(&found.origins),
    });
    let compared = each(
        names.into_iter().collect::<Vec<_>>(),
        &mut comparison.notes,
        |name, notes| {
            let of = |found: &Gathered| found.objects.get(name).cloned().unwrap_or_default();
            let (mut old, mut new) = (of(&old), of(&new));
            keep_crds(&mut old, &mut new, &keeping, notes);
            keep_present(&old, &mut new, notes);
            let rest = || new.clone();
            with_findings(
                name.clone(),
                [&old, &new],
                &rest,
                [&before, &after],
                options,
            )
        },
    );
    comparison.environments.extend(compared);
    comparison.environments.retain(|it| !it.objects.is_empty());
    let order = order(&units);
    for environment in &mut comparison.environments {
        environment.steps = steps(&environment.objects, [&old, &new], &units, &order);
    }
    for found in [&old, &new] {
        for (title, name) in found.origins.claims() {
            let environments = comparison.claims.entry(title.to_string()).or_default();
            environments.insert(name.to_string());
        }
    }
    comparison.presence = presence(&comparison.environments, &new.origins);
    comparison
}

/// The units whose objects differ, by the name of their environment. A unit that cannot be built is included if its definition
/// differs.
pub fn units_that_differ(sides: [&Deployed<'_>; 2]) -> BTreeMap<String, BTreeSet<ObjectId>> {
    let units = sides.map(by_key);
    let keys: BTreeSet<Key<'_>> = units.iter().flat_map(|it| it.keys().copied()).collect();
    let mut found: BTreeMap<String, BTreeSet<ObjectId>> = BTreeMap::new();
    for key in keys {
        let [old, new] = units.each_ref().map(|it| it.get(&key).copied());
        let is_same = old.zip(new).is_some_and(|(old, new)| {
            let same_definition = match (definition(old.0, old.1), definition(new.0, new.1)) {
                (Some(old), Some(new)) => old.node.same_data(&new.node),
                (None, None) => true,
                _ => false,
            };
            let is_seen = |it: &Unit| it.status == Status::Built;
            let is_known =
                is_seen(old.1) && is_seen(new.1) || same_definition && old.1.status == new.1.status;
            is_known && is_same_objects(&old.1.objects, &new.1.objects)
        });
        if let (false, Some((entry, _))) = (is_same, new.or(old)) {
            let name = (sides[1].environment)(entry);
            found.entry(name).or_default().insert(key.1.clone());
        }
    }
    found
}

/// The objects of one side by environment, each marked with its unit, and the data of the units.
struct Gathered {
    objects: BTreeMap<String, Vec<Object>>,
    origins: Origins,
    /// The marks of units by the addresses of their claims, because titles of claims need not be unique.
    marks: BTreeMap<usize, TreePath>,
}

fn gather(
    sides: [&Deployed<'_>; 2],
    units: &[Units<'_>; 2],
    at: usize,
    left_out: &BTreeSet<Key<'_>>,
) -> Gathered {
    let mut objects: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    let mut origins: Vec<(TreePath, Origin)> = Vec::new();
    for (key, (entry, unit)) in &units[at] {
        if left_out.contains(key) {
            continue;
        }
        let environment = environment_of(sides[at], entry, unit);
        let mark = mark(*key);
        let other = units[1 - at].get(key).map(|it| it.1);
        let marked = unit.objects.iter().map(|it| Object {
            mark: Some(mark.as_str().into()),
            stays: outlives(it, unit, other.is_none()),
            ..it.clone()
        });
        objects
            .entry(environment.clone())
            .or_default()
            .extend(marked);
        let [old, new] = if at == 0 {
            [Some(*unit), other]
        } else {
            [other, Some(*unit)]
        };
        let title = chart(old, new);
        origins.push((mark, origin(sides[at], (entry, unit), environment, &title)));
    }
    Gathered {
        objects,
        marks: origins
            .iter()
            .map(|it| (Arc::as_ptr(&it.1.claim).addr(), it.0.clone()))
            .collect(),
        origins: origins.into_iter().collect(),
    }
}

/// The units whose objects change, in order.
fn steps(
    objects: &[Changed],
    sides: [&Gathered; 2],
    units: &[Units<'_>; 2],
    order: &BTreeMap<Key<'_>, usize>,
) -> Vec<Step> {
    let mut found: BTreeMap<Key<'_>, Step> = BTreeMap::new();
    let all = units.iter().flat_map(|it| it.iter());
    let by_mark: BTreeMap<TreePath, (Key<'_>, &Unit)> = all
        .map(|(key, (_, unit))| (mark(*key), (*key, *unit)))
        .collect();
    for object in objects {
        let Some(claim) = &object.claim else {
            continue;
        };
        let mark = sides
            .iter()
            .find_map(|it| it.marks.get(&Arc::as_ptr(claim).addr()));
        let Some((key, unit)) = mark.and_then(|it| by_mark.get(it)).copied() else {
            continue;
        };
        let pair = units.each_ref().map(|it| it.get(&key).map(|it| it.1));
        let step = found.entry(key).or_insert_with(|| Step {
            order: order.get(&key).copied().unwrap_or(0),
            title: format!("{}{}", unit.id, chart(pair[0], pair[1])),
            objects: Vec::new(),
        });
        step.objects.push(object.change.id.clone());
    }
    let mut steps: Vec<Step> = found.into_values().collect();
    steps.sort_by_key(|it| it.order);
    // Numbers are only assigned to units that change.
    let numbers: BTreeSet<usize> = steps.iter().map(|it| it.order).collect();
    for step in &mut steps {
        step.order = numbers.range(..step.order).count();
    }
    steps
}
