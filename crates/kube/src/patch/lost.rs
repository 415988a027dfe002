//! Items that a merge drops silently, because an item of a keyed list has no key, or two have the same.
//!
//! kustomize does not report them. Here, the item that causes the loss gets a warning.

use std::collections::BTreeMap;

use super::strategic::DIRECTIVE;
use pleach_yaml::Node;
use pleach_yaml::diag::{Diagnostic, Span};

/// The items of a list before it is merged.
pub(super) struct Before {
    items: Vec<Item>,
}

struct Item {
    /// The key's value; empty for an item without one.
    name: String,
    span: Span,
    of_patch: bool,
    /// Whether a directive applies to it, or to an item with the same key.
    directed: bool,
}

impl Before {
    /// Records the items of an object and a patch in a list that is merged by `key`.
    pub(super) fn new(target: &[Node], patch: &[Node], key: &str) -> Before {
        let item = |node: &Node, of_patch| {
            node.as_mapping().filter(|it| !it.is_empty()).map(|_| Item {
                name: name(node, key).to_string(),
                span: node.span().clone(),
                of_patch,
                directed: node.get(DIRECTIVE).is_some(),
            })
        };
        let target = target.iter().filter_map(|it| item(it, false));
        let patch = patch.iter().filter_map(|it| item(it, true));
        Before {
            items: patch.chain(target).collect(),
        }
    }

    /// The warning about items that are not in the merged list. Code: `lost-items`.
    pub(super) fn lost(&self, merged: &[Node], key: &str) -> Option<Diagnostic> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for node in merged {
            *counts.entry(name(node, key)).or_default() += 1;
        }
        let mut lost: Vec<&str> = Vec::new();
        for item in self.items.iter().filter(|it| !it.name.is_empty()) {
            let is_directed = self
                .items
                .iter()
                .any(|it| it.directed && it.name == item.name);
            let is_kept = counts.contains_key(&*item.name);
            if !is_directed && !is_kept && !lost.contains(&&*item.name) {
                lost.push(&item.name);
            }
        }
        let is_gone = |item: &Item| {
            let mut keyless = merged.iter().filter(|it| name(it, key).is_empty());
            !keyless.any(|it| *it.span() == item.span)
        };
        let mut keyless = self
            .items
            .iter()
            .filter(|it| it.name.is_empty() && !it.directed);
        if let Some(item) = keyless.find(|it| !lost.is_empty() || is_gone(it)) {
            return Some(without_key(item, key, is_gone(item), &lost));
        }
        let twice = self.twice(&counts)?;
        let message = format!(
            "several items of the list are named `{}`, and a merge keeps only one",
            twice.name
        );
        let warning = Diagnostic::warning("lost-items", message).at(&twice.span);
        Some(warning.help("remove all but one"))
    }

    /// An item with a duplicate key that was dropped.
    fn twice(&self, counts: &BTreeMap<&str, usize>) -> Option<&Item> {
        let mut seen: BTreeMap<(bool, &str), usize> = BTreeMap::new();
        self.items
            .iter()
            .filter(|it| !it.name.is_empty())
            .find(|it| {
                let count = seen.entry((it.of_patch, &it.name)).or_default();
                *count += 1;
                *count > 1 && counts.get(&*it.name).is_some_and(|kept| kept < count)
            })
    }
}

fn without_key(item: &Item, key: &str, is_gone: bool, lost: &[&str]) -> Diagnostic {
    let names: Vec<String> = lost.iter().map(|it| format!("`{it}`")).collect();
    let names = names.join(", ");
    let what = match (is_gone, lost.is_empty()) {
        (true, false) => format!("this item and {names}"),
        (true, true) => "it".to_string(),
        (false, _) => names,
    };
    let message = format!("the item has no `{key}`, so a merge drops {what}");
    Diagnostic::warning("lost-items", message)
        .at(&item.span)
        .help(format!(
            "add `{key}`: the items of this list are matched by it"
        ))
}

fn name<'a>(node: &'a Node, key: &str) -> &'a str {
    let value = node.get(key).filter(|it| !it.is_tagged_null());
    value.and_then(Node::as_str).unwrap_or("")
}
