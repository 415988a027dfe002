//! The path of a change in an object: list items are identified by content, not by position.

use std::fmt;

/// The path from an object to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    steps: Vec<Step>,
}

/// One step of a path through an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The value of a key of a map.
    Key(Box<str>),
    /// The list item whose fields have these values. For a flag of a command line, the field is empty.
    Item(Vec<(Box<str>, Box<str>)>),
    /// The list item at this position after the change, or before it if the item was removed.
    Index(usize),
    /// The n-th document of a string with YAML or JSON.
    Document(usize),
}

impl Path {
    /// The empty path, which is the object itself.
    pub fn root() -> Path {
        Path::default()
    }

    /// The steps from the object.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it is the object itself.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether the path consists of exactly these keys.
    pub fn is_keys(&self, keys: &[&str]) -> bool {
        let is_key = |(step, key): (&Step, &&str)| matches!(step, Step::Key(it) if **it == **key);
        self.steps.len() == keys.len() && self.steps.iter().zip(keys).all(is_key)
    }

    /// The keys at its end, innermost first, up to the first step that is not a key.
    pub(super) fn keys_upwards(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().rev().map_while(|it| match it {
            Step::Key(key) => Some(&**key),
            _ => None,
        })
    }

    /// Whether it leads into strings, labels or the data of a ConfigMap, where all values are strings.
    pub(super) fn is_in_text(&self) -> bool {
        const TEXTS: [&str; 5] = ["data", "stringData", "labels", "annotations", "matchLabels"];
        let is_text = |it: &Step| match it {
            Step::Key(key) => TEXTS.contains(&&**key),
            Step::Document(_) => true,
            _ => false,
        };
        self.steps.iter().any(is_text)
    }

    pub(super) fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(super) fn pop(&mut self) {
        self.steps.pop();
    }
}

/// `spec.containers[name=app].image`; ` > ` leads into a string; special keys are in brackets and quotes.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut starts = true;
        for step in &self.steps {
            match step {
                Step::Key(key) if is_plain(key) => {
                    write!(f, "{}{key}", if starts { "" } else { "." })?;
                }
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Item(fields) => {
                    let fields = fields.iter().map(|(key, value)| match &**key {
                        "" => value.to_string(),
                        key => format!("{key}={value}"),
                    });
                    write!(f, "[{}]", fields.collect::<Vec<_>>().join(","))?;
                }
                Step::Document(0) => f.write_str(" > ")?,
                Step::Document(at) => write!(f, " > document {} > ", at + 1)?,
            }
            starts = matches!(step, Step::Document(_));
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    let mut chars = key.chars();
    !key.is_empty() && chars.all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '$'))
}
