//! Lists whose items are merged, with kustomize's order and its treatment of invalid items.
//!
//! The result contains the items of the patch first, merged, and then all other old items. kustomize does this in steps whose
//! effects are visible if a key is missing or duplicate: items are looked up by text, set aside, and merged again. These steps are
//! reproduced on indexes into one pool, because an item that is shared by two lists is changed in both.

use std::collections::{BTreeMap, BTreeSet};

use super::lost::Before;
use super::strategic::{DIRECTIVE, Merge, strip, wrong_kind};
use crate::schema::TypeRef;
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Mapping, Node, Style, Tag};

/// Merges items by their keys; without keys, they are scalars, and their text is the key.
pub(super) fn merge(
    merge: &Merge<'_>,
    target: Vec<Node>,
    patch: Option<Vec<Node>>,
    keys: &[Box<str>],
    of: Option<TypeRef>,
) -> Result<Vec<Node>, Diagnostic> {
    if let [key] = keys {
        let patch = patch.as_deref().unwrap_or_default();
        // The common case: all items have unique keys. A single pass gives the same result as the steps.
        if let (Some(desired), true) = (texts(patch, key), texts(&target, key).is_some()) {
            return in_shape(merge, target, patch, key, &desired, of);
        }
    }
    let before = match keys {
        [key] => Some((
            Before::new(&target, patch.as_deref().unwrap_or_default(), key),
            key,
        )),
        _ => None,
    };
    let mut lists = Lists::new(merge, of, target);
    let start = lists.pool.len();
    lists.pool.extend(patch.into_iter().flatten());
    lists.patch = Some((start..lists.pool.len()).collect());
    let merged = lists.run(keys)?;
    let warning = before.and_then(|(before, key)| before.lost(&merged, key));
    merge.warnings.borrow_mut().extend(warning);
    Ok(merged)
}

/// The positions of items by the text of their keys, if all items have unique keys.
fn texts<'a>(items: &'a [Node], key: &str) -> Option<BTreeMap<&'a str, usize>> {
    let mut texts = BTreeMap::new();
    for (at, item) in items.iter().enumerate() {
        let value = item.get(key).filter(|it| !it.is_tagged_null())?.as_str()?;
        // In kustomize, an empty key counts as missing.
        if value.is_empty() || texts.insert(value, at).is_some() {
            return None;
        }
    }
    Some(texts)
}

/// The result of the steps below for lists with unique keys, in a single pass.
fn in_shape(
    merge: &Merge<'_>,
    target: Vec<Node>,
    patch: &[Node],
    key: &str,
    desired: &BTreeMap<&str, usize>,
    of: Option<TypeRef>,
) -> Result<Vec<Node>, Diagnostic> {
    let mut merged: Vec<Option<Node>> = vec![None; patch.len()];
    let mut rest = Vec::with_capacity(target.len());
    for mut item in target {
        let at = item.get(key).and_then(|it| desired.get(text(it))).copied();
        match at.and_then(|at| Some((merged.get_mut(at)?, patch.get(at)?))) {
            // A replacing item is ignored, and the old one only moves (case `replaced-item`).
            Some((index, patch)) if replaces(patch) => {
                merge.added(patch, of)?;
                *index = Some(item);
            }
            Some((index, patch)) => {
                // Null marks items to delete, so that they are not added.
                let kept = merge.merge(&mut item, Some(patch), of)?;
                *index = Some(if kept { item } else { Node::null() });
            }
            None if merge.merge(&mut item, None, of)? => rest.push(item),
            None => {}
        }
    }
    let mut result = Vec::with_capacity(patch.len() + rest.len());
    for (merged, patch) in merged.into_iter().zip(patch) {
        match merged {
            Some(item) => result.extend(Some(item).filter(|it| !it.is_tagged_null())),
            None => result.extend(merge.added(patch, of)?),
        }
    }
    result.append(&mut rest);
    Ok(result)
}

fn replaces(item: &Node) -> bool {
    item.get(DIRECTIVE).and_then(Node::as_str) == Some("replace")
}

/// Merges a list with itself.
pub(super) fn own(
    merge: &Merge<'_>,
    items: Vec<Node>,
    keys: &[Box<str>],
    of: Option<TypeRef>,
) -> Result<Vec<Node>, Diagnostic> {
    if matches!(keys, [key] if texts(&items, key).is_some()) {
        let mut kept = Vec::with_capacity(items.len());
        for mut item in items {
            if merge.own(&mut item, of)? {
                kept.push(item);
            }
        }
        return Ok(kept);
    }
    Lists::new(merge, of, items).run(keys)
}

struct Lists<'a> {
    merge: &'a Merge<'a>,
    of: Option<TypeRef>,
    pool: Vec<Node>,
    target: Vec<usize>,
    /// `None` for the target itself.
    patch: Option<Vec<usize>>,
}

/// Names of keys; a single empty name for scalars.
type Keys<'k> = Vec<&'k str>;
type Values = Vec<String>;

impl<'a> Lists<'a> {
    fn new(merge: &'a Merge<'a>, of: Option<TypeRef>, pool: Vec<Node>) -> Lists<'a> {
        Lists {
            merge,
            of,
            target: (0..pool.len()).collect(),
            pool,
            patch: None,
        }
    }

    fn run(mut self, keys: &[Box<str>]) -> Result<Vec<Node>, Diagnostic> {
        let keys: Keys<'_> = if keys.is_empty() {
            vec![""]
        } else {
            keys.iter().map(|key| &**key).collect()
        };
        let mut desired = self.values(&keys);
        // In a Service, port 80 without a protocol is the same as with TCP.
        if keys.len() > 1 {
            unite(&mut desired);
        }
        let result = if desired.is_empty() {
            self.target.clone()
        } else {
            self.merged(&keys, &desired)?
        };
        Ok(taken(self.pool, &result))
    }

    /// The values of the keys in both lists, without duplicates, those of the patch first.
    fn values(&self, keys: &[&str]) -> Vec<Values> {
        let mut seen = BTreeSet::new();
        let both = self.patch.iter().flatten().chain(&self.target);
        both.map(|at| keys.iter().map(|key| value(&self.pool[*at], key)).collect())
            .filter(|it: &Values| seen.insert(it.clone()))
            .collect()
    }

    fn merged(&mut self, keys: &[&str], desired: &[Values]) -> Result<Vec<usize>, Diagnostic> {
        let (keys, used) = used_keys(keys, desired);
        let mut result = Vec::new();
        for values in desired {
            let values: Values = used.iter().map(|at| values[*at].clone()).collect();
            match self.item(&keys, &values)? {
                Some(at) => {
                    self.complete(at, &keys, &values);
                    self.set(&mut result, Some(at), &keys, &values)?;
                }
                None => {
                    let mut target = std::mem::take(&mut self.target);
                    self.set(&mut target, None, &keys, &values)?;
                    self.target = target;
                }
            }
        }
        self.lay_over(&mut result, &keys)?;
        Ok(result)
    }

    /// The merged item with these values; `None` if it is removed.
    fn item(&mut self, keys: &[&str], values: &[String]) -> Result<Option<usize>, Diagnostic> {
        let target = self.find(&self.target, keys, values);
        let patch = match &self.patch {
            Some(list) => self.find(list, keys, values),
            None => target,
        };
        let at = match (target, patch) {
            (None, None) => None,
            (Some(target), None) => {
                self.keep(target, |it, node| it.merge.merge(node, None, it.of))?
            }
            (Some(target), Some(patch)) if target == patch => {
                self.keep(target, |it, node| it.merge.own(node, it.of))?
            }
            (Some(target), Some(patch)) if self.pool[target].is_scalar() => {
                if !self.pool[patch].is_scalar() {
                    return Err(wrong_kind(&self.pool[target], &self.pool[patch]));
                }
                Some(patch)
            }
            // A replacing item is ignored, and the old one only moves (case `replaced-item`).
            (Some(_), Some(patch)) if replaces(&self.pool[patch]) => self.add(patch)?,
            (Some(target), Some(patch)) => {
                let merged = self.keep(target, |it, node| {
                    it.merge.merge(node, Some(&it.pool[patch]), it.of)
                })?;
                strip(&mut self.pool[patch]);
                merged
            }
            (None, Some(patch)) => self.add(patch)?,
        };
        Ok(at.filter(|at| !is_empty(&self.pool[*at])))
    }

    /// Changes an item in place; `None` if it is deleted.
    fn keep(
        &mut self,
        at: usize,
        change: impl FnOnce(&Self, &mut Node) -> Result<bool, Diagnostic>,
    ) -> Result<Option<usize>, Diagnostic> {
        let mut node = std::mem::replace(&mut self.pool[at], Node::null());
        let kept = change(self, &mut node)?;
        self.pool[at] = node;
        Ok(kept.then_some(at))
    }

    /// Adds an item of the patch. A directive is only applied once, although items with a missing key are visited twice.
    fn add(&mut self, patch: usize) -> Result<Option<usize>, Diagnostic> {
        let added = self.merge.added(&self.pool[patch], self.of)?;
        let kept = added.is_some();
        match added {
            Some(node) => self.pool[patch] = node,
            None => strip(&mut self.pool[patch]),
        }
        Ok(kept.then_some(patch))
    }

    /// Adds missing keys to an item that was found by some of its keys.
    fn complete(&mut self, at: usize, keys: &[&str], values: &[String]) {
        let Some(entries) = self.pool[at].as_mapping_mut() else {
            return;
        };
        for (key, value) in keys.iter().zip(values) {
            if !value.is_empty() && !entries.contains_key(key) {
                let mut added = Node::scalar(&**value, Style::Plain, Tag::None);
                added.quote_as_field();
                entries.insert(*key, added);
            }
        }
    }

    /// The first item with these values. A key without a value is ignored if another key has one.
    fn find(&self, list: &[usize], keys: &[&str], values: &[String]) -> Option<usize> {
        let all = values.iter().all(String::is_empty);
        let pairs = || {
            keys.iter()
                .zip(values)
                .filter(|(_, it)| all || !it.is_empty())
        };
        let found = list.iter().find(|at| {
            let node = &self.pool[**at];
            if keys == [""] {
                return values.first().is_some_and(|it| text(node) == it);
            }
            let Some(entries) = node.as_mapping() else {
                return false;
            };
            pairs().all(|(key, value)| entries.get(key).is_some_and(|it| text(it) == value))
        });
        found.copied()
    }

    /// Replaces the items with these values by an item, or appends it; without an item, removes them.
    ///
    /// If there are fewer values than keys, because an item has no value for a key, kustomize uses the last value for the rest, and
    /// keeps nothing if there is none.
    fn set(
        &self,
        list: &mut Vec<usize>,
        item: Option<usize>,
        keys: &[&str],
        values: &[String],
    ) -> Result<(), Diagnostic> {
        // The setter of kyaml skips items of other types when it searches for a value, and fails for them otherwise.
        let maps_only = keys != [""] && values.first().is_some_and(|it| !it.is_empty());
        let mut kept = Vec::with_capacity(list.len() + 1);
        let mut found = false;
        for at in list.drain(..) {
            let node = &self.pool[at];
            if is_empty(node) {
                continue;
            }
            if maps_only && node.as_mapping().is_none() {
                kept.push(at);
                continue;
            }
            if !matches(node, keys, values)? {
                if !values.is_empty() {
                    kept.push(at);
                }
                continue;
            }
            found = true;
            kept.extend(item);
        }
        *list = kept;
        if let Some(item) = item.filter(|at| !found && !self.pool[*at].is_tagged_null()) {
            list.push(item);
        }
        Ok(())
    }

    /// Adds the remaining items of the target to the result: an item replaces the one with the same key, or is appended.
    fn lay_over(&self, result: &mut Vec<usize>, keys: &[&str]) -> Result<(), Diagnostic> {
        for at in &self.target {
            let node = &self.pool[*at];
            if keys == [""] {
                self.set(result, Some(*at), keys, &[text(node).to_string()])?;
                continue;
            }
            let mut values = Vec::new();
            for key in keys {
                match node.get(key) {
                    Some(value) => values.push(text(value).to_string()),
                    None if node.as_mapping().is_none() && !node.is_tagged_null() => {
                        return Err(not_a_map(node));
                    }
                    None => result.push(*at),
                }
            }
            if keys.len() > 1 {
                self.set(result, None, keys, &values)?;
            }
            self.set(result, Some(*at), keys, &values)?;
        }
        Ok(())
    }
}

/// The nodes at some positions of the pool, which may occur twice.
fn taken(mut pool: Vec<Node>, indexes: &[usize]) -> Vec<Node> {
    let mut uses = vec![0_usize; pool.len()];
    indexes.iter().for_each(|at| uses[*at] += 1);
    let take = |at: &usize| {
        // The last use moves the node; only items that occur twice are copied.
        uses[*at] -= 1;
        if uses[*at] > 0 {
            pool[*at].clone()
        } else {
            std::mem::replace(&mut pool[*at], Node::null())
        }
    };
    indexes.iter().map(take).collect()
}

/// Whether an item has these values. For an empty value, the key must exist.
fn matches(node: &Node, keys: &[&str], values: &[String]) -> Result<bool, Diagnostic> {
    let mut found = false;
    for (at, key) in keys.iter().enumerate() {
        if let Some(value) = values.get(at) {
            found = if key.is_empty() {
                if !node.is_scalar() {
                    return Err(wrong_item(node));
                }
                text(node) == value
            } else if node.as_mapping().is_some() {
                node.get(key)
                    .is_some_and(|it| value.is_empty() || text(it) == value)
            } else {
                return Err(not_a_map(node));
            };
        }
        if !found {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The text by which the value of a key is compared; empty for collections and null.
fn value(item: &Node, key: &str) -> String {
    if key.is_empty() {
        return text(item).to_string();
    }
    let value = item.get(key).filter(|it| !it.is_tagged_null());
    value.map_or("", text).to_string()
}

fn text(node: &Node) -> &str {
    node.as_str().unwrap_or("")
}

fn is_empty(node: &Node) -> bool {
    node.is_tagged_null() || node.as_mapping().is_some_and(Mapping::is_empty)
}

/// The keys that occur in any item, and their positions; all keys if none occurs.
fn used_keys<'k>(keys: &[&'k str], desired: &[Values]) -> (Keys<'k>, Vec<usize>) {
    let is_used = |at: &usize| {
        desired
            .iter()
            .any(|it| it.get(*at).is_some_and(|it| !it.is_empty()))
    };
    let mut used: Vec<usize> = (0..keys.len()).filter(is_used).collect();
    if used.is_empty() {
        used = (0..keys.len()).collect();
    }
    (used.iter().map(|at| keys[*at]).collect(), used)
}

/// Completes missing values: two lists of values that agree in at least one key, and differ in none, belong to the same item.
fn unite(desired: &mut [Values]) {
    for i in 0..desired.len() {
        // kustomize continues with the values before this item.
        let first = desired[i].clone();
        for j in 0..desired.len() {
            if let Some(united) = united(&first, &desired[j]) {
                desired[i].clone_from(&united);
                desired[j] = united;
            }
        }
    }
}

fn united(a: &[String], b: &[String]) -> Option<Values> {
    let fits = |(a, b): (&String, &String)| a == b || a.is_empty() || b.is_empty();
    let alike = a.iter().zip(b).any(|(a, b)| a == b);
    let pick = |(a, b): (&String, &String)| if a.is_empty() { b.clone() } else { a.clone() };
    (alike && a.iter().zip(b).all(fits)).then(|| a.iter().zip(b).map(pick).collect())
}

fn not_a_map(node: &Node) -> Diagnostic {
    let is = node.kind().description();
    Diagnostic::error(
        "patch-wrong-kind",
        format!("expected a map in a list that is merged by a key, found {is}"),
    )
    .at(node)
    .help("write the item as a map with the key of the list")
}

fn wrong_item(node: &Node) -> Diagnostic {
    let is = node.kind().description();
    Diagnostic::error(
        "patch-wrong-kind",
        format!("expected a scalar in this list, found {is}"),
    )
    .at(node)
    .help("write the item as a plain value")
}
