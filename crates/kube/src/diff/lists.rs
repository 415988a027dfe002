//! Compares two lists: items are paired by identity, otherwise by content; remaining ones are paired by position.

use std::collections::{BTreeMap, BTreeSet};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::Difference;
use super::canonical::canonical;
use super::fields::Comparison;
use super::path::Step;
use crate::schema::{ListRule, TypeRef};
use pleach_yaml::Node;

/// Fields that identify the items of a list without a declared type.
const NAMES: [&str; 3] = ["name", "key", "id"];

/// What identifies an item: fields and their values.
type Identity = Vec<(Box<str>, Box<str>)>;

pub(super) fn compare(
    comparison: &mut Comparison<'_>,
    (before, after): (&[Node], &[Node]),
    list: &Node,
    of: Option<TypeRef>,
) {
    let items = of.and_then(|of| comparison.schemas.items(of));
    let declared: Vec<&str> = match comparison.schemas.list_rule(of) {
        ListRule::MergeBy(keys) => keys.iter().map(|key| &**key).collect(),
        _ => Vec::new(),
    };
    let mut candidates = std::iter::once(&*declared).chain(NAMES.chunks(1));
    let named = candidates.find_map(|keys| identities(before, keys).zip(identities(after, keys)));
    match named.or_else(|| flags(before).zip(flags(after))) {
        Some((old, new)) => by_identity(comparison, (before, &old), (after, &new), list, items),
        None => by_content(comparison, before, after, list, items),
    }
}

/// The identity of each item; `None` where an item has none or two have the same one.
fn identities(items: &[Node], keys: &[&str]) -> Option<Vec<Identity>> {
    let first = keys.first()?;
    let one = |item: &Node| {
        item.get(first)?;
        let field = |key: &&str| Some(((*key).into(), item.get(key)?.as_str()?.into()));
        Some(keys.iter().filter_map(field).collect::<Identity>()).filter(|it| !it.is_empty())
    };
    let all: Option<Vec<Identity>> = items.iter().map(one).collect();
    all.filter(|all| all.iter().collect::<BTreeSet<_>>().len() == all.len())
}

/// The flags of a command line, each identified by the text before its `=`; other words by their text. `None` if there is no such
/// flag, or one occurs twice.
fn flags(items: &[Node]) -> Option<Vec<Identity>> {
    let texts: Option<Vec<&str>> = items.iter().map(Node::as_string).collect();
    let flag = |text: &'_ str| text.starts_with('-') && text.contains('=');
    let texts = texts.filter(|it| it.iter().any(|text| flag(text)))?;
    let name = |text: &&str| match text.split_once('=') {
        Some((name, _)) if flag(text) => name.into(),
        _ => (*text).into(),
    };
    let all: Vec<Identity> = texts.iter().map(|it| vec![("".into(), name(it))]).collect();
    let is_unique = all.iter().collect::<BTreeSet<_>>().len() == all.len();
    is_unique.then_some(all)
}

fn by_identity(
    comparison: &mut Comparison<'_>,
    (before, old): (&[Node], &[Identity]),
    (after, new): (&[Node], &[Identity]),
    list: &Node,
    of: Option<TypeRef>,
) {
    let there: BTreeMap<&Identity, &Node> = new.iter().zip(after).collect();
    let was_there: BTreeSet<&Identity> = old.iter().collect();
    for (identity, item) in old.iter().zip(before) {
        comparison.within(Step::Item(identity.clone()), |it| {
            match there.get(identity) {
                Some(other) => it.nodes(item, other, of),
                None => it.removed(item),
            }
        });
    }
    for (identity, item) in new.iter().zip(after) {
        if !was_there.contains(identity) {
            comparison.within(Step::Item(identity.clone()), |it| it.added(item));
        }
    }
    let kept = |all: &[Identity], other: &dyn Fn(&Identity) -> bool| -> Vec<Box<str>> {
        let kept = all.iter().filter(|it| other(it));
        kept.map(words).collect()
    };
    let old = kept(old, &|it| there.contains_key(it));
    let new = kept(new, &|it| was_there.contains(it));
    if old != new {
        comparison.push(Difference::Reordered(old, new), list);
    }
}

fn words(identity: &Identity) -> Box<str> {
    let values = identity.iter().map(|(_, value)| &**value);
    values.collect::<Vec<_>>().join("/").into()
}

fn by_content(
    comparison: &mut Comparison<'_>,
    before: &[Node],
    after: &[Node],
    list: &Node,
    of: Option<TypeRef>,
) {
    let texts = |items: &[Node]| items.iter().map(canonical).collect::<Vec<String>>();
    let (old, new) = (texts(before), texts(after));
    if old != new && is_reordered(&old, &new) {
        let named = |(item, text): (&Node, &String)| item.as_str().unwrap_or(text).into();
        let old = before.iter().zip(&old).map(named).collect();
        let new = after.iter().zip(&new).map(named).collect();
        return comparison.push(Difference::Reordered(old, new), list);
    }
    for operation in capture_diff_slices(Algorithm::Myers, &old, &new) {
        if let DiffOp::Equal { .. } = operation {
            continue;
        }
        let (old, new) = (operation.old_range(), operation.new_range());
        let removed = before.get(old.clone()).unwrap_or_default();
        let added = after.get(new.clone()).unwrap_or_default();
        let shared = removed.len().min(added.len());
        for at in 0..removed.len().max(added.len()) {
            let index = if at < shared || added.len() > shared {
                new.start + at
            } else {
                old.start + at
            };
            comparison.within(Step::Index(index), |it| {
                match (removed.get(at), added.get(at)) {
                    (Some(before), Some(after)) => it.nodes(before, after, of),
                    (Some(before), None) => it.removed(before),
                    (None, Some(after)) => it.added(after),
                    (None, None) => {}
                }
            });
        }
    }
}

fn is_reordered(old: &[String], new: &[String]) -> bool {
    let sorted = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort();
        texts
    };
    old.len() == new.len() && sorted(old) == sorted(new)
}
