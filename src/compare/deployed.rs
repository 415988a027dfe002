//! Compares what is deployed on two sides, unit by unit, including the objects of charts and of nested units.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::environment::judged;
use super::origin::Written;
use super::rollout::Step;
use super::{Changed, Claim, Comparison, Origin, Origins, Side, presence};
use crate::deploy::{
    self, ChartInputs, Deployment, Entry, Status, Unit, idle_changes, lost_values,
};
use crate::diag::{Diagnostic, Diagnostics};
use crate::diff::{Options, has_flux_setting};
use crate::object::{Object, ObjectId};
use crate::tree::{Tree, TreePath};
use crate::yaml::Node;
use crate::yaml::parallel::each;

/// One side of a comparison of deployments.
#[derive(Clone, Copy)]
pub struct Deployed<'a> {
    /// The entries of the side, with their units and objects.
    pub deployment: &'a Deployment,
    /// The name of the side in notes: `HEAD~1`.
    pub name: &'a str,
    /// The claim of a unit, or a claim made from the unit itself: the title and line under which its objects are reported.
    pub claim: &'a (dyn Fn(&Entry, &Unit) -> Claim + Sync),
    /// The name of the environment of an entry.
    pub environment: &'a (dyn Fn(&Entry) -> String + Sync),
}

/// An entry's folder and a unit of it.
type Key<'a> = (&'a TreePath, &'a ObjectId);

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
            judged(
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

/// The units of a side.
fn by_key<'a>(side: &Deployed<'a>) -> BTreeMap<Key<'a>, (&'a Entry, &'a Unit)> {
    let entries = side.deployment.entries.iter();
    let units = entries.flat_map(|entry| entry.units.iter().map(move |it| (entry, it)));
    units
        .map(|(entry, unit)| ((&entry.folder, &unit.id), (entry, unit)))
        .collect()
}

type Units<'a> = BTreeMap<Key<'a>, (&'a Entry, &'a Unit)>;

/// The units that are not compared, including those that depend on them.
fn left_out<'a>(
    sides: [&Deployed<'_>; 2],
    units: &[Units<'a>; 2],
    notes: &mut Diagnostics,
) -> BTreeSet<Key<'a>> {
    let keys: BTreeSet<Key<'a>> = units.iter().flat_map(|it| it.keys().copied()).collect();
    let mut found = BTreeSet::new();
    for key in keys {
        let pair = units.each_ref().map(|it| it.get(&key).copied());
        match why_left_out(key.1, pair, sides) {
            None => {}
            Some(note) => {
                found.insert(key);
                notes.extend(note);
            }
        }
    }
    for side in units {
        for (key, (entry, unit)) in side {
            let mut above = unit.parent.and_then(|it| entry.units.get(it));
            while let Some(parent) = above {
                if found.contains(&(&entry.folder, &parent.id)) {
                    found.insert(*key);
                    break;
                }
                above = parent.parent.and_then(|it| entry.units.get(it));
            }
        }
    }
    found
}

/// Whether a unit is not compared, and the note about it. A unit that cannot be built on either side and has the same definition is
/// no difference.
fn why_left_out(
    id: &ObjectId,
    [old, new]: [Option<(&Entry, &Unit)>; 2],
    sides: [&Deployed<'_>; 2],
) -> Option<Option<Diagnostic>> {
    let fault = |it: Option<(&Entry, &Unit)>| match &it?.1.status {
        Status::NotBuilt(fault) => Some(fault.clone()),
        _ => None,
    };
    let (before, after) = (fault(old), fault(new));
    // A source that is only available on one side does not show what is deleted.
    let partial = |it: Option<(&Entry, &Unit)>| match &it?.1.status {
        Status::Partial(fault) => Some(fault.clone()),
        _ => None,
    };
    let (before, after) = match (partial(old), partial(new)) {
        (Some(fault), None) if new.is_some() => (before.or(Some(fault)), after),
        (None, Some(fault)) if old.is_some() => (before, after.or(Some(fault))),
        _ => (before, after),
    };
    let is_unseen = (before.is_some() || old.is_none()) && (after.is_some() || new.is_none());
    if let Some((fault, at)) = after.map(|it| (it, 1)).or(before.map(|it| (it, 0))) {
        let [old, new] = [old, new].map(|it| it.and_then(|it| definition(it.0, it.1)));
        let pair = old.zip(new);
        let is_same = pair.is_some_and(|(old, new)| old.node.same_data(&new.node));
        let note = not_compared(id, sides[at].name, &fault);
        return Some((!is_unseen || !is_same).then_some(note));
    }
    let (old, new) = (old?.1, new?.1);
    let is_same = || is_same_objects(&old.objects, &new.objects);
    (new.status == Status::Suspended).then(|| (!is_same()).then(|| suspended(new)))
}

/// The object that makes the engine deploy a unit, as its parent unit contains it.
fn definition<'a>(entry: &'a Entry, unit: &Unit) -> Option<&'a Object> {
    let parent = unit.parent.and_then(|it| entry.units.get(it))?;
    parent.objects.iter().find(|it| it.id() == unit.id)
}

fn not_compared(id: &ObjectId, side: &str, fault: &Diagnostic) -> Diagnostic {
    let words = format!("{id} is not shown");
    let reason = fault.message.strip_prefix(&words).unwrap_or(&fault.message);
    let reason = reason.trim_start_matches([':', ',', ' ']);
    let reason = reason.strip_prefix("because ").unwrap_or(reason);
    let message =
        format!("what {id} deploys is not compared, because it is not known in {side}: {reason}");
    let note = Diagnostic::warning("not-compared", message);
    let note = match &fault.span {
        Some(span) => note.at(span),
        None => note,
    };
    fault
        .help
        .iter()
        .fold(note, |note, help| note.help(help.as_str()))
}

fn suspended(unit: &Unit) -> Diagnostic {
    let message = format!(
        "{} is suspended: what it deploys changes, but the objects in the cluster do not change until it is resumed",
        unit.id
    );
    let note = Diagnostic::warning("not-compared", message);
    match &unit.span {
        Some(span) => note.at(span),
        None => note,
    }
}

fn is_same_objects(old: &[Object], new: &[Object]) -> bool {
    let mut pairs = old.iter().zip(new);
    old.len() == new.len() && pairs.all(|(old, new)| old.node.same_data(&new.node))
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

/// Whether an object of a unit stays in the cluster when it is removed from the tree or when its unit is deleted.
fn outlives(object: &Object, unit: &Unit, is_deleted: bool) -> bool {
    let annotation = |key: &str| {
        let value = object.node.at_keys(&["metadata", "annotations", key]);
        value.and_then(Node::as_str).unwrap_or("")
    };
    let is_retained = || annotation("helm.sh/resource-policy").trim() == "keep";
    let is_hook = || {
        let policy = annotation("helm.sh/hook-delete-policy");
        !annotation("helm.sh/hook").is_empty() && !policy.contains("hook-succeeded")
    };
    let keeps = match is_deleted {
        true => unit.keeps.on_deletion,
        false => unit.keeps.removed,
    };
    // As `shouldBeDeleted` of Argo CD for Applications, and `filterManifestsToKeep` of Helm for releases.
    let by_engine = match &*unit.id.kind {
        // Objects that a hook creates are not part of the release.
        "HelmRelease" => is_retained() || is_hook(),
        "Application" if is_deleted => {
            let options = annotation("argocd.argoproj.io/sync-options").to_lowercase();
            let stays = |it: &str| it.trim() == "delete=false";
            object.kind() == "CustomResourceDefinition"
                || is_retained()
                || options.split(',').any(stays)
        }
        _ => false,
    };
    object.stays || keeps || by_engine
}

/// The environment of a unit: that of its entry, with the cluster that it deploys to if that is a different one.
fn environment_of(side: &Deployed<'_>, entry: &Entry, unit: &Unit) -> String {
    match &*unit.cluster {
        "" => (side.environment)(entry),
        cluster => format!("{} ({cluster})", (side.environment)(entry)),
    }
}

/// The origin of a unit's objects. `chart` is appended to the title of its claim.
fn origin(
    side: &Deployed<'_>,
    (entry, unit): (&Entry, &Unit),
    environment: String,
    chart: &str,
) -> Origin {
    let claim = (side.claim)(entry, unit);
    Origin {
        environment: Some(environment),
        claim: Arc::new(Claim {
            title: format!("{}{chart}", claim.title),
            ..claim
        }),
        objects: unit.objects.clone(),
        written: match unit.origin {
            deploy::Origin::Chart(_) => Written::Values,
            _ => Written::Anywhere,
        },
    }
}

/// What is deployed, in the form that checks use.
#[derive(Clone, Debug, Default)]
pub struct DeployedOrigins {
    /// The units that could be built: their environments, claims and objects.
    pub origins: Origins,
    /// The objects that make an engine deploy these units.
    pub seen: BTreeSet<ObjectId>,
    /// The charts that units install, with their values, by environment.
    pub inputs: BTreeMap<String, ChartInputs>,
    /// Environments with a unit that could not be built and is not a chart, so its objects may be anywhere.
    pub unseen: BTreeSet<String>,
    /// Environments that nothing in the repository applies, although it contains entries that apply themselves, or Kustomizations that
    /// patch what they apply.
    pub unapplied: BTreeSet<String>,
    /// How Argo CD applies the objects of its Applications, by their indexes in `origins`.
    pub sync_options: BTreeMap<TreePath, SyncOptions>,
}

/// How Argo CD applies the objects of an Application.
#[derive(Clone, Debug)]
pub struct SyncOptions {
    /// The identity of the Application.
    pub application: ObjectId,
    /// Its sync options, such as `ServerSideApply=true`.
    pub options: Vec<String>,
}

/// The origins of everything that is deployed.
pub fn deployed_origins(side: &Deployed<'_>) -> DeployedOrigins {
    let mut found = DeployedOrigins::default();
    let mut origins: Vec<(TreePath, Origin)> = Vec::new();
    let units = by_key(side);
    let mut all = units.values();
    let has_parents = all.any(|(entry, unit)| {
        entry.is_bootstrap || definition(entry, unit).is_some_and(patches_sync_objects)
    });
    for (key, (entry, unit)) in units {
        let environment = environment_of(side, entry, unit);
        if has_parents && !entry.is_bootstrap {
            found.unapplied.insert(environment.clone());
        }
        let inputs = unit.inputs.iter().map(|it| (unit.id.clone(), it.clone()));
        let of_environment = found.inputs.entry(environment.clone()).or_default();
        of_environment.extend(inputs);
        match (&unit.status, &unit.origin) {
            (Status::NotBuilt(_), deploy::Origin::Chart(_)) => continue,
            (Status::NotBuilt(_), _) => {
                found.unseen.insert(environment);
                continue;
            }
            _ => {}
        }
        found.seen.insert(unit.id.clone());
        if &*unit.id.kind == "Application" {
            let options = SyncOptions {
                application: unit.id.clone(),
                options: unit.sync_options.clone(),
            };
            found.sync_options.insert(mark(key), options);
        }
        origins.push((mark(key), origin(side, (entry, unit), environment, "")));
    }
    found.origins = origins.into_iter().collect();
    found
}

/// Whether a Kustomization patches those that it applies, or HelmReleases.
fn patches_sync_objects(kustomization: &Object) -> bool {
    let patches = kustomization.node.at_keys(&["spec", "patches"]);
    let patches = patches.and_then(Node::as_sequence).unwrap_or_default();
    patches.iter().any(|patch| {
        let text = |keys: &[&str]| patch.at_keys(keys).and_then(Node::as_str).unwrap_or("");
        matches!(text(&["target", "kind"]), "Kustomization" | "HelmRelease")
            || text(&["patch"]).contains(".toolkit.fluxcd.io/")
    })
}

/// How the objects of a unit are identified.
fn mark((folder, id): Key<'_>) -> TreePath {
    let parts = [folder.as_str(), &*id.kind, &*id.namespace, &*id.name];
    let path = parts.iter().filter(|it| !it.is_empty()).copied();
    TreePath::new(&path.collect::<Vec<_>>().join("/")).unwrap_or_else(TreePath::root)
}

/// The chart of a unit, with both versions if they differ.
fn chart(old: Option<&Unit>, new: Option<&Unit>) -> String {
    let title = |it: Option<&Unit>| match &it?.origin {
        deploy::Origin::Chart(chart) => Some(chart.clone()),
        _ => None,
    };
    match (title(old), title(new)) {
        (Some(old), Some(new)) if old.name == new.name && old.version != new.version => {
            format!(" (chart {old} → {})", new.version)
        }
        (Some(old), Some(new)) if old != new => format!(" (chart {old} → {new})"),
        (_, Some(chart)) | (Some(chart), None) => format!(" (chart {chart})"),
        (None, None) => String::new(),
    }
}

/// The units on both sides whose chart CRDs are not upgraded, by their marks.
fn keeping<'a>(units: &[Units<'a>; 2]) -> BTreeMap<String, &'a Unit> {
    let kept = units[1]
        .iter()
        .filter(|(key, (_, unit))| unit.keeps_crds && units[0].contains_key(key));
    kept.map(|(key, (_, unit))| (mark(*key).as_str().to_string(), *unit))
        .collect()
}

/// Removes the changes of CRDs that Helm does not upgrade, and reports which of them change in the chart.
fn keep_crds(
    old: &mut Vec<Object>,
    new: &mut Vec<Object>,
    keeping: &BTreeMap<String, &Unit>,
    notes: &mut Diagnostics,
) {
    let is_kept = |it: &mut Object| {
        let mark = it.mark.as_deref();
        let is_of_crds = it.stays && it.kind() == "CustomResourceDefinition";
        is_of_crds && mark.is_some_and(|it| keeping.contains_key(it))
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
        notes.extend(keeping.get(mark).map(|it| kept(it, &names)));
    }
}

/// Removes changes of objects that Flux only creates and never updates, and reports them.
fn keep_present(old: &[Object], new: &mut [Object], notes: &mut Diagnostics) {
    const KEY: &str = "kustomize.toolkit.fluxcd.io/ssa";
    let is_for_creation = |it: &&mut Object| has_flux_setting(it, KEY, "IfNotPresent");
    let mut known: BTreeMap<ObjectId, &Object> = BTreeMap::new();
    for object in new.iter_mut().filter(is_for_creation) {
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
        let help = format!("to change the object in the cluster, remove `{KEY}: IfNotPresent`");
        let note = Diagnostic::warning("unapplied-change", message);
        notes.push(note.at(object.node.span()).help(help));
        object.node = before.node.clone();
    }
}

/// The maximum length of a chain of dependent units that is ordered.
const CHAIN_MAX: usize = 1_000;

/// The order in which units are reconciled, by their keys: each unit after the one that applies it, after its dependencies, and
/// after units of the same parent in an earlier wave.
fn order<'a>(units: &[Units<'a>; 2]) -> BTreeMap<Key<'a>, usize> {
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

/// Finds values of releases that no longer have an effect, or whose change has none.
fn values_without_effect([old, new]: &[Units<'_>; 2], left_out: &BTreeSet<Key<'_>>) -> Diagnostics {
    let pairs = new.iter().filter(|it| !left_out.contains(it.0));
    let pairs = pairs.filter_map(|(key, (_, unit))| {
        let before = old.get(key)?.1;
        let is_same = before.trials.len() == unit.trials.len();
        let pairs = before
            .trials
            .iter()
            .zip(&unit.trials)
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
                    "the change of the value `{}` of {} changes nothing that is deployed",
                    value.name(),
                    unit.id
                );
                let note = Diagnostic::warning("value-without-effect", message).at(&value.span);
                notes.push(note.help(
                    "look at the spelling of its keys, and at conditions that switch it off",
                ));
            }
        },
    );
    notes
}

fn kept(unit: &Unit, names: &[&str]) -> Diagnostic {
    let message = format!(
        "{} changes CRDs, but an upgrade does not update the CRDs in the cluster: {}",
        unit.id,
        names.join(", ")
    );
    let note = Diagnostic::warning("kept-crds", message);
    let note = match &unit.span {
        Some(span) => note.at(span),
        None => note,
    };
    note.help("set `spec.upgrade.crds: CreateReplace` to let Flux replace them")
}
