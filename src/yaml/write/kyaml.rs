//! The kyaml form: what kustomize's library prints of a tree, with go-yaml 3.
//!
//! Keys in the tree's order, styles and stated tags as in the source, nothing folded. What the reader has expanded (anchors,
//! aliases, merge keys) stays expanded, and comments are not written.

use super::printer::{Printer, is_simple_key};
use super::text::{Facts, Place, Quotes, is_base_60, is_old_bool};
use crate::yaml::{Kind, Mapping, Node, Style, Tag, View, resolve};

/// Writes one document as kyaml prints a tree, with a final line feed.
pub fn to_kyaml_form(node: &Node) -> String {
    print(node, false)
}

/// Writes one document as kyaml prints a Go value that is no tree: strings that YAML 1.1 takes for something else are quoted too.
pub fn to_kyaml_value_form(node: &Node) -> String {
    print(node, true)
}

fn print(node: &Node, quotes_old_words: bool) -> String {
    let printer = Printer::new(false);
    let mut writer = Writer {
        printer,
        quotes_old_words,
    };
    writer.root(node);
    writer.printer.finish()
}

struct Writer {
    printer: Printer,
    quotes_old_words: bool,
}

impl Writer {
    fn root(&mut self, node: &Node) {
        match node.view() {
            View::Mapping(mapping) if is_block(node) => self.mapping(mapping, 0, true),
            View::Sequence(items) if is_block(node) => self.sequence(items, 0, true),
            _ => self.inline(
                node,
                2,
                Place {
                    flow: false,
                    simple_key: false,
                },
            ),
        }
    }

    fn mapping(&mut self, mapping: &Mapping, indent: usize, started: bool) {
        for (at, entry) in mapping.iter().enumerate() {
            if at > 0 || !started {
                self.printer.line(indent);
            }
            let simple = self.key(&entry.key, indent, false);
            if !simple {
                self.printer.line(indent);
            }
            self.printer.push(":");
            self.entry_value(&entry.value, indent, simple);
        }
    }

    fn entry_value(&mut self, node: &Node, indent: usize, simple: bool) {
        let tag = self.collection_tag(node);
        let on_line = !simple && !tag;
        if on_line && !node.is_scalar() {
            self.printer.push(" ");
        }
        match node.view() {
            View::Mapping(mapping) if is_block(node) => self.mapping(mapping, indent + 2, on_line),
            View::Sequence(items) if is_block(node) && simple => {
                self.sequence(items, indent, false)
            }
            View::Sequence(items) if is_block(node) => self.sequence(items, indent + 2, on_line),
            _ => self.spaced(node, indent + 2),
        }
    }

    fn sequence(&mut self, items: &[Node], indent: usize, started: bool) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 || !started {
                self.printer.line(indent);
            }
            self.printer.push("-");
            let tag = self.collection_tag(item);
            match item.view() {
                View::Mapping(mapping) if is_block(item) => {
                    self.printer.push(if tag { "" } else { " " });
                    self.mapping(mapping, indent + 2, !tag);
                }
                View::Sequence(items) if is_block(item) => {
                    self.printer.push(if tag { "" } else { " " });
                    self.sequence(items, indent + 2, !tag);
                }
                _ => self.spaced(item, indent + 2),
            }
        }
    }

    /// A block collection's tag, on the line of its key or dash.
    fn collection_tag(&mut self, node: &Node) -> bool {
        let tag = stated_tag(node).filter(|_| is_block(node));
        if let Some(tag) = &tag {
            self.printer.push(" ");
            self.printer.push(tag);
        }
        tag.is_some()
    }

    /// A scalar or a flow collection after a blank, which is left out where nothing is printed.
    fn spaced(&mut self, node: &Node, indent: usize) {
        let nothing = node.as_str() == Some("")
            && node.is_null()
            && stated_tag(node).is_none()
            && node.style() != Style::Flow;
        if !nothing {
            self.printer.push(" ");
            self.inline(
                node,
                indent,
                Place {
                    flow: false,
                    simple_key: false,
                },
            );
        }
    }

    fn inline(&mut self, node: &Node, indent: usize, place: Place) {
        if let Some(tag) = stated_tag(node) {
            self.printer.push(&tag);
            if node.as_str() == Some("") && node.style() == Style::Plain && !place.flow {
                return;
            }
            self.printer.push(" ");
        }
        match node.view() {
            View::Scalar(text) => {
                let facts = Facts::of(text);
                let quotes = facts.quotes(wanted(node, text, self.quotes_old_words), text, place);
                self.printer.text(text, quotes, indent, !place.simple_key);
            }
            View::Sequence(items) => {
                self.printer.push("[");
                for (at, item) in items.iter().enumerate() {
                    self.printer.push(if at > 0 { ", " } else { "" });
                    self.inline(
                        item,
                        indent + 2,
                        Place {
                            flow: true,
                            simple_key: false,
                        },
                    );
                }
                self.printer.push("]");
            }
            View::Mapping(mapping) => {
                self.printer.push("{");
                for (at, entry) in mapping.iter().enumerate() {
                    self.printer.push(if at > 0 { ", " } else { "" });
                    let simple = self.key(&entry.key, indent, true);
                    self.printer.push(if simple { ": " } else { " : " });
                    self.inline(
                        &entry.value,
                        indent + 2,
                        Place {
                            flow: true,
                            simple_key: false,
                        },
                    );
                }
                self.printer.push("}");
            }
        }
    }

    /// Writes a key; gives whether it is a simple one, whose `:` follows on its line.
    fn key(&mut self, key: &Node, indent: usize, flow: bool) -> bool {
        let text = key.as_str().unwrap_or("");
        let simple_key = is_simple_key(text, Facts::of(text));
        if !simple_key {
            self.printer.push("? ");
        }
        self.inline(key, indent + 2, Place { flow, simple_key });
        simple_key
    }
}

fn is_block(node: &Node) -> bool {
    node.style() != Style::Flow && !node.is_scalar() && !node.is_empty_collection()
}

/// The style that a node asks for.
fn wanted(node: &Node, text: &str, quotes_old_words: bool) -> Quotes {
    match node.style() {
        Style::SingleQuoted => Quotes::Single,
        Style::DoubleQuoted => Quotes::Double,
        Style::Literal => Quotes::Literal,
        Style::Folded => Quotes::Folded,
        Style::Plain | Style::Flow if text.contains('\n') => Quotes::Literal,
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
        Style::Plain | Style::Flow => Quotes::Plain,
    }
}

/// The tag as the source has it before the value, if it has one.
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
