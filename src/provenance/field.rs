//! Converts fields as users write them to paths in an object.

use std::ops::Range;

use crate::yaml::{FieldPath, Node, Step as PathStep, View};

/// The field of an object that a text names: `spec.replicas`, `spec.containers[0].image`, `spec.containers[name=web].image`,
/// `metadata.labels["a.b/c"]`, `/spec/replicas`. A key with dots needs no quotes where the object has it.
///
/// Errors: the path up to the part that does not exist, and the existing fields at this point.
pub fn find_field(object: &Node, text: &str) -> Result<FieldPath, NoField> {
    let steps = match text.strip_prefix('/') {
        Some(pointer) => pointer
            .split('/')
            .map(|it| Step::Key(it.replace("~1", "/").replace("~0", "~")))
            .collect(),
        None => steps(text),
    };
    let (mut path, mut node) = (FieldPath::root(), object);
    let mut rest = steps.as_slice();
    while !rest.is_empty() {
        let Some((taken, next, below)) = descend(node, rest) else {
            return Err(NoField {
                known: known(node),
                above: path,
                wrong: rest.first().map(Step::text).unwrap_or_default(),
            });
        };
        path.push(next);
        node = below;
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(path)
}

/// A field that an object does not have.
#[derive(Debug)]
pub struct NoField {
    /// The fields that exist there.
    pub above: FieldPath,
    /// The next part of the path.
    pub wrong: String,
    /// The names that exist in its place.
    pub known: Vec<String>,
}

enum Step {
    Key(String),
    /// In brackets: an index, or `key=value`.
    Item(String),
}

impl Step {
    fn text(&self) -> String {
        match self {
            Step::Key(text) | Step::Item(text) => text.clone(),
        }
    }
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = text.trim_start_matches('.');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let quote = inner.chars().next().filter(|it| "\"'".contains(*it));
            let (item, after) = match quote {
                Some(quote) => {
                    let inner = inner.get(1..).unwrap_or("");
                    let (key, after) = inner.split_once(quote).unwrap_or((inner, ""));
                    steps.push(Step::Key(key.to_string()));
                    (None, after.strip_prefix(']').unwrap_or(after))
                }
                None => {
                    let (item, after) = inner.split_once(']').unwrap_or((inner, ""));
                    (Some(item), after)
                }
            };
            steps.extend(item.map(|it| Step::Item(it.to_string())));
            rest = after.trim_start_matches('.');
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (key, after) = rest.split_at(end);
        steps.push(Step::Key(key.to_string()));
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    steps
}

/// The number of parts that select the next node, the step to it, and the node.
fn descend<'a>(node: &'a Node, steps: &[Step]) -> Option<(usize, PathStep, &'a Node)> {
    match node.view() {
        View::Sequence(items) => {
            let text = steps.first()?.text();
            let at = match text.split_once('=') {
                Some((key, value)) => items
                    .iter()
                    .position(|it| it.get(key).and_then(Node::as_str) == Some(value))?,
                None => text.parse().ok()?,
            };
            Some((1, PathStep::Index(at), items.get(at)?))
        }
        View::Mapping(_) => {
            let keys: Vec<String> = steps
                .iter()
                .map_while(|it| match it {
                    Step::Key(text) => Some(text.clone()),
                    Step::Item(_) => None,
                })
                .collect();
            (1..=keys.len()).find_map(|count| {
                let key = keys.get(..count)?.join(".");
                let below = node.get(&key)?;
                Some((count, PathStep::Key(key.as_str().into()), below))
            })
        }
        View::Scalar(_) => None,
    }
}

fn known(node: &Node) -> Vec<String> {
    match node.view() {
        View::Sequence(items) => (0..items.len()).map(|it| format!("[{it}]")).collect(),
        View::Mapping(mapping) => mapping.keys().map(str::to_string).collect(),
        View::Scalar(_) => Vec::new(),
    }
}

/// The field at a line (counted from 1) of the document's text: the value on this line, or the map or list whose key is on it.
pub fn field_at_line(document: &Node, line: usize) -> Option<FieldPath> {
    let text = &document.span().source.text;
    let starts =
        std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|it| it + 1));
    let start = starts.into_iter().nth(line.checked_sub(1)?)?;
    let length = text.get(start..)?.find('\n').unwrap_or(text.len() - start);
    let line = start..start + length + 1;
    let (mut path, mut found) = (FieldPath::root(), None);
    search(document, &line, &mut path, &mut found);
    found
}

/// Finds the innermost value that begins in a range, or the scalar that spans it.
fn search(node: &Node, line: &Range<usize>, path: &mut FieldPath, found: &mut Option<FieldPath>) {
    let mut enter = |step: PathStep, begin: usize, child: &Node| {
        if found.is_some() {
            return;
        }
        path.push(step);
        let span = child.span().range();
        let goes_through = child.is_scalar() && span.start < line.end && span.end > line.start;
        search(child, line, path, found);
        if found.is_none() && (line.contains(&begin) || goes_through) {
            *found = Some(path.clone());
        }
        path.pop();
    };
    match node.view() {
        View::Scalar(_) => {}
        View::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                enter(PathStep::Index(at), item.span().range().start, item);
            }
        }
        View::Mapping(mapping) => {
            for entry in mapping {
                let step = PathStep::Key(entry.key.as_str().unwrap_or("").into());
                enter(step, entry.key.span().range().start, &entry.value);
            }
        }
    }
}

/// The same field in the complete object that `partial` patches: list items are matched by their names.
pub fn in_whole(partial: &Node, whole: &Node, field: &FieldPath) -> FieldPath {
    const NAMES: [&str; 6] = ["name", "containerPort", "port", "mountPath", "key", "id"];
    let (mut path, mut part, mut all) = (FieldPath::root(), Some(partial), Some(whole));
    for own in field.steps() {
        let step = match (own, part, all) {
            (PathStep::Index(at), Some(part), Some(all)) => {
                let item = part.as_sequence().and_then(|it| it.get(*at));
                let same = |other: &Node| {
                    NAMES.iter().any(|key| {
                        let name = item.and_then(|it| it.get(key)?.as_str());
                        name.is_some() && other.get(key).and_then(Node::as_str) == name
                    })
                };
                let found = all.as_sequence().and_then(|it| it.iter().position(same));
                PathStep::Index(found.unwrap_or(*at))
            }
            _ => own.clone(),
        };
        part = part.and_then(|it| below(it, own));
        all = all.and_then(|it| below(it, &step));
        path.push(step);
    }
    path
}

fn below<'a>(node: &'a Node, step: &PathStep) -> Option<&'a Node> {
    match step {
        PathStep::Key(key) => node.get(key),
        PathStep::Index(at) => node.as_sequence()?.get(*at),
    }
}
