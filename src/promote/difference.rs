//! The differences between two claims, field by field.

use crate::resolve::Written;
use crate::schema::Schema;
use crate::yaml::{Mapping, Node, View};

/// One step of the path to a field of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a map.
    Key(String),
    /// The item of a list that these keys and values identify.
    Item(Vec<(String, String)>),
}

/// A field with different values in two environments.
#[derive(Clone, Debug)]
pub struct Difference {
    /// `Kind/name` of the claim.
    pub claim: String,
    /// The path of the field.
    pub steps: Vec<Step>,
    /// The value in the first environment, if it sets one.
    pub from: Option<Node>,
    /// The value in the second environment, if it sets one.
    pub to: Option<Node>,
}

impl Difference {
    /// The path as users write it: `spec.applications[name=orders].image.tag`.
    pub fn path(&self) -> String {
        display_path(&self.steps)
    }

    /// Whether the field is the one at `path`, or below it; an item of a list can be left out of `path`.
    pub(super) fn is_at_or_below(&self, path: &str) -> bool {
        let keys_only = self.steps.iter().filter(|it| matches!(it, Step::Key(_)));
        let forms = [
            self.path(),
            display_path(&keys_only.cloned().collect::<Vec<_>>()),
        ];
        let below = |form: &String| {
            let rest = form.strip_prefix(path);
            rest.is_some_and(|it| it.is_empty() || it.starts_with(['.', '[']))
        };
        forms.iter().any(below)
    }

    /// Whether the name of the field says that it is a version: `version`, `tag`, `image`, `digest`, or a name that ends with one
    /// of these.
    pub(super) fn is_version(&self) -> bool {
        const ENDINGS: [&str; 5] = ["version", "tag", "image", "digest", "revision"];
        let Some(Step::Key(key)) = self.steps.last() else {
            return false;
        };
        let key = key.to_lowercase();
        let is_scalar = self.from.as_ref().is_some_and(Node::is_scalar);
        is_scalar && ENDINGS.iter().any(|it| key.ends_with(it))
    }

    /// Whether a value has its environment's name as one of its words: a host, a label, a cluster.
    pub(super) fn names_environment(&self, from: &str, to: &str) -> bool {
        let has = |value: &Option<Node>, name: &str| {
            let value = value.as_ref();
            value.is_some_and(|it| has_word(it, name))
        };
        has(&self.from, from) || has(&self.to, to)
    }
}

/// Steps as users write them.
pub fn display_path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Step::Item(keys) => {
                let keys: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                path.push_str(&format!("[{}]", keys.join(",")));
            }
        }
    }
    path
}

fn has_word(node: &Node, word: &str) -> bool {
    match node.view() {
        View::Scalar(text) => text
            .split(|c: char| !c.is_alphanumeric())
            .any(|it| it == word),
        View::Sequence(items) => items.iter().any(|it| has_word(it, word)),
        View::Mapping(mapping) => mapping.iter().any(|it| has_word(&it.value, word)),
    }
}

/// The fields of `spec` that differ, in the order in which the first claim has them.
pub(super) fn differences(
    schema: &Schema,
    from: &Written<'_>,
    to: &Written<'_>,
) -> Vec<Difference> {
    let mut walk = Walk {
        claim: format!("{}/{}", from.kind.name, from.name),
        steps: vec![Step::Key("spec".to_string())],
        found: Vec::new(),
    };
    let empty = Node::mapping(Mapping::new());
    let spec = |it: &Node| it.get("spec").unwrap_or(&empty).clone();
    walk.compare(
        schema.property("spec"),
        Some(&spec(&from.node)),
        Some(&spec(&to.node)),
    );
    walk.found
}

struct Walk {
    claim: String,
    steps: Vec<Step>,
    found: Vec<Difference>,
}

impl Walk {
    fn compare(&mut self, schema: Option<&Schema>, from: Option<&Node>, to: Option<&Node>) {
        let keys: Vec<&str> = schema.map_or_else(Vec::new, |it| it.list_map_keys().collect());
        match (from, to) {
            (Some(from), Some(to)) if from.same_data(to) => {}
            (Some(from), to) if from.as_mapping().is_some_and(|it| !it.is_empty()) => {
                match to.is_none_or(|it| it.as_mapping().is_some()) {
                    true => self.maps(schema, from, to),
                    false => self.note(Some(from), to),
                }
            }
            (Some(from), Some(to)) if !keys.is_empty() && to.as_sequence().is_some() => {
                self.items(schema.and_then(Schema::items), &keys, from, to);
            }
            (from, to) => self.note(from, to),
        }
    }

    fn maps(&mut self, schema: Option<&Schema>, from: &Node, to: Option<&Node>) {
        let inner = |key: &str| schema.and_then(|it| it.property(key).or(it.additional()));
        let keys = |it: Option<&Node>| -> Vec<String> {
            let mapping = it.and_then(Node::as_mapping);
            mapping.map_or_else(Vec::new, |it| it.keys().map(str::to_string).collect())
        };
        let own = keys(Some(from));
        let more = keys(to).into_iter().filter(|it| !own.contains(it));
        for key in own.iter().cloned().chain(more.collect::<Vec<_>>()) {
            self.steps.push(Step::Key(key.clone()));
            let to = to.and_then(|it| it.get(&key));
            self.compare(inner(&key), from.get(&key), to);
            self.steps.pop();
        }
    }

    /// Compares the items of a list that is merged by keys.
    fn items(&mut self, schema: Option<&Schema>, keys: &[&str], from: &Node, to: &Node) {
        let identity = |item: &Node| -> Vec<(String, String)> {
            let text = |key: &str| item.get(key).and_then(Node::as_str).unwrap_or("");
            let pairs = keys.iter().map(|it| (it.to_string(), text(it).to_string()));
            pairs.collect()
        };
        let all = |it: &Node| it.as_sequence().unwrap_or_default().to_vec();
        let (from, to) = (all(from), all(to));
        for item in &from {
            let other = to.iter().find(|it| identity(it) == identity(item));
            self.steps.push(Step::Item(identity(item)));
            match other {
                Some(other) => self.compare(schema, Some(item), Some(other)),
                None => self.note(Some(item), None),
            }
            self.steps.pop();
        }
        let known: Vec<_> = from.iter().map(identity).collect();
        for item in to.iter().filter(|it| !known.contains(&identity(it))) {
            self.steps.push(Step::Item(identity(item)));
            self.note(None, Some(item));
            self.steps.pop();
        }
    }

    fn note(&mut self, from: Option<&Node>, to: Option<&Node>) {
        self.found.push(Difference {
            claim: self.claim.clone(),
            steps: self.steps.clone(),
            from: from.cloned(),
            to: to.cloned(),
        });
    }
}
