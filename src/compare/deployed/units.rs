//! The units of a side.

use std::collections::BTreeMap;

use super::super::Claim;
use crate::deploy::{self, Deployment, Entry, Unit};
use crate::object::{Object, ObjectId};
use crate::tree::TreePath;

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
pub(super) type Key<'a> = (&'a TreePath, &'a ObjectId);

/// The units of a side, by key.
pub(super) type Units<'a> = BTreeMap<Key<'a>, (&'a Entry, &'a Unit)>;

/// The units of a side.
pub(super) fn by_key<'a>(side: &Deployed<'a>) -> Units<'a> {
    let entries = side.deployment.entries.iter();
    let units = entries.flat_map(|entry| entry.units.iter().map(move |it| (entry, it)));
    units
        .map(|(entry, unit)| ((&entry.folder, &unit.id), (entry, unit)))
        .collect()
}

/// The object that makes the engine deploy a unit, as its parent unit contains it.
pub(super) fn definition<'a>(entry: &'a Entry, unit: &Unit) -> Option<&'a Object> {
    let parent = unit.parent.and_then(|it| entry.units.get(it))?;
    parent.objects.iter().find(|it| it.id() == unit.id)
}

pub(super) fn is_same_objects(old: &[Object], new: &[Object]) -> bool {
    let mut pairs = old.iter().zip(new);
    old.len() == new.len() && pairs.all(|(old, new)| old.node.same_data(&new.node))
}

/// The environment of a unit: that of its entry, with the cluster that it deploys to if that is a different one.
pub(super) fn environment_of(side: &Deployed<'_>, entry: &Entry, unit: &Unit) -> String {
    match &*unit.cluster {
        "" => (side.environment)(entry),
        cluster => format!("{} ({cluster})", (side.environment)(entry)),
    }
}

/// How the objects of a unit are identified.
pub(super) fn mark((folder, id): Key<'_>) -> TreePath {
    let parts = [folder.as_str(), &*id.kind, &*id.namespace, &*id.name];
    let path = parts.iter().filter(|it| !it.is_empty()).copied();
    TreePath::new(&path.collect::<Vec<_>>().join("/")).unwrap_or_else(TreePath::root)
}

/// The chart of a unit, with both versions if they differ.
pub(super) fn chart(old: Option<&Unit>, new: Option<&Unit>) -> String {
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
