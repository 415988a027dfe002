//! Fields and kinds that a comparison ignores.

use std::fmt;

use crate::object::Object;
use pleach_yaml::Node;

/// A field, a kind, or a field of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignore {
    /// The kind of the objects; all kinds if not set.
    kind: Option<Box<str>>,
    /// The path to the field; if empty, the objects as a whole.
    steps: Vec<Pattern>,
}

/// One step of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// A key of a map.
    Key(Box<str>),
    /// Any key or item: `*`.
    Any,
    /// Any number of steps, including none: `**`.
    Deep,
    /// The items of a list whose field has this value: `[name=app]`.
    Item(Box<str>, Box<str>),
}

/// The reason why a text is not a valid field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoreError(String);

impl fmt::Display for IgnoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for IgnoreError {}

impl Ignore {
    /// Reads `KIND`, `FIELD` or `KIND:FIELD`, such as `Deployment:spec.replicas`, `metadata.labels["helm.sh/chart"]`,
    /// `spec.containers[name=app].image` and `**.caBundle`. A kind begins with a capital letter.
    pub fn parse(text: &str) -> Result<Ignore, IgnoreError> {
        let starts_with_capital = text.starts_with(|it: char| it.is_ascii_uppercase());
        let (kind, field) = match text.split_once(':') {
            Some((kind, field)) if starts_with_capital && !kind.contains(['.', '[']) => {
                (Some(kind), field)
            }
            None if starts_with_capital && text.chars().all(|it| it.is_ascii_alphanumeric()) => {
                (Some(text), "")
            }
            _ => (None, text),
        };
        let steps = steps(field).ok_or_else(|| {
            let help = "write `KIND`, `FIELD` or `KIND:FIELD`, such as `Deployment:spec.replicas`, \
                `metadata.labels[\"helm.sh/chart\"]` or `**.caBundle`";
            IgnoreError(format!("`{text}` does not name a field: {help}"))
        })?;
        match kind {
            None if steps.is_empty() => {
                Err(IgnoreError("an empty string does not name a field".into()))
            }
            kind => Ok(Ignore {
                kind: kind.map(Into::into),
                steps,
            }),
        }
    }

    fn is_about(&self, object: &Object) -> bool {
        self.kind.as_ref().is_none_or(|it| **it == *object.kind())
    }
}

/// Whether an object is ignored as a whole.
pub(super) fn is_ignored(object: &Object, ignore: &[Ignore]) -> bool {
    let mut whole = ignore.iter().filter(|it| it.steps.is_empty());
    whole.any(|it| it.is_about(object))
}

/// An object without the ignored fields; `None` if it has none of them.
pub(super) fn pruned(object: &Object, ignore: &[Ignore]) -> Option<Node> {
    let own = ignore.iter().filter(|it| it.is_about(object));
    let own: Vec<&Ignore> = own.filter(|it| !it.steps.is_empty()).collect();
    if own.is_empty() {
        return None;
    }
    let mut node = object.node.clone();
    own.iter().for_each(|it| prune(&mut node, &it.steps));
    Some(node)
}

fn prune(node: &mut Node, steps: &[Pattern]) {
    let Some((first, rest)) = steps.split_first() else {
        return;
    };
    if *first == Pattern::Deep {
        prune(node, rest);
        children(node).for_each(|it| prune(it, steps));
        return;
    }
    if let Some(mapping) = node.as_mapping_mut() {
        let is_it = |key: Option<&str>| match first {
            Pattern::Key(expected) => key == Some(&**expected),
            first => *first == Pattern::Any,
        };
        match rest.is_empty() {
            true => mapping.retain(|it| !is_it(it.key.as_str())),
            false => {
                let own = mapping.iter_mut().filter(|it| is_it(it.key.as_str()));
                own.for_each(|it| prune(&mut it.value, rest));
            }
        }
    } else if let Some(items) = node.as_sequence_mut() {
        let is_it = |at: usize, item: &Node| match first {
            Pattern::Key(index) => index.parse() == Ok(at),
            Pattern::Item(key, value) => item.get(key).and_then(Node::as_str) == Some(&**value),
            first => *first == Pattern::Any,
        };
        let mut at = 0..;
        items.retain_mut(|item| {
            let is_it = is_it(at.next().unwrap_or(0), item);
            if is_it {
                prune(item, rest);
            }
            !(is_it && rest.is_empty())
        });
    }
}

fn children(node: &mut Node) -> impl Iterator<Item = &mut Node> {
    let (mut mapping, mut items) = (None, None);
    if node.as_mapping().is_some() {
        mapping = node.as_mapping_mut();
    } else {
        items = node.as_sequence_mut();
    }
    let values = mapping
        .into_iter()
        .flat_map(|it| it.iter_mut().map(|it| &mut it.value));
    values.chain(items.into_iter().flatten())
}

/// The steps of a path; `None` if it is invalid.
fn steps(path: &str) -> Option<Vec<Pattern>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix("[\"") {
            let (key, after) = inner.split_once("\"]")?;
            steps.push(Pattern::Key(key.into()));
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('[') {
            let (item, after) = inner.split_once(']')?;
            steps.push(match item.split_once('=') {
                Some((key, value)) => Pattern::Item(key.into(), value.into()),
                None if item == "*" => Pattern::Any,
                None => Pattern::Key(item.parse::<usize>().ok()?.to_string().into()),
            });
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            steps.push(match key {
                "" => return None,
                "*" => Pattern::Any,
                "**" => Pattern::Deep,
                key => Pattern::Key(key.into()),
            });
            rest = after;
        }
        if let Some(after) = rest.strip_prefix('.') {
            if after.is_empty() {
                return None;
            }
            rest = after;
        }
    }
    // A path that ends with `**` does not name a field.
    (steps.last() != Some(&Pattern::Deep)).then_some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_name_a_field_or_a_kind() {
        for text in [
            "Secret",
            "spec",
            "a.b",
            "Deployment:a[0].b",
            "**.caBundle",
            "a[\"x.y/z\"][*]",
        ] {
            assert!(Ignore::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "a..b",
            "a.",
            "a[",
            "a[x]",
            "**",
            "Deployment:a..b",
            ".a",
        ] {
            assert!(Ignore::parse(text).is_err(), "{text}");
        }
    }
}
