//! The units that are deployed on one side.

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
    /// The name of the side in notes, such as `HEAD~1`.
    pub name: &'a str,
    /// Returns the claim of a unit, or one created from the unit itself. Its title and location are used to report the objects.
    pub claim: &'a (dyn Fn(&Entry, &Unit) -> Claim + Sync),
    /// Returns the name of the environment of an entry.
    pub environment: &'a (dyn Fn(&Entry) -> String + Sync),
}

/// The key of a unit: the folder of its entry, and its identity.
pub(super) type Key<'a> = (&'a TreePath, &'a ObjectId);

/// By key: the entry and the unit.
pub(super) type Units<'a> = BTreeMap<Key<'a>, (&'a Entry, &'a Unit)>;

/// All units of a side.
pub(super) fn by_key<'a>(side: &Deployed<'a>) -> Units<'a> {
    let entries = side.deployment.entries.iter();
    let units = entries.flat_map(|entry| entry.units.iter().map(move |it| (entry, it)));
    units
        .map(|(entry, unit)| ((&entry.folder, &unit.id), (entry, unit)))
        .collect()
}

/// The object of a unit, such as its HelmRelease, as its parent unit deploys it.
pub(super) fn definition<'a>(entry: &'a Entry, unit: &Unit) -> Option<&'a Object> {
    let parent = unit.parent.and_then(|it| entry.units.get(it))?;
    parent.objects.iter().find(|it| it.id() == unit.id)
}

pub(super) fn has_same_objects(old: &[Object], new: &[Object]) -> bool {
    let mut pairs = old.iter().zip(new);
    old.len() == new.len() && pairs.all(|(old, new)| old.node.same_data(&new.node))
}

/// The environment of a unit: that of its entry, with the target cluster if it is another cluster.
pub(super) fn environment_of(side: &Deployed<'_>, entry: &Entry, unit: &Unit) -> String {
    match &*unit.cluster {
        "" => (side.environment)(entry),
        cluster => format!("{} ({cluster})", (side.environment)(entry)),
    }
}

/// Whether a unit is the folder of an entry, whose objects somebody applies by other means.
pub(super) fn is_entry_folder(unit: &Unit) -> bool {
    &*unit.id.kind == "Folder" && matches!(unit.origin, deploy::Origin::Folder(_))
}

/// The mark of a unit's objects, with which their unit is found again.
pub(super) fn mark((folder, id): Key<'_>) -> TreePath {
    let parts = [folder.as_str(), &*id.kind, &*id.namespace, &*id.name];
    let path = parts.iter().filter(|it| !it.is_empty()).copied();
    TreePath::new(&path.collect::<Vec<_>>().join("/")).unwrap_or_else(TreePath::root)
}

/// The suffix of a unit's title with its chart, with both versions if they differ; empty for units without a chart.
pub(super) fn chart(old: Option<&Unit>, new: Option<&Unit>) -> String {
    let chart = |it: Option<&Unit>| match &it?.origin {
        deploy::Origin::Chart(chart) => Some(chart.clone()),
        _ => None,
    };
    match (chart(old), chart(new)) {
        (Some(old), Some(new)) if old.name == new.name && old.version != new.version => {
            format!(" (chart {old} → {})", new.version)
        }
        (Some(old), Some(new)) if old != new => format!(" (chart {old} → {new})"),
        (_, Some(chart)) | (Some(chart), None) => format!(" (chart {chart})"),
        (None, None) => String::new(),
    }
}
