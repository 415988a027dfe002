//! Paths of fields: `spec.containers[0].image`.

use std::fmt;

/// The path from the root to a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath {
    steps: Vec<Step>,
}

/// One step of a path through a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// To the value of this key of a mapping.
    Key(Box<str>),
    /// To the item at this index of a sequence, from 0.
    Index(usize),
}

impl FieldPath {
    /// The empty path, which is the document's root.
    pub fn root() -> FieldPath {
        FieldPath::default()
    }

    /// A path of keys, written with dots. Keys that contain a dot cannot be written this way.
    pub fn dotted(path: &str) -> FieldPath {
        FieldPath {
            steps: path
                .split('.')
                .filter(|key| !key.is_empty())
                .map(|key| Step::Key(key.into()))
                .collect(),
        }
    }

    /// A path of keys, written with dots, in which `*` is an index.
    pub fn dotted_at(path: &str, index: usize) -> FieldPath {
        let mut path = FieldPath::dotted(path);
        for step in &mut path.steps {
            if matches!(step, Step::Key(key) if **key == *"*") {
                *step = Step::Index(index);
            }
        }
        path
    }

    /// This path with another key.
    #[must_use]
    pub fn key(&self, key: &str) -> FieldPath {
        let mut path = self.clone();
        path.push(Step::Key(key.into()));
        path
    }

    /// This path with another index.
    #[must_use]
    pub fn index(&self, index: usize) -> FieldPath {
        let mut path = self.clone();
        path.push(Step::Index(index));
        path
    }

    /// This path, followed by another one.
    #[must_use]
    pub fn join(&self, below: &FieldPath) -> FieldPath {
        let mut path = self.clone();
        path.steps.extend_from_slice(&below.steps);
        path
    }

    /// Adds a step at the end.
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Removes the last step.
    pub fn pop(&mut self) -> Option<Step> {
        self.steps.pop()
    }

    /// The steps from the root.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    /// The path as a JSON Pointer (RFC 6901).
    pub fn to_json_pointer(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            text.push('/');
            match step {
                // `~` first, so that the tilde of a new `~1` is not escaped again.
                Step::Key(key) => text.push_str(&key.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => text.push_str(&index.to_string()),
            }
        }
        text
    }
}

/// `spec.containers[0].image`; other keys are in brackets and quotes.
impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key)
                    if key
                        .chars()
                        // `$` for `$patch`; a dot or a slash would be read as a separator.
                        .all(|c| c.is_alphanumeric() || c == '-' || c == '_' || c == '$')
                        && !key.is_empty() =>
                {
                    write!(f, "{}{key}", if at == 0 { "" } else { "." })?;
                }
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}
