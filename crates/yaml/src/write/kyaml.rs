//! The kyaml form: the output of kustomize's library with go-yaml 3.
//!
//! Keys in the order of the tree, styles and explicit tags as in the source, no folding. A document as written also keeps anchors,
//! aliases, merge keys and comments; in others, they stay expanded.

use std::sync::Arc;

use super::comments::Pending;
use super::order;
use super::printer::{Printer, is_simple_key};
use super::text::{Facts, Quotes, TextContext, is_base_60, is_old_bool};
use crate::diag::Source;
use crate::{Comments, Entry, Kind, Mapping, Node, Style, Tag, View, Written, resolve};

/// The context of items and values in a flow collection.
const IN_FLOW: TextContext = TextContext {
    flow: true,
    simple_key: false,
};

const BLOCK: TextContext = TextContext {
    flow: false,
    simple_key: false,
};

/// The collection that contains a value, or the document.
#[derive(Clone, Copy)]
struct Parent {
    /// The column of its entries.
    indent: Option<usize>,
    is_mapping: bool,
    /// Whether the value is a key.
    is_key: bool,
}

const ROOT: Parent = Parent {
    indent: None,
    is_mapping: false,
    is_key: false,
};

impl Parent {
    fn mapping(indent: usize) -> Parent {
        Parent {
            indent: Some(indent),
            is_mapping: true,
            is_key: false,
        }
    }

    fn sequence(indent: usize) -> Parent {
        Parent {
            indent: Some(indent),
            ..ROOT
        }
    }

    fn key(self) -> Parent {
        Parent {
            is_key: true,
            ..self
        }
    }

    /// The columns after and inside a flow collection.
    fn flow_indents(self) -> (usize, usize) {
        let indent = self.indent.unwrap_or(0);
        (indent, indent + 2)
    }
}

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
        as_written: Some(written.document.span().source()),
        comments: Some(&written.comments),
        ..Writer::default()
    };
    writer.document(&written.document)
}

/// Writes nodes in the order of go-yaml's emitter, because a comment is written at the next position for its kind.
struct Writer<'a> {
    printer: Printer,
    quotes_old_words: bool,
    /// The indentation of a list relative to its key.
    list_indent: usize,
    /// The text whose anchors and aliases are written; values that were inserted later have none.
    as_written: Option<&'a Arc<Source>>,
    comments: Option<&'a Comments>,
    pending: Pending<'a>,
}

impl Default for Writer<'_> {
    fn default() -> Self {
        Writer {
            printer: Printer::new(false),
            quotes_old_words: false,
            list_indent: 0,
            as_written: None,
            comments: None,
            pending: Pending::default(),
        }
    }
}

impl<'a> Writer<'a> {
    fn document(mut self, node: &Node) -> String {
        let comments = self.comments;
        if let Some(head) = comments.map(|it| &it.head).filter(|it| !it.is_empty()) {
            self.pending.head = head;
            self.pending.write_head(&mut self.printer, 0);
            self.printer.end_line();
        }
        self.pending.begin(comments, node);
        self.pending.write_head(&mut self.printer, 0);
        self.node(node, ROOT, BLOCK);
        if let Some(foot) = comments.map(|it| &it.foot).filter(|it| !it.is_empty()) {
            self.pending.foot = foot;
        }
        self.printer.set_apart(0);
        self.pending.write_foot(&mut self.printer, 0);
        self.printer.end_document();
        self.printer.finish()
    }

    /// Writes a value and the comments after it.
    fn node(&mut self, node: &Node, parent: Parent, context: TextContext) {
        let indent = parent.indent.unwrap_or(0);
        if node.is_scalar() {
            self.scalar(node, indent + 2, context);
            return self.after_value(parent, context);
        }
        if let Some(properties) = self.properties(node) {
            self.printer.separate();
            self.printer.push(&properties);
        }
        self.after_value(parent, context);
        let is_block = is_block(node) && !context.flow;
        match node.view() {
            View::Mapping(mapping) if is_block => {
                self.mapping(node, mapping, parent);
            }
            View::Sequence(items) if is_block => self.sequence(items, self.list_column(parent)),
            View::Mapping(mapping) => self.flow_mapping(node, mapping, parent),
            View::Sequence(items) => self.flow_sequence(node, items, parent),
            View::Scalar(_) => {}
        }
    }

    /// Writes the comments after a scalar, or after the line on which a collection begins.
    fn after_value(&mut self, parent: Parent, context: TextContext) {
        if parent.is_key {
            return;
        }
        if context.flow && self.pending.follows() {
            self.printer.push(",");
        }
        self.comments_after(parent.indent.unwrap_or(0));
    }

    fn comments_after(&mut self, indent: usize) {
        self.pending.write_line(&mut self.printer, indent);
        self.pending.write_foot(&mut self.printer, indent);
    }

    /// The column of the dashes of a list. Below a key, it is the column of the key.
    fn list_column(&self, parent: Parent) -> usize {
        let begins_line = !self.printer.is_indentation() || self.printer.at_column_0();
        match parent.indent {
            None => 0,
            Some(indent) if parent.is_mapping && begins_line => indent + self.list_indent,
            Some(indent) => indent + 2,
        }
    }

    fn mapping(&mut self, node: &Node, mapping: &Mapping, parent: Parent) {
        let indent = parent.indent.map_or(0, |it| it + 2);
        let inside = Parent::mapping(indent);
        let mut tail = "";
        for entry in mapping.iter() {
            self.begin_key(&entry.key, &mut tail);
            self.pending.write_head(&mut self.printer, indent);
            self.printer.start_line(indent);
            if !self.pending.line.is_empty() {
                self.pending.key_line = std::mem::take(&mut self.pending.line);
            }
            if self.is_simple(&entry.key) {
                self.simple_key(&entry.key, inside, false);
                self.printer.push(":");
            } else {
                self.printer.sign('?');
                self.node(&entry.key, inside.key(), BLOCK);
                self.printer.start_line(indent);
                self.printer.sign(':');
            }
            self.pending.begin(self.comments, &entry.value);
            self.key_comment(&entry.value, indent);
            self.node(&entry.value, inside, BLOCK);
        }
        self.end(node, tail, parent);
        self.pending.write_head(&mut self.printer, indent);
    }

    fn begin_key(&mut self, key: &Node, tail: &mut &'a str) {
        let before = std::mem::take(tail);
        // go-yaml loses it before other keys.
        let before = match key.as_sequence().is_some() || self.is_alias(key) {
            true => "",
            false => before,
        };
        *tail = self.pending.begin_key(self.comments, key, before);
    }

    fn end(&mut self, node: &Node, tail: &'a str, parent: Parent) {
        let foot = self.pending.foot;
        self.pending.end(self.comments, node, tail);
        // It is written as the tail of the entry.
        if parent.is_key {
            self.pending.foot = foot;
        }
    }

    /// Writes the comment after a key, unless it follows the value.
    fn key_comment(&mut self, value: &Node, indent: usize) {
        if self.pending.key_line.is_empty() || self.is_alias(value) {
            return;
        }
        if value.is_scalar() {
            if self.pending.line.is_empty() {
                self.pending.line = std::mem::take(&mut self.pending.key_line);
            }
        } else if value.style() != Style::Flow {
            let key_line = std::mem::take(&mut self.pending.key_line);
            let line = std::mem::replace(&mut self.pending.line, key_line);
            self.pending.write_line(&mut self.printer, indent);
            self.pending.line = line;
        }
    }

    fn sequence(&mut self, items: &[Node], indent: usize) {
        for item in items {
            self.pending.begin(self.comments, item);
            self.pending.write_head(&mut self.printer, indent);
            self.printer.start_line(indent);
            self.printer.sign('-');
            self.node(item, Parent::sequence(indent), BLOCK);
        }
    }

    fn flow_sequence(&mut self, node: &Node, items: &[Node], parent: Parent) {
        let (outside, indent) = parent.flow_indents();
        self.printer.separate();
        self.printer.open("[");
        // The comma of the last item is before its comment.
        let mut separated = true;
        for item in items {
            self.pending.begin(self.comments, item);
            self.next_in_flow(separated, indent);
            separated = self.pending.follows();
            self.node(item, Parent::sequence(indent), IN_FLOW);
        }
        self.end(node, "", parent);
        if self.printer.at_column_0() {
            self.printer.start_line(outside);
        }
        self.printer.push("]");
        self.comments_after(outside);
    }

    fn flow_mapping(&mut self, node: &Node, mapping: &Mapping, parent: Parent) {
        let (outside, indent) = parent.flow_indents();
        self.printer.separate();
        self.printer.open("{");
        let inside = Parent::mapping(indent);
        let (mut tail, mut separated) = ("", true);
        for entry in mapping.iter() {
            self.begin_key(&entry.key, &mut tail);
            self.next_in_flow(separated, indent);
            if self.is_simple(&entry.key) {
                self.simple_key(&entry.key, inside, true);
            } else {
                self.printer.separate();
                self.printer.push("?");
                self.node(&entry.key, inside.key(), IN_FLOW);
                self.printer.separate();
            }
            self.printer.push(":");
            self.pending.begin(self.comments, &entry.value);
            separated = self.pending.follows();
            self.node(&entry.value, inside, IN_FLOW);
        }
        self.end(node, tail, parent);
        if !separated && self.pending.is_around_end() {
            self.printer.push(",");
        }
        self.pending.write_head(&mut self.printer, indent);
        self.printer.push("}");
        self.comments_after(outside);
    }

    /// Moves to the next entry of a flow collection.
    fn next_in_flow(&mut self, separated: bool, indent: usize) {
        if !separated {
            self.printer.push(",");
        }
        self.pending.write_head(&mut self.printer, indent);
        if self.printer.at_column_0() {
            self.printer.start_line(indent);
        }
    }

    /// `indent`: the column of further lines.
    fn scalar(&mut self, node: &Node, indent: usize, context: TextContext) {
        if let Some(properties) = self.properties(node) {
            self.printer.separate();
            self.printer.push(&properties);
        }
        let text = node.as_str().unwrap_or("");
        if self.is_alias(node) {
            self.printer.separate();
            return self.printer.push(text);
        }
        let preferred = preferred_quotes(node, text, self.quotes_old_words);
        let quotes = Facts::new(text).quotes(preferred, text, context);
        if quotes == Quotes::Plain && text.is_empty() {
            return;
        }
        self.printer.separate();
        // The comment of a block scalar is after its `|`, even if it followed the text in another style.
        let comment = match quotes {
            Quotes::Literal | Quotes::Folded => std::mem::take(&mut self.pending.line),
            _ => "",
        };
        let may_fold = !context.simple_key;
        self.printer
            .commented_text(text, quotes, indent, may_fold, comment);
    }

    fn simple_key(&mut self, key: &Node, parent: Parent, flow: bool) {
        let simple_key = true;
        self.node(key, parent.key(), TextContext { flow, simple_key });
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
        let source = node.span().source();
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
