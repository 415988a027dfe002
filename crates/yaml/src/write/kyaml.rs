//! The kyaml form: the output of kustomize's library with go-yaml 3.
//!
//! Keys in the order of the tree, styles and explicit tags as in the source, no folding. A document as written also keeps anchors,
//! aliases, merge keys and comments; in others, they stay expanded.

use std::sync::Arc;

use super::comments::Comments;
use super::order;
use super::printer::{Printer, is_simple_key};
use super::text::{Facts, Quotes, TextContext, is_base_60, is_old_bool};
use crate::diag::Source;
use crate::{Entry, Kind, Mapping, Node, Style, Tag, View, Written, resolve};

/// The context of items and values in a flow collection.
const IN_FLOW: TextContext = TextContext {
    flow: true,
    simple_key: false,
};

/// Writes one document as kyaml prints a node, with a final line feed.
pub fn emit_kyaml(node: &Node) -> String {
    Writer::default().document(node)
}

/// Writes one document as kyaml prints a Go value: strings with another type in YAML 1.1 are also quoted.
pub fn emit_kyaml_value(node: &Node) -> String {
    let writer = Writer {
        quotes_old_words: true,
        ..Writer::default()
    };
    writer.document(node)
}

/// Writes one document as go-yaml 3 prints a Go value with an indent of two: list items are indented by two columns. Keys are
/// sorted.
pub fn emit_go_yaml_v3(mut node: Node) -> String {
    sort_keys(&mut node);
    let writer = Writer {
        quotes_old_words: true,
        list_indent: 2,
        ..Writer::default()
    };
    writer.document(&node)
}

fn sort_keys(node: &mut Node) {
    if let Some(mapping) = node.as_mapping_mut() {
        let entries = std::mem::take(mapping.entries_mut());
        let text = |at: u32| {
            let entry = entries.get(at as usize);
            entry.and_then(|it| it.key.as_str()).unwrap_or("")
        };
        let mut positions: Vec<u32> = (0..entries.len() as u32).collect();
        order::sort(&mut positions, &|a, b| order::compare_v3(text(a), text(b)));
        let mut entries: Vec<Option<Entry>> = entries.into_iter().map(Some).collect();
        let sorted = positions
            .iter()
            .filter_map(|at| entries.get_mut(*at as usize)?.take());
        *mapping.entries_mut() = sorted.collect();
        mapping.iter_mut().for_each(|it| sort_keys(&mut it.value));
    }
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(sort_keys);
    }
}

/// Writes a document that was read as written, in the format of kyaml.
pub fn emit_as_written(written: &Written) -> String {
    let writer = Writer {
        as_written: Some(&written.document.span().source),
        comments: Comments::new(written),
        ..Writer::default()
    };
    writer.document(&written.document)
}

struct Writer<'a> {
    printer: Printer,
    quotes_old_words: bool,
    /// The indentation of a list relative to its key.
    list_indent: usize,
    /// The text whose anchors and aliases are written; values that were inserted later have none.
    as_written: Option<&'a Arc<Source>>,
    comments: Comments<'a>,
}

impl Default for Writer<'_> {
    fn default() -> Self {
        Writer {
            printer: Printer::new(false),
            quotes_old_words: false,
            list_indent: 0,
            as_written: None,
            comments: Comments::default(),
        }
    }
}

impl Writer<'_> {
    fn document(mut self, node: &Node) -> String {
        self.root(node);
        self.rest(0, 0);
        self.printer.finish()
    }

    fn root(&mut self, node: &Node) {
        let properties = self.properties(node).filter(|_| is_block(node));
        let started = properties.is_none();
        self.printer.push(&properties.unwrap_or_default());
        match node.view() {
            View::Mapping(mapping) if is_block(node) => self.mapping(mapping, 0, started),
            View::Sequence(items) if is_block(node) => self.sequence(items, 0, started),
            _ => self.inline(
                node,
                2,
                TextContext {
                    flow: false,
                    simple_key: false,
                },
            ),
        }
    }

    fn mapping(&mut self, mapping: &Mapping, indent: usize, started: bool) {
        for (at, entry) in mapping.iter().enumerate() {
            self.begin(&entry.key, at > 0 || !started, indent);
            if self.is_simple(&entry.key) {
                self.simple_key(&entry.key, indent, false);
                self.printer.push(":");
                self.value(&entry.value, indent);
            } else {
                self.printer.push("?");
                self.after_sign(&entry.key, indent);
                self.printer.line(indent);
                self.printer.push(":");
                self.after_sign(&entry.value, indent);
            }
        }
        if let Some(first) = mapping.iter().next() {
            self.end(&first.key, indent);
        }
    }

    /// Writes the part after a simple key.
    fn value(&mut self, node: &Node, indent: usize) {
        self.collection_properties(node);
        if is_block(node) {
            self.line_comment();
        }
        match node.view() {
            View::Mapping(mapping) if is_block(node) => self.mapping(mapping, indent + 2, false),
            View::Sequence(items) if is_block(node) => {
                self.sequence(items, indent + self.list_indent, false)
            }
            _ => self.spaced(node, indent + 2),
        }
    }

    fn sequence(&mut self, items: &[Node], indent: usize, started: bool) {
        for (at, item) in items.iter().enumerate() {
            self.begin_item(item, at > 0 || !started, indent);
            self.printer.push("-");
            self.after_sign(item, indent);
        }
        if let Some(first) = items.first() {
            self.end(first, indent);
        }
    }

    /// Moves to the start of a list item. A comment after its dash belongs to the first entry of a block collection.
    fn begin_item(&mut self, item: &Node, new_line: bool, indent: usize) {
        if new_line {
            self.printer.line(indent);
        }
        self.comments_before(item, is_block(item), indent);
    }

    /// Moves to the start of an entry of a block collection, writing the comments before it.
    fn begin(&mut self, first: &Node, new_line: bool, indent: usize) {
        if new_line {
            self.printer.line(indent);
        }
        self.comments_before(first, false, indent);
    }

    fn comments_before(&mut self, first: &Node, until_dash: bool, indent: usize) {
        // A comment directly below an entry and followed by an empty line belongs to that entry.
        let (leads, mut count, mut trails) = (self.comments.at_start(), 0, true);
        while !(until_dash && self.comments.is_after_dash())
            && let Some(comment) = self.comments.before(first)
        {
            if comment.apart && count > 0 {
                self.printer.empty_line(indent);
            }
            if comment.apart {
                trails = leads;
            }
            self.printer.push(comment.text);
            self.printer.line(indent);
            count += 1;
        }
        if count > 0 && trails && self.comments.is_apart(first) {
            self.printer.empty_line(indent);
        }
    }

    /// Writes the comments at the end of a block collection.
    fn end(&mut self, first: &Node, indent: usize) {
        if !self.comments.is_empty() && self.comments.is_around(first) {
            let column = self.comments.column(first.span().start as usize);
            self.rest(column, indent);
        }
    }

    fn rest(&mut self, column: usize, indent: usize) {
        let mut trails = indent == 0;
        while let Some(comment) = self.comments.after(column) {
            self.printer.line(indent);
            if comment.apart && trails {
                self.printer.empty_line(indent);
            }
            self.printer.push(comment.text);
            trails = true;
        }
    }

    /// Writes the comment at the end of the current line.
    fn line_comment(&mut self) {
        if let Some(comment) = self.comments.on_line() {
            self.printer.push(" ");
            self.printer.push(comment.text);
        }
    }

    /// Inserts the comment of a block scalar after its `|`, even if it followed the text in another style.
    fn header_comment(&mut self, node: &Node, start: usize, quotes: Quotes) {
        let mut comment = self.comments.inside(node);
        if comment.is_none() && matches!(quotes, Quotes::Literal | Quotes::Folded) {
            self.comments.written(node);
            comment = self.comments.on_line();
        }
        if let Some(comment) = comment {
            let written = self.printer.out.get(start..).unwrap_or("");
            let line = start + written.find('\n').unwrap_or(written.len());
            self.printer
                .out
                .insert_str(line, &format!(" {}", comment.text));
        }
    }

    /// Moves to the next entry of a flow collection. A comment ends the line; kyaml loses a comment before the first entry.
    fn next_in_flow(&mut self, first: bool, entry: &Node, indent: usize) {
        let mut separator = if first { "" } else { ", " };
        while let Some(comment) = self.comments.before(entry) {
            if !first {
                self.printer.push(separator);
                self.printer.push(comment.text);
                self.printer.line(indent);
                separator = "";
            }
        }
        self.printer.push(separator);
    }

    /// Writes the part after `-`, `?`, or the `:` of a `?` key: a block collection begins on the same line.
    fn after_sign(&mut self, node: &Node, indent: usize) {
        let on_line = !self.collection_properties(node);
        if on_line && is_block(node) {
            self.printer.push(" ");
        }
        match node.view() {
            View::Mapping(mapping) if is_block(node) => self.mapping(mapping, indent + 2, on_line),
            View::Sequence(items) if is_block(node) => self.sequence(items, indent + 2, on_line),
            _ => self.spaced(node, indent + 2),
        }
    }

    /// Writes the anchor and tag of a block collection on the line of its key or dash.
    fn collection_properties(&mut self, node: &Node) -> bool {
        let properties = self.properties(node).filter(|_| is_block(node));
        if let Some(properties) = &properties {
            self.printer.push(" ");
            self.printer.push(properties);
        }
        properties.is_some()
    }

    /// Writes a blank and a scalar or flow collection; nothing if the value is not printed.
    fn spaced(&mut self, node: &Node, indent: usize) {
        let nothing = node.as_str() == Some("")
            && node.is_null()
            && self.properties(node).is_none()
            && node.style() != Style::Flow;
        if !nothing {
            self.printer.push(" ");
            self.inline(
                node,
                indent,
                TextContext {
                    flow: false,
                    simple_key: false,
                },
            );
        }
        self.line_comment();
    }

    fn inline(&mut self, node: &Node, indent: usize, context: TextContext) {
        if let Some(properties) = self.properties(node) {
            self.printer.push(&properties);
            let is_plain = matches!(node.style(), Style::Plain | Style::Tagged);
            if node.as_str() == Some("") && is_plain && !context.flow {
                return;
            }
            self.printer.push(" ");
        }
        match node.view() {
            View::Scalar(text) if self.is_alias(node) => self.printer.push(text),
            View::Scalar(text) => {
                let facts = Facts::new(text);
                let quotes = facts.quotes(
                    preferred_quotes(node, text, self.quotes_old_words),
                    text,
                    context,
                );
                let start = self.printer.out.len();
                self.printer.text(text, quotes, indent, !context.simple_key);
                self.header_comment(node, start, quotes);
            }
            View::Sequence(items) => {
                self.printer.push("[");
                for (at, item) in items.iter().enumerate() {
                    self.next_in_flow(at == 0, item, indent);
                    self.inline(item, indent + 2, IN_FLOW);
                }
                self.printer.push("]");
            }
            View::Mapping(mapping) => {
                self.printer.push("{");
                for (at, entry) in mapping.iter().enumerate() {
                    self.next_in_flow(at == 0, &entry.key, indent);
                    if self.is_simple(&entry.key) {
                        self.simple_key(&entry.key, indent, true);
                        self.printer.push(": ");
                    } else {
                        self.printer.push("? ");
                        self.inline(&entry.key, indent + 2, IN_FLOW);
                        self.printer.push(" : ");
                    }
                    self.inline(&entry.value, indent + 2, IN_FLOW);
                }
                self.printer.push("}");
            }
        }
        self.comments.written(node);
    }

    fn simple_key(&mut self, key: &Node, indent: usize, flow: bool) {
        let simple_key = true;
        self.inline(key, indent + 2, TextContext { flow, simple_key });
        // A colon would be parsed as a part of the name.
        if self.is_alias(key) {
            self.printer.push(" ");
        }
    }

    /// Whether a key is written without a `?`.
    fn is_simple(&self, key: &Node) -> bool {
        match key.view() {
            View::Scalar(text) => {
                let properties = self.properties(key).map_or(0, |it| it.len());
                is_simple_key(text, Facts::new(text)) && text.len() + properties <= 128
            }
            _ => key.is_empty_collection(),
        }
    }

    fn is_alias(&self, node: &Node) -> bool {
        let plain = node.style() == Style::Plain && node.is_scalar();
        plain && self.is_as_written(node) && node.span().text().starts_with('*')
    }

    fn is_as_written(&self, node: &Node) -> bool {
        let source = &node.span().source;
        self.as_written.is_some_and(|own| Arc::ptr_eq(own, source))
    }

    /// The anchor and tag before the value in the source, if any.
    fn properties(&self, node: &Node) -> Option<String> {
        // A block map begins at its first key, so the properties there belong to the key.
        let first = node.as_mapping().and_then(|it| it.iter().next());
        if first.is_some_and(|it| it.key.span().start == node.span().start) {
            return None;
        }
        let tag = stated_tag(node).or_else(|| kept_tag(node).map(str::to_string));
        let anchor = stated_anchor(node).filter(|_| self.is_as_written(node));
        match (anchor, tag) {
            (Some(anchor), Some(tag)) => Some(format!("{anchor} {tag}")),
            (Some(anchor), None) => Some(anchor.to_string()),
            (None, tag) => tag,
        }
    }
}

/// The anchor of a value in the source, with its `&`.
fn stated_anchor(node: &Node) -> Option<&str> {
    if !node.has_origin() {
        return None;
    }
    let mut words = node.span().text().split_whitespace();
    let first = words.next()?;
    let word = if first.starts_with('!') {
        words.next()?
    } else {
        first
    };
    let word = word.split([',', '[', ']', '{', '}']).next()?;
    word.starts_with('&').then_some(word)
}

/// The tag that is required because the text of a value would be parsed as another type.
fn kept_tag(node: &Node) -> Option<&'static str> {
    let text = node.as_str().filter(|_| node.style() == Style::Plain)?;
    let (kind, tag) = match node.tag() {
        Tag::Null => (Kind::Null, "!!null"),
        Tag::Bool => (Kind::Bool, "!!bool"),
        Tag::Int => (Kind::Int, "!!int"),
        Tag::Float => (Kind::Float, "!!float"),
        Tag::Timestamp => (Kind::Timestamp, "!!timestamp"),
        _ => return None,
    };
    (resolve(text) != kind).then_some(tag)
}

fn is_block(node: &Node) -> bool {
    node.style() != Style::Flow && !node.is_scalar() && !node.is_empty_collection()
}

/// The preferred style of a node.
fn preferred_quotes(node: &Node, text: &str, quotes_old_words: bool) -> Quotes {
    match node.style() {
        Style::SingleQuoted => Quotes::Single,
        Style::DoubleQuoted => Quotes::Double,
        Style::Literal => Quotes::Literal,
        Style::Folded => Quotes::Folded,
        Style::Plain | Style::Flow | Style::Tagged if text.contains('\n') => Quotes::Literal,
        Style::Plain
            if node.tag() == Tag::Str
                && stated_tag(node).is_none()
                && resolve(text) != Kind::String =>
        {
            Quotes::Double
        }
        Style::Plain if quotes_old_words && (is_old_bool(text) || is_base_60(text)) => {
            Quotes::Double
        }
        Style::Plain | Style::Flow | Style::Tagged => Quotes::Plain,
    }
}

/// The tag before the value in the source, if any.
fn stated_tag(node: &Node) -> Option<String> {
    if !node.has_origin() {
        return None;
    }
    let text = node.span().text();
    let text = if text.starts_with('&') {
        text.split_once([' ', '\n'])?.1.trim_start()
    } else {
        text
    };
    if text.starts_with('!') {
        let tag = text
            .split([' ', '\t', '\r', '\n', ',', ']', '}'])
            .next()
            .unwrap_or(text);
        return match tag
            .strip_prefix("!<tag:yaml.org,2002:")
            .and_then(|it| it.strip_suffix('>'))
        {
            Some(core) => Some(format!("!!{core}")),
            None => Some(tag.to_string()).filter(|it| it != "!"),
        };
    }
    let merge =
        node.style() == Style::Plain && node.tag() == Tag::None && node.as_str() == Some("<<");
    merge.then(|| "!!merge".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::parse_as_written;

    fn check(text: &str, expected: &str) {
        let written = parse_as_written(&Source::internal("t.yaml", text)).expect("valid");
        assert_eq!(emit_as_written(&written.expect("there")), expected);
    }

    /// As kyaml 0.21 prints them.
    #[test]
    fn comments_are_written_where_they_belong() {
        let same = "# licence\n\n# head\nk: &x\n- a # x\n# foot\n\n# next\nl: | # block\n  text\nm: *x\n\n# end\n";
        check(&same.replace("- a # x", "-   a    # x"), same);
        check("k: 1\n\n# c\n\nb: 2\n", "k: 1\n# c\nb: 2\n");
        check(
            "k:\n    a: 1\n\n    # c\nb: 2\n",
            "k:\n  a: 1\n  # c\nb: 2\n",
        );
        check("k: [ # lost\n  1, # c\n  2]\n", "k: [1, # c\n  2]\n");
        check("&r\n&k a: {<<: *k}\n", "&r\n&k a: {!!merge <<: *k}\n");
    }
}
