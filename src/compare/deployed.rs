//! What is deployed on two sides, unit by unit: objects of charts and of nested units too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::environment::judged;
use super::origin::Written;
use super::{Claim, Comparison, Origin, Origins, Side, presence};
use crate::deploy::{self, Deployment, Entry, Status, Unit};
use crate::diag::{Diagnostic, Diagnostics};
use crate::diff::Options;
use crate::object::{Object, ObjectId};
use crate::tree::{Tree, TreePath};
use crate::yaml::parallel::each;

/// One side of a comparison of deployments.
#[derive(Clone, Copy)]
pub struct Deployed<'a> {
    /// The entries of the side, with their units and objects.
    pub deployment: &'a Deployment,
    /// What the side is called in notes: `HEAD~1`.
    pub name: &'a str,
    /// The claim of a unit, or the unit itself as one: under which title its objects are reported, and at which line.
    pub claim: &'a (dyn Fn(&Entry, &Unit) -> Claim + Sync),
    /// The name of the environment that an entry is.
    pub environment: &'a (dyn Fn(&Entry) -> String + Sync),
}

/// An entry's folder and a unit of it.
type Key<'a> = (&'a TreePath, &'a ObjectId);

/// Compares what is deployed on two sides.
///
/// A unit that is seen on one side only is not compared, nor what follows from it, and a note says so: what can't be seen says nothing
/// about what is to be deleted. What a suspended unit deploys stays as it is, and so do the CRDs of a chart that Helm leaves alone.
pub fn compare_deployed(sides: [&Deployed<'_>; 2], options: &Options<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    let units = sides.map(by_key);
    let left_out = left_out(sides, &units, &mut comparison.notes);
    let [old, new] = [0, 1].map(|at| gather(sides, &units, at, &left_out));
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
    for found in [&old, &new] {
        for (title, name) in found.origins.claims() {
            let environments = comparison.claims.entry(title.to_string()).or_default();
            environments.insert(name.to_string());
        }
    }
    comparison.presence = presence(&comparison.environments, &new.origins);
    comparison
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

/// The units that are not compared, with all that follows from them.
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

/// Whether a unit is not compared, with what is to be said of it. What is seen on neither side, and asked for alike, is no difference.
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

/// The object that makes the engine deploy a unit, as the unit above has it.
fn definition<'a>(entry: &'a Entry, unit: &Unit) -> Option<&'a Object> {
    let parent = unit.parent.and_then(|it| entry.units.get(it))?;
    parent.objects.iter().find(|it| it.id() == unit.id)
}

fn not_compared(id: &ObjectId, side: &str, fault: &Diagnostic) -> Diagnostic {
    let words = format!("{id} is not shown");
    let reason = fault.message.strip_prefix(&words).unwrap_or(&fault.message);
    let reason = reason.trim_start_matches([':', ',', ' ']);
    let reason = reason.strip_prefix("since ").unwrap_or(reason);
    let message =
        format!("what {id} deploys is not compared, since it can't be seen in {side}: {reason}");
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
        "{} is suspended: what it deploys changes, and the cluster's objects stay as they are until it is resumed",
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

/// The objects of one side by environment, each marked with its unit, and what is known of the units.
struct Gathered {
    objects: BTreeMap<String, Vec<Object>>,
    origins: Origins,
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
        let marked = unit.objects.iter().map(|it| Object {
            mark: Some(mark.as_str().into()),
            ..it.clone()
        });
        objects
            .entry(environment.clone())
            .or_default()
            .extend(marked);
        let other = units[1 - at].get(key).map(|it| it.1);
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
        origins: origins.into_iter().collect(),
    }
}

/// The environment of a unit: that of its entry, with the cluster that it deploys to where that is another one.
fn environment_of(side: &Deployed<'_>, entry: &Entry, unit: &Unit) -> String {
    match &*unit.cluster {
        "" => (side.environment)(entry),
        cluster => format!("{} ({cluster})", (side.environment)(entry)),
    }
}

/// Where the objects of a unit come from. `chart` follows the title of its claim.
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

/// What is deployed, as checks look at it.
#[derive(Clone, Debug, Default)]
pub struct DeployedOrigins {
    /// The units that are seen: their environments, claims and objects.
    pub origins: Origins,
    /// The objects that make an engine deploy units that are seen.
    pub seen: BTreeSet<ObjectId>,
    /// Environments with a unit that is not seen and is no chart, so that what it makes can be anywhere.
    pub unseen: BTreeSet<String>,
}

/// The origins of all that is deployed.
pub fn deployed_origins(side: &Deployed<'_>) -> DeployedOrigins {
    let mut found = DeployedOrigins::default();
    let mut origins: Vec<(TreePath, Origin)> = Vec::new();
    for (key, (entry, unit)) in by_key(side) {
        let environment = environment_of(side, entry, unit);
        match (&unit.status, &unit.origin) {
            (Status::NotBuilt(_), deploy::Origin::Chart(_)) => continue,
            (Status::NotBuilt(_), _) => {
                found.unseen.insert(environment);
                continue;
            }
            _ => {}
        }
        found.seen.insert(unit.id.clone());
        origins.push((mark(key), origin(side, (entry, unit), environment, "")));
    }
    found.origins = origins.into_iter().collect();
    found
}

/// What the objects of a unit are known by.
fn mark((folder, id): Key<'_>) -> TreePath {
    let parts = [folder.as_str(), &*id.kind, &*id.namespace, &*id.name];
    let path = parts.iter().filter(|it| !it.is_empty()).copied();
    TreePath::new(&path.collect::<Vec<_>>().join("/")).unwrap_or_else(TreePath::root)
}

/// The chart of a unit, with both versions where they differ.
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

/// The units on both sides whose charts' CRDs stay as they are, by their marks.
fn keeping<'a>(units: &[Units<'a>; 2]) -> BTreeMap<String, &'a Unit> {
    let kept = units[1]
        .iter()
        .filter(|(key, (_, unit))| unit.keeps_crds && units[0].contains_key(key));
    kept.map(|(key, (_, unit))| (mark(*key).as_str().to_string(), *unit))
        .collect()
}

/// Takes out the CRDs that Helm does not touch in an upgrade, and says which of them change in the chart.
fn keep_crds(
    old: &mut Vec<Object>,
    new: &mut Vec<Object>,
    keeping: &BTreeMap<String, &Unit>,
    notes: &mut Diagnostics,
) {
    let is_kept = |it: &mut Object| {
        let is_definition = it.kind() == "CustomResourceDefinition";
        is_definition
            && it
                .mark
                .as_deref()
                .is_some_and(|it| keeping.contains_key(it))
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

fn kept(unit: &Unit, names: &[&str]) -> Diagnostic {
    let message = format!(
        "{} brings other CRDs than before, and an upgrade leaves those of the cluster as they are: {}",
        unit.id,
        names.join(", ")
    );
    let note = Diagnostic::warning("kept-crds", message);
    let note = match &unit.span {
        Some(span) => note.at(span),
        None => note,
    };
    note.help("`spec.upgrade.crds: CreateReplace` has Flux replace them")
}
