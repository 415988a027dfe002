//! Drafts the strategic merge patch from one object to another.

use std::cell::RefCell;
use std::collections::BTreeMap;

use super::operations::Values;
use super::same::{as_emitted, same};
use super::strategic::{DIRECTIVE, Merge};
use crate::object::Object;
use crate::schema::{ListRule, Schemas, TypeRef};
use pleach_yaml::{Entry, Kind, Mapping, Node, View};

/// A candidate patch, which may be incorrect or not the best form.
pub(super) struct Draft {
    pub(super) patch: Node,
    /// Whether it does not depend on quotes in the base file and repeats no unchanged values.
    pub(super) is_natural: bool,
}

/// `None` if a merge patch cannot express the change.
pub(super) fn draft(before: &Object, after: &Object, schemas: &Schemas) -> Option<Draft> {
    // These identify the object of the patch.
    if before.id() != after.id() || before.api_version() != after.api_version() {
        return None;
    }
    let mut drafter = Drafter {
        merge: Merge {
            schemas,
            commented: None,
            warnings: RefCell::default(),
        },
        schemas,
        is_natural: true,
    };
    let changes = drafter.change(&before.node, &after.node, schemas.type_of(&before.gvk()))?;
    let mut changes = changes.into_mapping()?;
    let of = |key: &'static str| Some((key, after.node.get(key)?.clone()));
    let mut patch: Mapping = ["apiVersion", "kind"]
        .into_iter()
        .filter_map(of)
        .map(entry)
        .collect();
    let of = |key: &'static str| Some((key, after.node.at_keys(&["metadata", key])?.clone()));
    let identity = ["name", "namespace"].into_iter().filter_map(of).map(entry);
    let mut metadata: Mapping = identity.collect();
    if let Some(changes) = changes.remove("metadata") {
        metadata.entries_mut().extend(changes.value.into_mapping()?);
    }
    patch.push(Node::constant("metadata"), Node::mapping(metadata));
    patch.entries_mut().extend(changes);
    Some(Draft {
        patch: Node::mapping(patch),
        is_natural: drafter.is_natural,
    })
}

fn entry((key, value): (&'static str, Node)) -> Entry {
    Entry {
        key: Node::constant(key),
        value,
    }
}

/// Lists of scalars up to this length are written completely, which is more readable than indexes.
const SCALARS_MAX: usize = 8;

struct Drafter<'a> {
    merge: Merge<'a>,
    schemas: &'a Schemas,
    is_natural: bool,
}

impl Drafter<'_> {
    /// The patch for an existing value that differs.
    fn change(&mut self, before: &Node, after: &Node, of: Option<TypeRef>) -> Option<Node> {
        // In a merge with null, the value is treated as new.
        if before.is_null() {
            return self.add(after);
        }
        match (before.view(), after.view()) {
            (View::Mapping(a), View::Mapping(b)) => {
                let of = self.merge.type_of(of, [Some(before), None]);
                Some(Node::mapping(self.change_map(a, b, of)?).at(after.span()))
            }
            (View::Sequence(a), View::Sequence(b)) => self.change_list(before, a, after, b, of),
            (View::Scalar(_), View::Scalar(_)) if !after.is_null() => {
                // With the quotes of the old value, a number would become a string.
                let is_text = |node: &Node| matches!(node.kind(), Kind::String | Kind::Timestamp);
                self.is_natural &= !is_text(before) || is_text(after);
                Some(after.clone())
            }
            _ => None,
        }
    }

    fn change_map(
        &mut self,
        before: &Mapping,
        after: &Mapping,
        of: Option<TypeRef>,
    ) -> Option<Mapping> {
        let (olds, news) = (Values::new(before), Values::new(after));
        let mut patch = Mapping::new();
        for (at, Entry { key, value }) in after.iter().enumerate() {
            let name = key.as_str().unwrap_or("");
            let before = olds.get(at, name);
            let is_mapping = |it: &Node| it.as_mapping().is_some();
            let of = of.and_then(|of| self.schemas.field(of, name));
            let value = match before {
                // Testing these for equality first would visit each level again.
                Some(before) if name != DIRECTIVE && is_mapping(before) && is_mapping(value) => {
                    let changes = self.change(before, value, of)?;
                    if changes.is_empty_collection() {
                        continue;
                    }
                    changes
                }
                Some(before) if same(before, value) => continue,
                // A field with this name would be a directive.
                _ if name == DIRECTIVE => return None,
                Some(before) => self.change(before, value, of)?,
                None => self.add(value)?,
            };
            patch.push(key.clone(), value);
        }
        for (at, Entry { key, .. }) in before.iter().enumerate() {
            if news.get(at, key.as_str().unwrap_or("")).is_none() {
                if key.as_str() == Some(DIRECTIVE) {
                    return None;
                }
                // Only null can express a removal.
                patch.push(key.clone(), Node::null());
            }
        }
        Some(patch)
    }

    /// The patch for a new value. If the merge loses a part of it, this is found when the patch is verified.
    fn add(&self, value: &Node) -> Option<Node> {
        let is_lost = value.is_null() || value.get(DIRECTIVE).is_some();
        (!is_lost).then(|| value.clone())
    }

    fn change_list(
        &mut self,
        before: &Node,
        olds: &[Node],
        after: &Node,
        news: &[Node],
        of: Option<TypeRef>,
    ) -> Option<Node> {
        let items = of.and_then(|of| self.schemas.items(of));
        let patch = match self.schemas.list_rule(of) {
            ListRule::Replace => {
                self.is_natural &= !repeats(olds, news);
                return Some(after.clone());
            }
            ListRule::MergeBy(keys) => self.change_keyed(olds, news, keys, items),
            ListRule::Unite => Some(unite(olds, news)),
        };
        let whole = || {
            let directive = Mapping::from([(DIRECTIVE, Node::constant("replace"))]);
            let directive = std::iter::once(Node::mapping(directive));
            directive.chain(news.iter().cloned()).collect()
        };
        let mut tries = patch.into_iter().chain(std::iter::once_with(whole));
        tries.find_map(|items| {
            let patch = Node::sequence(items).at(after.span());
            // Verified immediately: the next form is only needed if this one does not give the desired list.
            let (mut merged, mut declared) = (as_emitted(before), patch.clone());
            merged.declare_types();
            declared.declare_types();
            let kept = self.merge.merge(&mut merged, Some(&declared), of);
            (kept.ok()? && same(&merged, after)).then_some(patch)
        })
    }

    /// Items with their keys and changes in the desired order, up to the point from which the old items follow in their order.
    fn change_keyed(
        &mut self,
        olds: &[Node],
        news: &[Node],
        keys: &[Box<str>],
        of: Option<TypeRef>,
    ) -> Option<Vec<Node>> {
        let positions = index(olds, keys)?;
        let desired = index(news, keys)?;
        let position = |item: &Node| positions.get(&key_of(item, keys)).copied();
        let moved = news.len() != olds.len()
            || news
                .iter()
                .zip(olds)
                .any(|(new, old)| key_of(new, keys) != key_of(old, keys));
        // With two keys, kustomize does not keep the order.
        if keys.len() > 1 && moved {
            return None;
        }
        let mut listed = news.len();
        let mut next = olds.len();
        // In kustomize, the items of the patch come first, followed by all others in their old order, so an unchanged end of the
        // list need not be repeated.
        for item in news.iter().rev() {
            let Some(at) = position(item).filter(|at| *at < next && same(&olds[*at], item)) else {
                break;
            };
            (listed, next) = (listed - 1, at);
        }
        let mut patch = Vec::new();
        for item in &news[..listed] {
            patch.push(match position(item) {
                Some(at) => self.change_item(&olds[at], item, keys, of)?,
                None => self.add(item)?,
            });
        }
        for item in olds
            .iter()
            .filter(|it| !desired.contains_key(&key_of(it, keys)))
        {
            let mut entries = keys_only(item, keys);
            entries.push(Node::constant(DIRECTIVE), Node::constant("delete"));
            patch.push(Node::mapping(entries));
        }
        Some(patch)
    }

    fn change_item(
        &mut self,
        before: &Node,
        after: &Node,
        keys: &[Box<str>],
        of: Option<TypeRef>,
    ) -> Option<Node> {
        let mut entries = keys_only(after, keys);
        let of = self.merge.type_of(of, [Some(before), None]);
        let changes = self.change_map(before.as_mapping()?, after.as_mapping()?, of)?;
        for Entry { key, value } in changes {
            entries.insert(key, value);
        }
        Some(Node::mapping(entries).at(after.span()))
    }
}

/// The index of each item by its key; `None` if an item has no key or two have the same.
fn index<'a>(items: &'a [Node], keys: &[Box<str>]) -> Option<BTreeMap<Vec<&'a str>, usize>> {
    let mut positions = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let key = key_of(item, keys);
        if key.first().is_none_or(|it| it.is_empty()) || positions.insert(key, at).is_some() {
            return None;
        }
    }
    Some(positions)
}

fn key_of<'a>(item: &'a Node, keys: &[Box<str>]) -> Vec<&'a str> {
    let text = |key| item.get(key).and_then(Node::as_str).unwrap_or("");
    keys.iter().map(|key| text(key)).collect()
}

fn keys_only(item: &Node, keys: &[Box<str>]) -> Mapping {
    let entry = |key| item.as_mapping()?.entry(key).cloned();
    keys.iter().filter_map(|key| entry(key)).collect()
}

/// The shortest beginning of the desired list after which the rest are old values in their order.
fn unite(olds: &[Node], news: &[Node]) -> Vec<Node> {
    let positions: BTreeMap<&str, usize> = olds
        .iter()
        .enumerate()
        .filter_map(|(at, it)| Some((it.as_str()?, at)))
        .collect();
    let mut next = olds.len();
    let mut listed = news.len();
    for item in news.iter().rev() {
        match item.as_str().and_then(|text| positions.get(text)) {
            Some(at) if *at < next => (listed, next) = (listed - 1, *at),
            _ => break,
        }
    }
    news[..listed].to_vec()
}

/// Whether the complete new list would repeat many unchanged values.
fn repeats(olds: &[Node], news: &[Node]) -> bool {
    if news.iter().all(Node::is_scalar) {
        return news.len() > SCALARS_MAX && shares(olds, news);
    }
    shares(olds, news)
}

fn shares(olds: &[Node], news: &[Node]) -> bool {
    let forth = olds.iter().zip(news);
    let back = olds.iter().rev().zip(news.iter().rev());
    forth.chain(back).any(|(old, new)| has_common(old, new))
}

fn has_common(old: &Node, new: &Node) -> bool {
    match (old.view(), new.view()) {
        (View::Mapping(old), View::Mapping(new)) => new.iter().any(|it| {
            let old = it.key.as_str().and_then(|key| old.get(key));
            old.is_some_and(|old| has_common(old, &it.value))
        }),
        (View::Sequence(old), View::Sequence(new)) => shares(old, new),
        _ => same(old, new),
    }
}
