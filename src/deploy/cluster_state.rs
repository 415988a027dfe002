//! The known state of a cluster: the units found so far, and their objects by name.

use std::collections::BTreeMap;

use super::unit::Unit;
use crate::object::Object;

/// A unit, and an object of it.
type ObjectIndex = (usize, usize);

/// Units and their objects.
#[derive(Default)]
pub(super) struct ClusterState {
    pub(super) units: Vec<Unit>,
    /// The indexes of objects, by kind and name.
    by_name: BTreeMap<(Box<str>, Box<str>), Vec<ObjectIndex>>,
}

impl ClusterState {
    /// Adds a unit and returns its index.
    pub(super) fn add(&mut self, unit: Unit) -> usize {
        let at = self.units.len();
        for (index, object) in unit.objects.iter().enumerate() {
            let key = (object.kind().into(), object.name().into());
            self.by_name.entry(key).or_default().push((at, index));
        }
        self.units.push(unit);
        at
    }

    /// Finds an object by a reference. Of two with the same name, the one found first.
    pub(super) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        let indexes = self.by_name.get(&(Box::from(kind), Box::from(name)))?;
        let objects = || {
            let objects = indexes.iter();
            objects.filter_map(|(unit, at)| self.units.get(*unit)?.objects.get(*at))
        };
        let exact = objects().find(|it| it.namespace() == namespace);
        // If no namespace is written, the client that applies the object decides it.
        exact.or_else(|| objects().find(|it| it.namespace().is_empty() || namespace.is_empty()))
    }

    /// All objects of a kind.
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        let objects = self.units.iter().flat_map(|it| &it.objects);
        objects.filter(move |it| it.kind() == kind)
    }
}
