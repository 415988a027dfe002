//! Which object before is which object after.

use std::collections::BTreeMap;

use super::rename;
use crate::object::{Object, ObjectId};

/// An object on one side or on both.
pub(super) enum Pair<'a> {
    Same(&'a Object, &'a Object),
    Renamed(&'a Object, &'a Object),
    Added(&'a Object),
    Removed(&'a Object),
}

/// Every object once, in the order of `after`; those that are gone come last.
pub(super) fn pair<'a>(before: &'a [Object], after: &'a [Object]) -> Vec<Pair<'a>> {
    let mut partners: Vec<Option<usize>> = vec![None; after.len()];
    let mut gone: Vec<usize> = (0..before.len()).collect();
    match_by(&mut partners, &mut gone, before, after, |it| Some(it.id()));
    match_by(&mut partners, &mut gone, before, after, generated);
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
    gone.retain(|it| !renames.values().any(|renamed| renamed == it));
    pairs.extend(gone.into_iter().map(|it| Pair::Removed(&before[it])));
    pairs
}

/// Pairs what has no partner yet and the same key, in order.
fn match_by(
    partners: &mut [Option<usize>],
    gone: &mut Vec<usize>,
    before: &[Object],
    after: &[Object],
    key: impl Fn(&Object) -> Option<ObjectId>,
) {
    let mut open: BTreeMap<ObjectId, Vec<usize>> = BTreeMap::new();
    for at in gone.iter().rev() {
        if let Some(key) = key(&before[*at]) {
            open.entry(key).or_default().push(*at);
        }
    }
    for (at, partner) in partners.iter_mut().enumerate().filter(|it| it.1.is_none()) {
        let key = key(&after[at]);
        *partner = key.and_then(|key| open.get_mut(&key)?.pop());
    }
    let mut taken: Vec<usize> = partners.iter().flatten().copied().collect();
    taken.sort_unstable();
    gone.retain(|it| taken.binary_search(it).is_err());
}

/// The identity of what a generator made, its name without the hash of its content.
fn generated(object: &Object) -> Option<ObjectId> {
    let id = object.id();
    let (name, hash) = id.name.rsplit_once('-')?;
    // Ten hexadecimal digits, those that could make a word replaced, as kustomize writes them.
    let is_hash = hash.len() == 10 && hash.bytes().all(|it| b"2456789bcdfghkmt".contains(&it));
    let is_generated = id.group.is_empty() && matches!(&*id.kind, "ConfigMap" | "Secret");
    (is_hash && is_generated).then(|| ObjectId {
        name: name.into(),
        ..id.clone()
    })
}
