//! Fields of an object by stable names, so that the same field can be found on the other side.

use std::collections::BTreeMap;

use crate::yaml::{FieldPath, Node, Step, View};

/// A scalar and its path.
pub(super) struct Leaf<'a> {
    pub(super) field: FieldPath,
    pub(super) node: &'a Node,
}

/// The scalars whose keys satisfy `wants`, by a path in which list items are identified by name.
pub(super) fn leaves<'a>(
    node: &'a Node,
    wants: &dyn Fn(&[&str]) -> bool,
) -> BTreeMap<String, Leaf<'a>> {
    let mut walk = Walk {
        wants,
        keys: Vec::new(),
        steps: Vec::new(),
        found: BTreeMap::new(),
    };
    walk.node(node);
    walk.found
}

struct Walk<'a, 'w> {
    wants: &'w dyn Fn(&[&str]) -> bool,
    keys: Vec<&'a str>,
    /// The path to a node. Its name is only built on request.
    steps: Vec<Part<'a>>,
    found: BTreeMap<String, Leaf<'a>>,
}

enum Part<'a> {
    Key(&'a str),
    /// The index of an item and its name.
    Item(usize, Option<&'a str>),
}

impl<'a> Walk<'a, '_> {
    fn node(&mut self, node: &'a Node) {
        match node.view() {
            View::Scalar(_) if (self.wants)(&self.keys) => {
                let (name, field) = self.location();
                self.found.insert(name, Leaf { field, node });
            }
            View::Scalar(_) => {}
            View::Mapping(entries) => {
                for entry in entries {
                    let key = entry.key.as_str().unwrap_or("");
                    self.keys.push(key);
                    self.steps.push(Part::Key(key));
                    self.node(&entry.value);
                    self.steps.pop();
                    self.keys.pop();
                }
            }
            View::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.steps.push(Part::Item(at, own_name(item)));
                    self.node(item);
                    self.steps.pop();
                }
            }
        }
    }

    fn location(&self) -> (String, FieldPath) {
        let (mut name, mut field) = (String::new(), FieldPath::root());
        for part in &self.steps {
            match part {
                Part::Key(key) => {
                    name.push_str(if name.is_empty() { "" } else { "." });
                    name.push_str(key);
                    field.push(Step::Key((*key).into()));
                }
                Part::Item(at, own) => {
                    let own = own.map_or_else(|| at.to_string(), str::to_string);
                    name.extend(["[", &*own, "]"]);
                    field.push(Step::Index(*at));
                }
            }
        }
        (name, field)
    }
}

fn own_name(item: &Node) -> Option<&str> {
    ["name", "metadata"]
        .iter()
        .find_map(|key| match item.get(key) {
            Some(it) if it.is_scalar() => it.as_str(),
            it => it?.get("name")?.as_str(),
        })
}

/// Fields that exist on both sides: the name, before, after.
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

/// A description of the list item that contains the field: ``volume `data` ``, or else `a volume`.
pub(super) fn item(name: &str, what: &str) -> String {
    let last = name
        .rsplit_once(']')
        .and_then(|(head, _)| head.rsplit_once('['));
    match last {
        Some((_, own)) if own.parse::<usize>().is_err() => format!("{what} `{own}`"),
        _ => format!("a {what}"),
    }
}
