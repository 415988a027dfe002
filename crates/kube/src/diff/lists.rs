//! Pairs the items of two lists by identity, otherwise by content, and the rest by position.

use std::collections::{BTreeMap, BTreeSet};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::canonical::canonical;
use super::path::Step;
use pleach_yaml::Node;

/// Fields that identify the items of a list without a declared type.
const NAMES: [&str; 3] = ["name", "key", "id"];

/// The identity of an item: fields and their values.
type Identity = Vec<(Box<str>, Box<str>)>;

/// The paired items of two lists.
#[derive(Default)]
pub(super) struct Matched<'a> {
    pub(super) items: Vec<ItemPair<'a>>,
    /// The identities of the common items in the old and the new order, if these differ.
    pub(super) order: Option<[Vec<Box<str>>; 2]>,
}

/// An item of one list or of both.
pub(super) struct ItemPair<'a> {
    pub(super) step: Step,
    pub(super) before: Option<&'a Node>,
    pub(super) after: Option<&'a Node>,
}

/// Pairs the items of two lists. `keys` are the fields that identify an item according to the schema.
pub(super) fn matched<'a>(before: &'a [Node], after: &'a [Node], keys: &[&str]) -> Matched<'a> {
    let mut candidates = std::iter::once(keys).chain(NAMES.chunks(1));
    let named = candidates.find_map(|keys| identities(before, keys).zip(identities(after, keys)));
    match named.or_else(|| flags(before).zip(flags(after))) {
        Some((old, new)) => by_identity((before, &old), (after, &new)),
        None => by_content(before, after),
    }
}

/// The identity of each item; `None` if an item has none or two have the same one.
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

/// The flags of a command line, identified by the text before `=`; other words by their text. `None` if there is no such flag, or
/// one occurs twice.
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

fn by_identity<'a>(
    (before, old): (&'a [Node], &[Identity]),
    (after, new): (&'a [Node], &[Identity]),
) -> Matched<'a> {
    let there: BTreeMap<&Identity, &'a Node> = new.iter().zip(after).collect();
    let was_there: BTreeSet<&Identity> = old.iter().collect();
    let mut items = Vec::with_capacity(old.len());
    for (identity, item) in old.iter().zip(before) {
        items.push(ItemPair {
            step: Step::Item(identity.clone()),
            before: Some(item),
            after: there.get(identity).copied(),
        });
    }
    for (identity, item) in new.iter().zip(after) {
        if !was_there.contains(identity) {
            items.push(ItemPair {
                step: Step::Item(identity.clone()),
                before: None,
                after: Some(item),
            });
        }
    }
    let kept = |all: &[Identity], other: &dyn Fn(&Identity) -> bool| -> Vec<Box<str>> {
        let kept = all.iter().filter(|it| other(it));
        kept.map(joined).collect()
    };
    let old = kept(old, &|it| there.contains_key(it));
    let new = kept(new, &|it| was_there.contains(it));
    Matched {
        items,
        order: (old != new).then_some([old, new]),
    }
}

fn joined(identity: &Identity) -> Box<str> {
    let values = identity.iter().map(|(_, value)| &**value);
    values.collect::<Vec<_>>().join("/").into()
}

fn by_content<'a>(before: &'a [Node], after: &'a [Node]) -> Matched<'a> {
    let texts = |items: &[Node]| items.iter().map(canonical).collect::<Vec<String>>();
    let (old, new) = (texts(before), texts(after));
    let mut matched = Matched::default();
    if old != new && is_reordered(&old, &new) {
        let named = |(item, text): (&Node, &String)| item.as_str().unwrap_or(text).into();
        let old = before.iter().zip(&old).map(named).collect();
        let new = after.iter().zip(&new).map(named).collect();
        matched.order = Some([old, new]);
        return matched;
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
            matched.items.push(ItemPair {
                step: Step::Index(index),
                before: removed.get(at),
                after: added.get(at),
            });
        }
    }
    matched
}

fn is_reordered(old: &[String], new: &[String]) -> bool {
    let sorted = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort();
        texts
    };
    old.len() == new.len() && sorted(old) == sorted(new)
}
