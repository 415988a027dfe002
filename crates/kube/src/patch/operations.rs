//! The JSON 6902 operations from one value to another.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::same::same;
use pleach_yaml::{FieldPath, Mapping, Node, Step, View};

/// Minimal operations, down to single items of lists.
pub(super) fn operations(before: &Node, after: &Node) -> Node {
    let mut writer = Writer {
        path: Vec::new(),
        operations: Vec::new(),
    };
    writer.change(before, after);
    Node::sequence(writer.operations)
}

/// Finds the values of a map by their keys. The keys of the other map are usually in the same order, which needs no index.
pub(super) struct Values<'a> {
    map: &'a Mapping,
    by_key: OnceCell<BTreeMap<&'a str, &'a Node>>,
}

impl<'a> Values<'a> {
    pub(super) fn new(map: &'a Mapping) -> Values<'a> {
        Values {
            map,
            by_key: OnceCell::new(),
        }
    }

    /// The value of a key, which is probably at the position `at`.
    pub(super) fn get(&self, at: usize, key: &str) -> Option<&'a Node> {
        let entry = self.map.as_slice().get(at);
        if let Some(entry) = entry.filter(|it| it.key.as_str() == Some(key)) {
            return Some(&entry.value);
        }
        let all = || {
            let entries = self.map.iter();
            entries
                .map(|it| (it.key.as_str().unwrap_or(""), &it.value))
                .collect()
        };
        self.by_key.get_or_init(all).get(key).copied()
    }
}

struct Writer<'a> {
    path: Vec<Position<'a>>,
    operations: Vec<Node>,
}

/// A step of the path to a value. The path is only copied for values that differ.
#[derive(Clone, Copy)]
enum Position<'a> {
    Key(&'a str),
    Index(usize),
}

impl<'a> Writer<'a> {
    fn change(&mut self, before: &'a Node, after: &'a Node) {
        match (before.view(), after.view()) {
            // Testing for equality first would visit each level again.
            (View::Mapping(before), View::Mapping(after)) => self.map(before, after),
            _ if same(before, after) => {}
            (View::Sequence(before), View::Sequence(after)) => self.list(before, after),
            _ => self.say("replace", Some(after)),
        }
    }

    fn map(&mut self, before: &'a Mapping, after: &'a Mapping) {
        let (olds, news) = (Values::new(before), Values::new(after));
        for (at, key) in before.keys().enumerate() {
            if news.get(at, key).is_none() {
                self.at(Position::Key(key), |it| it.say("remove", None));
            }
        }
        for (at, entry) in after.iter().enumerate() {
            let key = entry.key.as_str().unwrap_or("");
            self.at(Position::Key(key), |it| match olds.get(at, key) {
                Some(before) => it.change(before, &entry.value),
                None => it.say("add", Some(&entry.value)),
            });
        }
    }

    /// Keeps the common beginning and end; between them, items are changed in pairs, and the rest is removed or added.
    fn list(&mut self, before: &'a [Node], after: &'a [Node]) {
        let pairs = before.iter().zip(after);
        let start = pairs.take_while(|(a, b)| same(a, b)).count();
        let pairs = before[start..]
            .iter()
            .rev()
            .zip(after[start..].iter().rev());
        let end = pairs.take_while(|(a, b)| same(a, b)).count();
        let before = &before[start..before.len() - end];
        let after = &after[start..after.len() - end];
        for (at, (before, after)) in before.iter().zip(after).enumerate() {
            self.at(Position::Index(start + at), |it| it.change(before, after));
        }
        for at in (after.len()..before.len()).rev() {
            self.at(Position::Index(start + at), |it| it.say("remove", None));
        }
        for (at, item) in after.iter().enumerate().skip(before.len()) {
            self.at(Position::Index(start + at), |it| it.say("add", Some(item)));
        }
    }

    fn at(&mut self, position: Position<'a>, within: impl FnOnce(&mut Writer<'a>)) {
        self.path.push(position);
        within(self);
        self.path.pop();
    }

    fn say(&mut self, op: &'static str, value: Option<&Node>) {
        let mut path = FieldPath::root();
        for position in &self.path {
            path.push(match position {
                Position::Key(key) => Step::Key((*key).into()),
                Position::Index(index) => Step::Index(*index),
            });
        }
        let path = Node::string(path.to_json_pointer());
        let mut operation = Mapping::from([("op", Node::constant(op)), ("path", path)]);
        if let Some(value) = value {
            operation.push(Node::constant("value"), value.clone());
        }
        self.operations.push(Node::mapping(operation));
    }
}
