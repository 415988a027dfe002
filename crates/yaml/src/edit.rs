//! Changes single values in a file of the user. Comments, order and layout of everything else are kept.
//!
//! Each change is verified by parsing the text again: either only this value has changed, or the result is an error.

use std::ops::Range;
use std::sync::Arc;

use super::{Entry, FieldPath, Kind, Mapping, Node, Step, Style, View, emit_canonical, parse};
use crate::diag::{Diagnostic, Diagnostics, Source, Span};

/// The text of `source` with `value` at `path` of the document with index `document`. Missing maps are created; the index after the
/// last item of a list appends one.
///
/// Errors: those of the reader; `uneditable` if the layout (such as an alias) does not allow changing only this value.
pub fn set_in_text(
    source: &Arc<Source>,
    document: usize,
    path: &FieldPath,
    value: &Node,
) -> Result<String, Diagnostics> {
    let mut documents = parse(source)?;
    let Some(root) = documents.get(document) else {
        return Err(uneditable(path, Span::new(source, 0..0)).into());
    };
    // Stored for an error after the document is changed.
    let location = root.nearest_on_path(path).span().clone();
    let edit = Draft::new(root).descend(path.steps(), value);
    if let Some(root) = documents.get_mut(document) {
        put(root, path.steps(), value.clone());
    }
    applied(source, edit, &documents).ok_or_else(|| uneditable(path, location).into())
}

/// The text of `source` without the entry at `path`. A map without its last entry becomes `{}`.
///
/// Errors: as for [`set_in_text`].
pub fn remove_from_text(
    source: &Arc<Source>,
    document: usize,
    path: &FieldPath,
) -> Result<String, Diagnostics> {
    let mut documents = parse(source)?;
    let (mut parent, last) = (path.clone(), path.steps().last().cloned());
    parent.pop();
    let (Some(root), Some(Step::Key(key))) = (documents.get_mut(document), last) else {
        return Err(uneditable(path, Span::new(source, 0..0)).into());
    };
    let location = root.nearest_on_path(path).span().clone();
    let Some(mapping) = root.at_path(&parent).and_then(Node::as_mapping) else {
        return Ok(source.text.to_string());
    };
    // Without entries, a block mapping would be parsed as null.
    if mapping.len() == 1 && mapping.contains_key(&key) {
        return set_in_text(source, document, &parent, &Node::mapping(Mapping::new()));
    }
    let edit = removal(&source.text, root.at_path(&parent), &key);
    if let Some(mapping) = at_path_mut(root, parent.steps()).and_then(Node::as_mapping_mut) {
        mapping.remove(&key);
    }
    applied(source, edit, &documents).ok_or_else(|| uneditable(path, location).into())
}

/// The edited text, if it is parsed as `expected`.
fn applied(source: &Source, edit: Option<Edit>, expected: &[Node]) -> Option<String> {
    let Edit { range, text } = edit?;
    let before = source.text.get(..range.start)?;
    let after = source.text.get(range.end..)?;
    let edited = format!("{before}{text}{after}");
    // The edited text must be parsed as the changed data. For example, an edit below an alias also changes the value of the anchor,
    // and is rejected here.
    let read = parse(&Source::new(source.path.clone(), edited.as_str())).ok()?;
    let is_as_wanted =
        read.len() == expected.len() && read.iter().zip(expected).all(|(a, b)| a.same_data(b));
    is_as_wanted.then_some(edited)
}

fn uneditable(path: &FieldPath, location: Span) -> Diagnostic {
    let message = format!("`{path}` cannot be changed in place");
    Diagnostic::error("uneditable", message)
        .at(location)
        .help("edit the file yourself; the usual reason is an anchor or alias")
}

/// The replacement of a range of the text.
struct Edit {
    range: Range<usize>,
    text: String,
}

/// A node at a path, with its context.
struct Draft<'a> {
    text: &'a str,
    node: &'a Node,
    /// Whether it is in a flow collection.
    in_flow: bool,
    owner: Owner<'a>,
}

#[derive(Clone, Copy)]
enum Owner<'a> {
    Document,
    Entry(&'a Node),
    Item,
}

impl<'a> Draft<'a> {
    fn new(root: &'a Node) -> Draft<'a> {
        Draft {
            text: &root.span().source().text,
            node: root,
            in_flow: false,
            owner: Owner::Document,
        }
    }

    fn descend(self, steps: &[Step], value: &Node) -> Option<Edit> {
        let Some((step, rest)) = steps.split_first() else {
            return self.replace(value);
        };
        let in_flow = self.in_flow || is_flow(self.node);
        let (node, owner) = match (step, self.node.view()) {
            (Step::Key(key), View::Mapping(mapping)) => match mapping.entry(key) {
                Some(Entry { key, value }) => (value, Owner::Entry(key)),
                None => return self.insert(mapping, key, &wrapped(rest, value)),
            },
            (Step::Index(at), View::Sequence(items)) => match items.get(*at) {
                Some(item) => (item, Owner::Item),
                None => return self.append(items, &wrapped(rest, value)),
            },
            _ => return self.replace(&wrapped(steps, value)),
        };
        let text = self.text;
        let below = Draft {
            text,
            node,
            in_flow,
            owner,
        };
        below.descend(rest, value)
    }

    fn replace(&self, value: &Node) -> Option<Edit> {
        let range = trimmed(self.text, self.node);
        let one_line = |it: &Node| {
            it.is_scalar() && !matches!(it.style(), Style::Literal | Style::Folded)
                || it.is_empty_collection()
        };
        if let Some(text) = quoted_as(self.node, value).filter(|_| !range.is_empty()) {
            return Some(Edit { range, text });
        }
        if self.in_flow {
            let text = flow(value);
            return Some(Edit { range, text });
        }
        let written = emit_canonical(value);
        let written = written.trim_end_matches('\n');
        // This keeps a comment on the line.
        if one_line(self.node) && !range.is_empty() && !written.contains('\n') && one_line(value) {
            let text = written.to_string();
            return Some(Edit { range, text });
        }
        match self.owner {
            // A document has no key, and replacing all of it is not an edit.
            Owner::Document => None,
            Owner::Entry(key) => {
                let start = key.span().range().start;
                let entry = single(key.as_str()?, value.clone());
                let text = indented(&entry, column(self.text, start));
                Some(Edit {
                    // The key is also replaced, because lists and scalars begin at different positions after it.
                    range: start..range.end.max(after_colon(self.text, key)),
                    text: text.trim_start().to_string(),
                })
            }
            Owner::Item => {
                let text = indented(value, column(self.text, range.start));
                Some(Edit {
                    range,
                    text: text.trim_start().to_string(),
                })
            }
        }
    }

    /// Adds an entry after the last one.
    fn insert(&self, mapping: &Mapping, key: &str, value: &Node) -> Option<Edit> {
        let entry = single(key, value.clone());
        let (Some(first), Some(last)) = (mapping.as_slice().first(), mapping.as_slice().last())
        else {
            return self.replace(&entry);
        };
        if self.in_flow || is_flow(self.node) {
            let inner = flow(&entry);
            // In braces, an entry needs the quotes of flow style.
            let inner = inner.strip_prefix('{')?.strip_suffix('}')?;
            let end = trimmed(self.text, &last.value).end;
            let end = end.max(last.key.span().range().end);
            return Some(behind(end, format!(", {inner}")));
        }
        let column = column(self.text, first.key.span().range().start);
        let end = trimmed(self.text, &last.value)
            .end
            .max(after_colon(self.text, &last.key));
        Some(behind(
            line_end(self.text, end),
            format!("\n{}", indented(&entry, column)),
        ))
    }

    /// Adds an item after the last one.
    fn append(&self, items: &[Node], value: &Node) -> Option<Edit> {
        let list = Node::sequence([value.clone()]);
        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return self.replace(&list);
        };
        let end = trimmed(self.text, last).end;
        if self.in_flow || is_flow(self.node) {
            return Some(behind(end, format!(", {}", flow(value))));
        }
        let before = self.text.get(..first.span().range().start)?;
        // The indentation is that of the first item: both `- a` in the column of the key and an indented ` - a` are valid.
        let column = column(self.text, before.rfind('-')?);
        Some(behind(
            line_end(self.text, end),
            format!("\n{}", indented(&list, column)),
        ))
    }
}

/// A string in the quotes of the former value; `None` if that had none, or if the string needs more than one line.
fn quoted_as(former: &Node, value: &Node) -> Option<String> {
    let text = value
        .as_string()
        .filter(|_| value.style() != Style::Literal)?;
    if text.contains(char::is_control) {
        return None;
    }
    match former.style() {
        Style::SingleQuoted => Some(format!("'{}'", text.replace('\'', "''"))),
        Style::DoubleQuoted => {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
            Some(format!("\"{escaped}\""))
        }
        _ => None,
    }
}

fn behind(at: usize, text: String) -> Edit {
    Edit {
        range: at..at,
        text,
    }
}

/// Removes the lines of an entry, or its part of a flow mapping.
fn removal(text: &str, parent: Option<&Node>, key: &str) -> Option<Edit> {
    let (parent, mapping) = (parent?, parent?.as_mapping()?);
    let at = mapping.position(key)?;
    let entries = mapping.as_slice();
    let entry = entries.get(at)?;
    let start = entry.key.span().range().start;
    let end = trimmed(text, &entry.value)
        .end
        .max(after_colon(text, &entry.key));
    let next = entries.get(at + 1).map(|it| it.key.span().range().start);
    let line_start = start - column(text, start);
    // The first key of a list item is on the line of the dash, which must stay.
    let is_own_line = text.get(line_start..start)?.trim().is_empty();
    let range = match next {
        _ if !is_flow(parent) && is_own_line => {
            let end = line_end(text, end);
            // The comment on the line is removed, too. Comments above are kept, because they may belong to several keys.
            line_start..(end + 1).min(text.len())
        }
        Some(next) => start..next,
        None => {
            let before = at.checked_sub(1).and_then(|it| entries.get(it))?;
            trimmed(text, &before.value).end..end
        }
    };
    let text = String::new();
    Some(Edit { range, text })
}

/// `value` below the keys and indexes that do not exist yet.
fn wrapped(steps: &[Step], value: &Node) -> Node {
    let steps = steps.iter().rev();
    steps.fold(value.clone(), |inner, step| match step {
        Step::Key(key) => single(key, inner),
        Step::Index(_) => Node::sequence([inner]),
    })
}

fn single(key: &str, value: Node) -> Node {
    let mut mapping = Mapping::new();
    mapping.insert(key, value);
    Node::mapping(mapping)
}

/// Sets `value` at the path `steps` in the data, as the edit does in the text.
fn put(node: &mut Node, steps: &[Step], value: Node) {
    let Some((step, rest)) = steps.split_first() else {
        *node = value;
        return;
    };
    match step {
        Step::Key(key) if node.as_mapping().is_some() => {
            if let Some(mapping) = node.as_mapping_mut() {
                put(mapping.get_or_insert_with(key, Node::null), rest, value);
            }
        }
        Step::Index(at) if node.as_sequence().is_some() => {
            if let Some(items) = node.as_sequence_mut() {
                match items.get_mut(*at) {
                    Some(item) => put(item, rest, value),
                    None => items.push(wrapped(rest, &value)),
                }
            }
        }
        _ => *node = wrapped(steps, &value),
    }
}

fn at_path_mut<'a>(node: &'a mut Node, steps: &[Step]) -> Option<&'a mut Node> {
    steps.iter().try_fold(node, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Index(at) => node.as_sequence_mut()?.get_mut(*at),
    })
}

fn is_flow(node: &Node) -> bool {
    !node.is_scalar() && node.style() == Style::Flow
}

/// The node's range, down to the last character of its last value.
fn trimmed(text: &str, node: &Node) -> Range<usize> {
    let range = node.span().range();
    let last = match node.view() {
        // The span of a flow collection ends at its bracket. That of a block collection may include blank lines and comments.
        _ if is_flow(node) => None,
        View::Mapping(mapping) => mapping
            .as_slice()
            .last()
            .map(|it| trimmed(text, &it.value).end.max(after_colon(text, &it.key))),
        View::Sequence(items) => items.last().map(|it| trimmed(text, it).end),
        View::Scalar(_) => None,
    };
    let end = last.unwrap_or(range.end);
    let kept = text
        .get(range.start..end)
        .map_or(0, |it| it.trim_end().len());
    range.start..range.start + kept
}

/// The end of the colon after a key: the end of an entry without a value.
fn after_colon(text: &str, key: &Node) -> usize {
    let end = key.span().range().end;
    let rest = text.get(end..).unwrap_or("");
    end + rest.find(':').map_or(0, |it| it + 1)
}

fn line_end(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or("");
    let line = rest.find('\n').map_or(rest.len(), |it| it);
    from + rest.get(..line).unwrap_or("").trim_end_matches('\r').len()
}

/// The column of a position in bytes, counted from 0.
fn column(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    at - before.rfind('\n').map_or(0, |it| it + 1)
}

/// The claims form, indented, without the last line feed.
fn indented(node: &Node, columns: usize) -> String {
    let text = emit_canonical(node);
    let lines = text.lines().map(|line| match line {
        // Empty lines of a block scalar stay empty.
        "" => String::new(),
        line => format!("{:columns$}{line}", ""),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A value in flow style, on one line.
fn flow(node: &Node) -> String {
    match node.view() {
        View::Mapping(mapping) => {
            let entries = mapping.iter();
            let entries = entries.map(|it| format!("{}: {}", flow(&it.key), flow(&it.value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        View::Sequence(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        View::Scalar(text) => {
            let written = emit_canonical(node);
            let written = written.trim_end_matches('\n');
            let is_safe = !written.contains(['\n', ',', '[', ']', '{', '}']);
            match node.kind() {
                // In flow style, a comma or bracket ends a plain scalar.
                Kind::String if !is_safe => quoted(text),
                _ => written.to_string(),
            }
        }
    }
}

/// A string in double quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            // Editors may not show these characters, and some are line breaks in YAML.
            c if c.is_control() || !c.is_ascii() && !c.is_alphanumeric() => {
                out.push_str(&format!("\\U{:08X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
