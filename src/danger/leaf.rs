//! Fields of an object by their names, so that the same one can be found on the other side.

use std::collections::BTreeMap;

use crate::yaml::{FieldPath, Node, Step, View};

/// A scalar and where it stands.
pub(super) struct Leaf<'a> {
    pub(super) field: FieldPath,
    pub(super) node: &'a Node,
}

/// The scalars for whose keys `wants` holds, by a path in which items of lists go by their names.
pub(super) fn leaves<'a>(
    node: &'a Node,
    wants: &dyn Fn(&[&str]) -> bool,
) -> BTreeMap<String, Leaf<'a>> {
    let mut walk = Walk {
        wants,
        keys: Vec::new(),
        field: FieldPath::root(),
        found: BTreeMap::new(),
    };
    walk.node(node, "");
    walk.found
}

struct Walk<'a, 'w> {
    wants: &'w dyn Fn(&[&str]) -> bool,
    keys: Vec<&'a str>,
    field: FieldPath,
    found: BTreeMap<String, Leaf<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn node(&mut self, node: &'a Node, name: &str) {
        match node.view() {
            View::Scalar(_) if (self.wants)(&self.keys) => {
                let field = self.field.clone();
                self.found.insert(name.to_string(), Leaf { field, node });
            }
            View::Scalar(_) => {}
            View::Mapping(entries) => {
                for entry in entries {
                    let key = entry.key.as_str().unwrap_or("");
                    let dot = if name.is_empty() { "" } else { "." };
                    self.keys.push(key);
                    self.field.push(Step::Key(key.into()));
                    self.node(&entry.value, &format!("{name}{dot}{key}"));
                    self.field.pop();
                    self.keys.pop();
                }
            }
            View::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    let own = ["name", "metadata"]
                        .iter()
                        .find_map(|key| match item.get(key) {
                            Some(it) if it.is_scalar() => it.as_str(),
                            it => it?.get("name")?.as_str(),
                        });
                    let own = own.map_or_else(|| at.to_string(), str::to_string);
                    self.field.push(Step::Index(at));
                    self.node(item, &format!("{name}[{own}]"));
                    self.field.pop();
                }
            }
        }
    }
}

/// Fields that are there on both sides: the name, before, after.
pub(super) fn both<'a>(
    before: &'a Node,
    after: &'a Node,
    wants: &dyn Fn(&[&str]) -> bool,
) -> Vec<(String, Leaf<'a>, Leaf<'a>)> {
    let (old, mut new) = (leaves(before, wants), leaves(after, wants));
    let pairs = old.into_iter().filter_map(|(name, before)| {
        let after = new.remove(&name)?;
        Some((name, before, after))
    });
    pairs.collect()
}
