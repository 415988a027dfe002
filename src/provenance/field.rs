//! Finds the field of an object for a text of a user or for a line of a file.

use std::ops::Range;

use crate::yaml::{FieldPath, Node, Step as PathStep, View};

/// Finds the field for a path in one of these forms: `spec.replicas`, `spec.containers[0].image`, `spec.containers[name=web].image`,
/// `metadata.labels["a.b/c"]`, `/spec/replicas`. A key with dots needs no quotes if the object has it.
///
/// Errors: a part of the path does not exist.
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
        let Some((count, step, child)) = descend(node, rest) else {
            return Err(NoField {
                known: known(node),
                above: path,
                wrong: rest.first().map(Step::text).unwrap_or_default(),
            });
        };
        path.push(step);
        node = child;
        rest = rest.get(count..).unwrap_or_default();
    }
    Ok(path)
}

/// The error for a path whose field does not exist.
#[derive(Debug)]
pub struct NoField {
    /// The part of the path that exists.
    pub above: FieldPath,
    /// The first part of the path that does not exist.
    pub wrong: String,
    /// The names of the fields that exist there.
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

/// Finds the child of a node that the first parts of a path select. Returns the number of these parts, the step to the child, and the
/// child.
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
                let child = node.get(&key)?;
                Some((count, PathStep::Key(key.as_str().into()), child))
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

/// The field at a line of a document, counted from 1: the field whose value is on this line, or the map or list whose key is on it.
pub fn field_at_line(document: &Node, line: usize) -> Option<FieldPath> {
    let text = &document.span().source().text;
    let starts =
        std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|it| it + 1));
    let start = starts.into_iter().nth(line.checked_sub(1)?)?;
    let length = text.get(start..)?.find('\n').unwrap_or(text.len() - start);
    let line = start..start + length + 1;
    let (mut path, mut found) = (FieldPath::root(), None);
    search(document, &line, &mut path, &mut found);
    found
}

/// Finds the innermost field that begins in a range of the text, or whose scalar overlaps it.
fn search(node: &Node, line: &Range<usize>, path: &mut FieldPath, found: &mut Option<FieldPath>) {
    let mut enter = |step: PathStep, begin: usize, child: &Node| {
        if found.is_some() {
            return;
        }
        path.push(step);
        let span = child.span().range();
        let overlaps = child.is_scalar() && span.start < line.end && span.end > line.start;
        search(child, line, path, found);
        if found.is_none() && (line.contains(&begin) || overlaps) {
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

/// Converts the path of a field in a patch to the path in the complete object. List items are matched by fields such as `name`.
pub fn path_in_object(patch: &Node, object: &Node, field: &FieldPath) -> FieldPath {
    const MATCH_KEYS: [&str; 6] = ["name", "containerPort", "port", "mountPath", "key", "id"];
    let (mut path, mut in_patch, mut in_object) = (FieldPath::root(), Some(patch), Some(object));
    for patch_step in field.steps() {
        let step = match (patch_step, in_patch, in_object) {
            (PathStep::Index(at), Some(patch), Some(object)) => {
                let item = patch.as_sequence().and_then(|it| it.get(*at));
                let matches = |other: &Node| {
                    MATCH_KEYS.iter().any(|key| {
                        let value = item.and_then(|it| it.get(key)?.as_str());
                        value.is_some() && other.get(key).and_then(Node::as_str) == value
                    })
                };
                let position = object
                    .as_sequence()
                    .and_then(|it| it.iter().position(matches));
                PathStep::Index(position.unwrap_or(*at))
            }
            _ => patch_step.clone(),
        };
        in_patch = in_patch.and_then(|it| child(it, patch_step));
        in_object = in_object.and_then(|it| child(it, &step));
        path.push(step);
    }
    path
}

fn child<'a>(node: &'a Node, step: &PathStep) -> Option<&'a Node> {
    match step {
        PathStep::Key(key) => node.get(key),
        PathStep::Index(at) => node.as_sequence()?.get(*at),
    }
}
