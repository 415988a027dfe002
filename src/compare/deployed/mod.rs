//! Compares the objects that are deployed on two sides, unit by unit, including those of charts and of nested units.

mod chart_versions;
mod kept;
mod handling;
mod excluded;
mod order;
mod origins;
mod units;
mod values;
mod unapplied;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::environment::compare_objects;
use super::rollout::Step;
use super::{ChangedObject, Comparison, Origin, Origins, Side, presence};
use crate::deploy::{Status, Unit};
use crate::diff::Options;
use crate::object::{Object, ObjectId};
use crate::tree::{Tree, TreePath};
use crate::yaml::parallel::each;
use chart_versions::unchanged_versions;
use excluded::excluded_units;
use handling::{UnitAfter, handling, stays, unit_after};
use kept::{keep_crds, keep_create_only, units_keeping_crds};
use order::order;
use origins::origin;
pub use origins::{DeployedOrigins, SyncOptions, deployed_origins};
use unapplied::unapplied_changes;
pub use units::Deployed;
use units::{
    Key, Units, by_key, chart, definition, environment_of, has_same_objects, is_entry_folder, mark,
};
use values::values_without_effect;

/// Compares the objects that are deployed on two sides.
///
/// A unit that can only be built on one side is not compared, with a note, because missing objects would look like deletions; the
/// same applies to the units that it deploys. The objects of a suspended unit are treated as unchanged, and so are the CRDs of a
/// chart that Helm does not upgrade.
pub fn compare_deployed(sides: [&Deployed<'_>; 2], options: &Options<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    let units = sides.map(by_key);
    let excluded = excluded_units(sides, &units, &mut comparison.notes);
    let [old, new] = [0, 1].map(|at| collect_objects(sides, &units, at, &excluded));
    comparison
        .notes
        .extend(values_without_effect(&units, &excluded));
    comparison.notes.extend(unapplied_changes(&units));
    comparison
        .notes
        .extend(unchanged_versions(&units, &excluded));
    let keeping = units_keeping_crds(&units);
    let names: BTreeSet<&String> = old.objects.keys().chain(new.objects.keys()).collect();
    let none = Tree::new();
    let root = TreePath::root();
    let [before, after] = [(&old, sides[0]), (&new, sides[1])].map(|(objects, side)| Side {
        files: &none,
        root: &root,
        name: side.name,
        origins: Some(&objects.origins),
    });
    let compared = each(
        names.into_iter().collect::<Vec<_>>(),
        &mut comparison.notes,
        |name, notes| {
            let objects = |side: &SideObjects| side.objects.get(name).cloned().unwrap_or_default();
            let (mut old, mut new) = (objects(&old), objects(&new));
            keep_crds(&mut old, &mut new, &keeping, notes);
            keep_create_only(&old, &mut new, notes);
            let all_after = || new.clone();
            compare_objects(
                name.clone(),
                [&old, &new],
                &all_after,
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
    for side in [&old, &new] {
        for (title, name) in side.origins.claims() {
            let environments = comparison.claims.entry(title.to_string()).or_default();
            environments.insert(name.to_string());
        }
    }
    comparison.presence = presence(&comparison.environments, &new.origins);
    comparison
}

/// By environment: the units whose objects differ. A unit that cannot be built is included if its definition differs.
pub fn differing_units(sides: [&Deployed<'_>; 2]) -> BTreeMap<String, BTreeSet<ObjectId>> {
    let units = sides.map(by_key);
    let keys: BTreeSet<Key<'_>> = units.iter().flat_map(|it| it.keys().copied()).collect();
    let mut found: BTreeMap<String, BTreeSet<ObjectId>> = BTreeMap::new();
    for key in keys {
        let [old, new] = units.each_ref().map(|it| it.get(&key).copied());
        let is_same = old.zip(new).is_some_and(|(old, new)| {
            let has_same_definition = match (definition(old.0, old.1), definition(new.0, new.1)) {
                (Some(old), Some(new)) => old.node.same_data(&new.node),
                (None, None) => true,
                _ => false,
            };
            let is_built = |it: &Unit| it.status == Status::Built;
            let is_comparable = is_built(old.1) && is_built(new.1)
                || has_same_definition && old.1.status == new.1.status;
            is_comparable && has_same_objects(&old.1.objects, &new.1.objects)
        });
        if let (false, Some((entry, _))) = (is_same, new.or(old)) {
            let name = (sides[1].environment)(entry);
            found.entry(name).or_default().insert(key.1.clone());
        }
    }
    found
}

/// The objects of one side.
struct SideObjects {
    /// By environment: the objects, each marked with its unit.
    objects: BTreeMap<String, Vec<Object>>,
    /// The origins of the objects, by the marks of their units.
    origins: Origins,
    /// By claim of a unit: the mark of the unit. The key is the address of the claim, because titles of claims need not be unique.
    marks: BTreeMap<usize, TreePath>,
}

fn collect_objects(
    sides: [&Deployed<'_>; 2],
    units: &[Units<'_>; 2],
    at: usize,
    excluded: &BTreeSet<Key<'_>>,
) -> SideObjects {
    let mut objects: BTreeMap<String, Vec<Object>> = BTreeMap::new();
    let mut origins: Vec<(TreePath, Origin)> = Vec::new();
    let compared = || units[at].iter().filter(|it| !excluded.contains(it.0));
    // An entry that the engine also applies by itself, with an Application for its folder, is deployed once.
    let synced: BTreeSet<(&TreePath, ObjectId)> = compared()
        .filter(|(_, (_, unit))| !is_entry_folder(unit))
        .flat_map(|(key, (_, unit))| unit.objects.iter().map(|it| (key.0, it.id())))
        .collect();
    for (key, (entry, unit)) in compared() {
        let environment = environment_of(sides[at], entry, unit);
        let mark = mark(*key);
        let other = units[1 - at].get(key).map(|it| it.1);
        let is_repeated =
            |it: &&Object| is_entry_folder(unit) && synced.contains(&(key.0, it.id()));
        // An object that is no longer applied stays as it is.
        let unapplied = other.iter().flat_map(|it| &it.unapplied);
        let unapplied: BTreeSet<ObjectId> = unapplied.map(Object::id).collect();
        let is_left = |it: &&Object| !unapplied.is_empty() && unapplied.contains(&it.id());
        let objects_once = unit.objects.iter().filter(|it| !is_repeated(it));
        let objects_once = objects_once.filter(|it| at == 1 || !is_left(it));
        let unit_after = match at {
            0 => unit_after(*key, (*entry, *unit), &units[1]),
            _ => UnitAfter::Remains(unit),
        };
        let title: Arc<str> = unit.id.to_string().into();
        let marked = objects_once.map(|it| {
            let stays = stays(it, unit, unit_after);
            Object {
                mark: Some(mark.as_str().into()),
                stays,
                handling: handling(it, unit, &title, stays),
                ..it.clone()
            }
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
    SideObjects {
        objects,
        marks: origins
            .iter()
            .map(|it| (Arc::as_ptr(&it.1.claim).addr(), it.0.clone()))
            .collect(),
        origins: origins.into_iter().collect(),
    }
}

/// The units whose objects change, in the order of reconciliation.
fn steps(
    objects: &[ChangedObject],
    sides: [&SideObjects; 2],
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
    // The steps are numbered without gaps for units that do not change.
    let numbers: BTreeSet<usize> = steps.iter().map(|it| it.order).collect();
    for step in &mut steps {
        step.order = numbers.range(..step.order).count();
    }
    steps
}
