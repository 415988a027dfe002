//! The JSON 6902 operations from one value to another.

use std::collections::BTreeMap;

use super::same::same;
use pleach_yaml::{FieldPath, Mapping, Node, Step, View};

/// Minimal operations, down to single items of lists.
pub(super) fn operations(before: &Node, after: &Node) -> Node {
    let mut writer = Writer {
        path: FieldPath::root(),
        operations: Vec::new(),
    };
    writer.change(before, after);
    Node::sequence(writer.operations)
}

/// The values of a map by their keys, for maps of any size.
pub(super) fn by_key(map: &Mapping) -> BTreeMap<&str, &Node> {
    let entries = map.iter();
    entries
        .map(|it| (it.key.as_str().unwrap_or(""), &it.value))
        .collect()
}

struct Writer {
    path: FieldPath,
    operations: Vec<Node>,
}

impl Writer {
    fn change(&mut self, before: &Node, after: &Node) {
        match (before.view(), after.view()) {
            // Testing for equality first would visit each level again.
            (View::Mapping(before), View::Mapping(after)) => self.map(before, after),
            _ if same(before, after) => {}
            (View::Sequence(before), View::Sequence(after)) => self.list(before, after),
            _ => self.say("replace", Some(after)),
        }
    }

    fn map(&mut self, before: &Mapping, after: &Mapping) {
        let (olds, news) = (by_key(before), by_key(after));
        for key in before.keys().filter(|key| !news.contains_key(key)) {
            self.at(Step::Key(key.into()), |it| it.say("remove", None));
        }
        for entry in after {
            let key = entry.key.as_str().unwrap_or("");
            self.at(Step::Key(key.into()), |it| match olds.get(key) {
                Some(before) => it.change(before, &entry.value),
                None => it.say("add", Some(&entry.value)),
            });
        }
    }

    /// Keeps the common beginning and end; between them, items are changed in pairs, and the rest is removed or added.
    fn list(&mut self, before: &[Node], after: &[Node]) {
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
            self.at(Step::Index(start + at), |it| it.change(before, after));
        }
        for at in (after.len()..before.len()).rev() {
            self.at(Step::Index(start + at), |it| it.say("remove", None));
        }
        for (at, item) in after.iter().enumerate().skip(before.len()) {
            self.at(Step::Index(start + at), |it| it.say("add", Some(item)));
        }
    }

    fn at(&mut self, step: Step, within: impl FnOnce(&mut Writer)) {
        self.path.push(step);
        within(self);
        self.path.pop();
    }

    fn say(&mut self, op: &'static str, value: Option<&Node>) {
        let path = Node::string(self.path.to_json_pointer());
        let mut operation = Mapping::from([("op", Node::constant(op)), ("path", path)]);
        if let Some(value) = value {
            operation.push(Node::constant("value"), value.clone());
        }
        self.operations.push(Node::mapping(operation));
    }
}
