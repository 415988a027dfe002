//! Paths of replacements and variables: `spec.containers.[name=web].image`, `a.0.b`, `a.*.b`.

use pleach_re2::Regexp;
use pleach_yaml::diag::{Diagnostic, Span};
use pleach_yaml::{Kind, Mapping, Node, Style, Tag, View, emit_kyaml, parse_as_written};

use super::fieldspec::DEPTH_MAX;
use super::fieldspec::split_path;
use super::pattern::invalid;
use super::resource::plain_key;

/// Splits a path. A part in brackets keeps them if it contains `=`; otherwise, they only protect its dots.
pub(super) fn split(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut split = split_path(path, '.').into_iter();
    while let Some(part) = split.next() {
        // `[name=a.b]` was split at its dot; kustomize joins such parts again.
        if !part.starts_with('[') || part.ends_with(']') {
            parts.push(part);
            continue;
        }
        let mut bracketed = part;
        for more in split.by_ref() {
            bracketed.push('.');
            bracketed.push_str(&more);
            if more.ends_with(']') {
                break;
            }
        }
        // Brackets without `=` quote a key that has dots: `metadata.annotations.[example.com/a]`.
        let plain = !bracketed.contains('=');
        parts.push(if plain {
            bracketed.trim_matches(['[', ']']).to_string()
        } else {
            bracketed
        });
    }
    parts
}

enum Part<'a> {
    Key(&'a str),
    Index(usize),
    Every,
    /// Items selected by the value of a field, or by their own value if the field is empty.
    Item(&'a str, &'a str),
    /// In brackets without `=`.
    Bad,
}

impl<'a> Part<'a> {
    fn read(part: &'a str) -> Part<'a> {
        // Go's `strconv.Atoi` accepts a plus sign, and kustomize calls it to recognise an index.
        let unsigned = part.strip_prefix('+').unwrap_or(part);
        if let Ok(index) = unsigned.parse::<usize>() {
            return Part::Index(index);
        }
        if part == "*" {
            return Part::Every;
        }
        match part.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(inside) => inside
                .split_once('=')
                .map_or(Part::Bad, |(field, value)| Part::Item(field, value)),
            None => Part::Key(part),
        }
    }
}

/// The field at a path without patterns. `None` if something on the way is missing or has another type.
pub(super) fn lookup<'a>(node: &'a Node, parts: &[String]) -> Option<&'a Node> {
    let mut parts = parts.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    parts.try_fold(node, |node, part| match Part::read(part) {
        // In JSON Pointer, `-` is the position after the last item; in kyaml, it is the last item.
        _ if part == "-" => node.as_sequence()?.last(),
        Part::Key(key) => node.get(key),
        Part::Index(index) => node.as_sequence()?.get(index),
        Part::Item(field, value) => node
            .as_sequence()?
            .iter()
            .find(|it| is_item(it, field, value)),
        // A source must be a single value, so patterns are not allowed.
        Part::Every | Part::Bad => None,
    })
}

/// Like [`lookup`], but mutable.
pub(super) fn lookup_mut<'a>(node: &'a mut Node, parts: &[String]) -> Option<&'a mut Node> {
    let mut parts = parts.iter().map(|it| it.trim()).filter(|it| !it.is_empty());
    parts.try_fold(node, |node, part| match Part::read(part) {
        _ if part == "-" => node.as_sequence_mut()?.last_mut(),
        Part::Key(key) => node.get_mut(key),
        Part::Index(index) => node.as_sequence_mut()?.get_mut(index),
        Part::Item(field, value) => node
            .as_sequence_mut()?
            .iter_mut()
            .find(|it| is_item(it, field, value)),
        Part::Every | Part::Bad => None,
    })
}

fn is_item(item: &Node, field: &str, value: &str) -> bool {
    let node = if field.is_empty() {
        Some(item)
    } else {
        item.get(field)
    };
    node.and_then(Node::as_str) == Some(value)
}

/// The node to create at the end of a missing path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    Nothing,
    Scalar,
    Mapping,
    Sequence,
}

impl Create {
    /// Creates a node that can contain a value like this one.
    pub(super) fn like(value: &Node) -> Create {
        match value.view() {
            View::Scalar(_) => Create::Scalar,
            View::Mapping(_) => Create::Mapping,
            View::Sequence(_) => Create::Sequence,
        }
    }

    /// The value before the next part of a path.
    fn before(self, next: Option<&String>) -> Node {
        let kind = match next.map(|it| Part::read(it)) {
            // The last part is created in the type of the value.
            None => self,
            Some(Part::Index(_) | Part::Item(..) | Part::Bad) => Create::Sequence,
            Some(Part::Key(_) | Part::Every) => Create::Mapping,
        };
        match kind {
            Create::Mapping => Node::mapping(Mapping::new()),
            Create::Sequence => Node::sequence([]),
            Create::Scalar | Create::Nothing => Node::scalar("", Style::Plain, Tag::None),
        }
    }
}

type Act<'a> = dyn FnMut(&mut Node) -> Result<(), Diagnostic> + 'a;

/// Calls an action on every field at a path, and returns their number. Values in brackets are regular expressions.
pub(super) fn visit(
    node: &mut Node,
    parts: &[String],
    create: Create,
    act: &mut Act<'_>,
) -> Result<usize, Diagnostic> {
    let Some((part, rest)) = parts.split_first() else {
        return act(node).map(|()| 1);
    };
    // Each part is a level of recursion, and the length of a path in a file is not limited.
    if parts.len() > DEPTH_MAX {
        let message = format!("a field's path has more than {DEPTH_MAX} parts");
        return Err(Diagnostic::error("path-too-long", message));
    }
    match Part::read(part) {
        Part::Key(key) => visit_key(node, key, rest, create, act),
        Part::Index(index) => visit_index(node, index, rest, create, act),
        Part::Every => {
            let mut count = 0;
            for item in items(node)? {
                count += visit(item, rest, create, act)?;
            }
            Ok(count)
        }
        Part::Item(field, pattern) => {
            let count = visit_items(node, field, pattern, rest, create, act)?;
            // If no item matches, `create` appends one that does.
            if count > 0 || create == Create::Nothing {
                return Ok(count);
            }
            // As in kustomize, a null is not replaced: it appends to a detached list, which is lost.
            let mut detached = Node::sequence([]);
            let list = match node.is_tagged_null() {
                true => &mut detached,
                false => node,
            };
            if let Some(items) = list.as_sequence_mut() {
                items.push(matching_item(field, pattern));
            }
            visit_items(list, field, pattern, rest, create, act)
        }
        Part::Bad => Err(Diagnostic::error(
            "bad-field-path",
            format!("expected `[field=value]`, found `{part}`"),
        )
        .help("write a list item as `[name=web]`, or as its index")),
    }
}

/// A new list item that `[field=pattern]` selects.
fn matching_item(field: &str, pattern: &str) -> Node {
    let value = Node::scalar(pattern, Style::Plain, Tag::None);
    if field.is_empty() {
        return value;
    }
    let mut item = Mapping::new();
    item.insert(plain_key(field), value);
    Node::mapping(item)
}

fn visit_key(
    node: &mut Node,
    key: &str,
    rest: &[String],
    create: Create,
    act: &mut Act<'_>,
) -> Result<usize, Diagnostic> {
    if node.is_tagged_null() {
        return visit_below_null(rest, create, act);
    }
    let found = node.kind().description();
    let Some(mapping) = node.as_mapping_mut() else {
        let message = format!("expected a map that contains `{key}`, found {found}");
        let fault = Diagnostic::error("bad-field-path", message);
        return Err(at_origin(fault, origin(node))
            .help("correct the field path: it goes through a value that has no fields"));
    };
    if !mapping.contains_key(key) {
        if create == Create::Nothing {
            return Ok(0);
        }
        mapping.insert(plain_key(key), create.before(rest.first()));
    }
    let Some(field) = mapping.get_mut(key) else {
        return Ok(0);
    };
    // A path that continues below a scalar leads into structured text, such as JSON in an annotation.
    if !field.is_scalar() || rest.is_empty() {
        return visit(field, rest, create, act);
    }
    // kustomize parses the text of the scalar here, and sets the fields in a copy that is discarded.
    let inside = parse_as_written(&field.embedded_source()).ok().flatten();
    let Some(mut inside) = inside.map(|it| it.document) else {
        let what = match field.is_tagged_null() {
            true => "null",
            false => "a string that is empty or not valid YAML",
        };
        let message = format!("`{key}` is {what}, and has no fields");
        let fault = at_origin(Diagnostic::error("bad-field-path", message), origin(field));
        return Err(fault.help(format!("end the field path at `{key}`")));
    };
    // A replaced value keeps its tag, because kyaml sets one on all scalars that it reads.
    inside.declare_types();
    visit(&mut inside, rest, create, act)
}

/// kustomize creates fields below a null and sets them, but they are lost, because a null is printed without its children.
fn visit_below_null(
    rest: &[String],
    create: Create,
    act: &mut Act<'_>,
) -> Result<usize, Diagnostic> {
    match create {
        Create::Nothing => Ok(0),
        _ => visit(&mut create.before(rest.first()), rest, create, act),
    }
}

fn visit_index(
    node: &mut Node,
    index: usize,
    rest: &[String],
    create: Create,
    act: &mut Act<'_>,
) -> Result<usize, Diagnostic> {
    // A null has length 0, so the next free index is 0.
    if node.is_tagged_null() && index == 0 {
        return visit_below_null(rest, create, act);
    }
    let location = origin(node);
    if create != Create::Nothing {
        let items = list(node)?;
        // kustomize appends at the first index after the end. Higher ones would leave gaps.
        if items.len() == index {
            items.push(create.before(rest.first()));
        }
    }
    let items = items(node)?;
    let count = items.len();
    match items.get_mut(index) {
        Some(item) => visit(item, rest, create, act),
        None => {
            let message = format!("index {index} is out of range: the list has {count} items");
            let fault = Diagnostic::error("bad-field-path", message)
                .help("with `create: true`, use the next free index to append an item");
            Err(at_origin(fault, location))
        }
    }
}

fn visit_items(
    node: &mut Node,
    field: &str,
    pattern: &str,
    rest: &[String],
    create: Create,
    act: &mut Act<'_>,
) -> Result<usize, Diagnostic> {
    // kustomize compiles the pattern for each item, so in an empty list it need not be valid.
    let mut regexp = None;
    let mut count = 0;
    for item in items(node)? {
        let value = if field.is_empty() {
            Some(&*item)
        } else {
            item.get(field)
        };
        if regexp.is_none() {
            // Compiled once, at the first item.
            let compiled = Regexp::new(pattern);
            regexp = Some(compiled.map_err(|it| invalid(pattern, &it))?);
        }
        let is_match = |it: &Node| {
            let text = matched_text(it);
            regexp
                .as_ref()
                .is_some_and(|it| it.is_match(text.as_bytes()))
        };
        if !value.is_some_and(is_match) {
            continue;
        }
        // An item that is selected by its own value ends the path, even if more parts follow.
        count += visit(item, if field.is_empty() { &[] } else { rest }, create, act)?;
    }
    Ok(count)
}

/// A value in the form that kustomize matches: as written, including quotes.
fn matched_text(node: &Node) -> String {
    match node.as_str() {
        // kustomize matches the YAML text of a node, so `port: "80"` only matches a pattern with quotes.
        Some(text) if node.style() == Style::Plain && node.kind() != Kind::String => {
            text.to_string()
        }
        _ => emit_kyaml(node).trim().to_string(),
    }
}

/// The location of a value in a file. A value that the path created has none.
fn origin(node: &Node) -> Option<Span> {
    node.has_origin().then(|| node.span().clone())
}

fn at_origin(fault: Diagnostic, origin: Option<Span>) -> Diagnostic {
    match origin {
        Some(span) => fault.at(span),
        None => fault,
    }
}

/// The items of a list. A null has none, and items that kustomize adds to it are lost.
fn items(node: &mut Node) -> Result<&mut [Node], Diagnostic> {
    if node.is_tagged_null() {
        return Ok(&mut []);
    }
    list(node).map(Vec::as_mut_slice)
}

fn list(node: &mut Node) -> Result<&mut Vec<Node>, Diagnostic> {
    let found = node.kind().description();
    let origin = origin(node);
    node.as_sequence_mut().ok_or_else(|| {
        let message = format!("expected a list, found {found}");
        let fault = at_origin(Diagnostic::error("bad-field-path", message), origin);
        fault.help("correct the field path: `*`, `-`, an index and `[field=value]` are for lists")
    })
}
