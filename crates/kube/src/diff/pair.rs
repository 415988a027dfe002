//! Pairs the objects of both sides.

use std::collections::{BTreeMap, BTreeSet};

use super::{rename, same_named};
use crate::object::{Object, ObjectId};

/// An object on one side or on both.
#[derive(Clone, Copy, Debug)]
pub enum Pair<'a> {
    /// The same object, before and after.
    Same(&'a Object, &'a Object),
    /// A renamed object.
    Renamed(&'a Object, &'a Object),
    /// A new object.
    Added(&'a Object),
    /// A removed object.
    Removed(&'a Object),
}

impl<'a> Pair<'a> {
    /// The object before the change.
    pub fn before(&self) -> Option<&'a Object> {
        match self {
            Pair::Same(before, _) | Pair::Renamed(before, _) | Pair::Removed(before) => {
                Some(before)
            }
            Pair::Added(_) => None,
        }
    }

    /// The object after the change.
    pub fn after(&self) -> Option<&'a Object> {
        match self {
            Pair::Same(_, after) | Pair::Renamed(_, after) | Pair::Added(after) => Some(after),
            Pair::Removed(_) => None,
        }
    }
}

/// Every object once, in the order of `after`; removed ones come last.
pub fn pair<'a>(before: &'a [Object], after: &'a [Object]) -> Vec<Pair<'a>> {
    let mut partners: Vec<Option<usize>> = vec![None; after.len()];
    let mut gone: Vec<usize> = (0..before.len()).collect();
    match_by(&mut partners, &mut gone, before, after, |it| Some(it.id()));
    match_by(&mut partners, &mut gone, before, after, |it| {
        generator(&it.id())
    });
    let new: Vec<usize> = (0..after.len())
        .filter(|it| partners[*it].is_none())
        .collect();
    let renames = rename::find(before, &gone, after, &new);
    let mut pairs = Vec::with_capacity(after.len() + gone.len());
    for (at, object) in after.iter().enumerate() {
        pairs.push(match (partners[at], renames.get(&at)) {
            (Some(partner), _) => Pair::Same(&before[partner], object),
            (None, Some(partner)) => Pair::Renamed(&before[*partner], object),
            (None, None) => Pair::Added(object),
        });
    }
    let renamed: BTreeSet<&usize> = renames.values().collect();
    gone.retain(|it| !renamed.contains(it));
    pairs.extend(gone.into_iter().map(|it| Pair::Removed(&before[it])));
    pairs
}

/// Pairs unpaired objects with the same key.
fn match_by(
    partners: &mut [Option<usize>],
    gone: &mut Vec<usize>,
    before: &[Object],
    after: &[Object],
    key: impl Fn(&Object) -> Option<ObjectId>,
) {
    let mut open: BTreeMap<ObjectId, [Vec<usize>; 2]> = BTreeMap::new();
    for at in gone.iter() {
        if let Some(key) = key(&before[*at]) {
            open.entry(key).or_default()[0].push(*at);
        }
    }
    for (at, object) in after.iter().enumerate() {
        let key = Some(object)
            .filter(|_| partners[at].is_none())
            .and_then(&key);
        if let Some(sides) = key.and_then(|it| open.get_mut(&it)) {
            sides[1].push(at);
        }
    }
    for [old, new] in open.values() {
        match (&**old, &**new) {
            ([one], [other]) => partners[*other] = Some(*one),
            _ => same_named::pair(before, old, after, new)
                .into_iter()
                .for_each(|(old, new)| partners[new] = Some(old)),
        }
    }
    let mut taken: Vec<usize> = partners.iter().flatten().copied().collect();
    taken.sort_unstable();
    gone.retain(|it| taken.binary_search(it).is_err());
}

/// The identity of a generated object without the hash in its name; `None` for other objects.
pub fn generator(id: &ObjectId) -> Option<ObjectId> {
    let is_generated = id.group.is_empty() && matches!(&*id.kind, "ConfigMap" | "Secret");
    let name = hashless(&id.name).filter(|_| is_generated)?;
    Some(ObjectId {
        name: name.into(),
        ..id.clone()
    })
}

/// A generated name without its hash.
pub(super) fn hashless(name: &str) -> Option<&str> {
    let (name, hash) = name.rsplit_once('-')?;
    // Ten hexadecimal digits, in kustomize's alphabet.
    let is_hash = hash.len() == 10 && hash.bytes().all(|it| b"2456789bcdfghkmt".contains(&it));
    is_hash.then_some(name)
}
