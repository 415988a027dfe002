//! Fields of an object by stable names, so that the same field can be found on the other side.

use std::collections::BTreeMap;

use crate::yaml::{FieldPath, KeyIndex, Node, Step, View};

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
        location: Location::default(),
        found: BTreeMap::new(),
    };
    walk.node(node);
    walk.found
}

struct Walk<'a, 'w> {
    wants: &'w dyn Fn(&[&str]) -> bool,
    location: Location<'a>,
    found: BTreeMap<String, Leaf<'a>>,
}

/// The path to a node. Its name is only built on request.
#[derive(Default)]
struct Location<'a> {
    keys: Vec<&'a str>,
    parts: Vec<Part<'a>>,
}

enum Part<'a> {
    Key(&'a str),
    /// The index of an item on each side, and its name.
    Item([usize; 2], Option<&'a str>),
}

impl<'a> Walk<'a, '_> {
    fn node(&mut self, node: &'a Node) {
        match node.view() {
            View::Scalar(_) if (self.wants)(&self.location.keys) => {
                let leaf = Leaf {
                    field: self.location.field(0),
                    node,
                };
                self.found.insert(self.location.name(), leaf);
            }
            View::Scalar(_) => {}
            View::Mapping(entries) => {
                for entry in entries {
                    self.location.push_key(entry.key.as_str().unwrap_or(""));
                    self.node(&entry.value);
                    self.location.pop_key();
                }
            }
            View::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.location
                        .parts
                        .push(Part::Item([at, at], own_name(item)));
                    self.node(item);
                    self.location.parts.pop();
                }
            }
        }
    }
}

impl<'a> Location<'a> {
    fn push_key(&mut self, key: &'a str) {
        self.keys.push(key);
        self.parts.push(Part::Key(key));
    }

    fn pop_key(&mut self) {
        self.keys.pop();
        self.parts.pop();
    }

    fn name(&self) -> String {
        let mut name = String::new();
        for part in &self.parts {
            match part {
                Part::Key(key) => {
                    name.push_str(if name.is_empty() { "" } else { "." });
                    name.push_str(key);
                }
                Part::Item([at, _], own) => {
                    let own = own.map_or_else(|| at.to_string(), str::to_string);
                    name.extend(["[", &*own, "]"]);
                }
            }
        }
        name
    }

    /// The path on the side before (0) or after (1) the change.
    fn field(&self, side: usize) -> FieldPath {
        let mut field = FieldPath::root();
        for part in &self.parts {
            field.push(match part {
                Part::Key(key) => Step::Key((*key).into()),
                Part::Item(indexes, _) => Step::Index(indexes[side]),
            });
        }
        field
    }
}

/// What identifies an item in its list: its name, or else its index.
fn key_of((at, item): (usize, &Node)) -> (Option<&str>, usize) {
    let name = own_name(item);
    (name, if name.is_some() { 0 } else { at })
}

fn own_name(item: &Node) -> Option<&str> {
    ["name", "metadata"]
        .iter()
        .find_map(|key| match item.get(key) {
            Some(it) if it.is_scalar() => it.as_str(),
            it => it?.get("name")?.as_str(),
        })
}

/// Scalars with different values before and after: the name, before, after.
pub(super) fn changed<'a>(
    before: &'a Node,
    after: &'a Node,
    wants: &dyn Fn(&[&str]) -> bool,
) -> Vec<(String, Leaf<'a>, Leaf<'a>)> {
    let mut walk = ChangeWalk {
        wants,
        location: Location::default(),
        found: Vec::new(),
    };
    walk.nodes(before, after);
    walk.found
}

/// Visits both sides at once, so that equal fields cost little: no name is built for them.
struct ChangeWalk<'a, 'w> {
    wants: &'w dyn Fn(&[&str]) -> bool,
    location: Location<'a>,
    found: Vec<(String, Leaf<'a>, Leaf<'a>)>,
}

impl<'a> ChangeWalk<'a, '_> {
    fn nodes(&mut self, before: &'a Node, after: &'a Node) {
        match (before.view(), after.view()) {
            (View::Scalar(_), View::Scalar(_)) => self.scalars(before, after),
            (View::Mapping(old), View::Mapping(new)) => {
                let mut index = KeyIndex::default();
                for entry in old {
                    let key = entry.key.as_str().unwrap_or("");
                    let at = index.position(new, key);
                    if let Some(now) = at.and_then(|at| new.as_slice().get(at)) {
                        self.location.push_key(key);
                        self.nodes(&entry.value, &now.value);
                        self.location.pop_key();
                    }
                }
            }
            (View::Sequence(old), View::Sequence(new)) => self.items(old, new),
            _ => {}
        }
    }

    fn items(&mut self, old: &'a [Node], new: &'a [Node]) {
        let names = old.iter().map(own_name);
        let is_in_order = names.eq(new.iter().map(own_name));
        let by_name: BTreeMap<_, _> = match is_in_order {
            true => BTreeMap::new(),
            false => new
                .iter()
                .enumerate()
                .map(|it| (key_of(it), it.0))
                .collect(),
        };
        for (at, item) in old.iter().enumerate() {
            let key = key_of((at, item));
            let Some(now_at) = is_in_order.then_some(at).or(by_name.get(&key).copied()) else {
                continue;
            };
            if let Some(now) = new.get(now_at) {
                self.location
                    .parts
                    .push(Part::Item([at, now_at], own_name(item)));
                self.nodes(item, now);
                self.location.parts.pop();
            }
        }
    }

    fn scalars(&mut self, before: &'a Node, after: &'a Node) {
        if (self.wants)(&self.location.keys) && !before.same_data(after) {
            let [old, new] = [(0, before), (1, after)].map(|(side, node)| Leaf {
                field: self.location.field(side),
                node,
            });
            self.found.push((self.location.name(), old, new));
        }
    }
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
