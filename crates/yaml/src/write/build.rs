//! The build form: the output of `kustomize build`.
//!
//! kustomize prints a resource with go-yaml 3, parses this text, converts it to JSON, parses this with go-yaml 2, and prints it
//! again. The module `value` has the combined effect of these steps; the layout and the styles are those of version 2.

use super::order;
use super::printer::{Printer, SIMPLE_KEY_LEN_MAX, is_simple_key};
use super::text::{Facts, Quotes, TextContext, is_base_60, is_old_bool};
use super::value::{self, Value};
use crate::diag::Diagnostic;
use crate::{Entry, Kind, Mapping, Node, Style, View, resolve};

/// Writes one document like `kustomize build`, with a final line feed.
///
/// Errors: `build-value` if kustomize rejects a value or key.
pub fn emit_kustomize(node: &Node) -> Result<String, Diagnostic> {
    emit(node, true)
}

/// Writes one document like `sigs.k8s.io/yaml`, which Helm's `toYaml` uses, with a final line feed. The difference from `kustomize
/// build` is that a key `<<` is an ordinary key.
///
/// Errors: `build-value` if the library cannot parse the JSON of the value.
pub fn emit_sigs_yaml(node: &Node) -> Result<String, Diagnostic> {
    emit(node, false)
}

fn emit(node: &Node, loses_merge_keys: bool) -> Result<String, Diagnostic> {
    let mut writer = Writer {
        printer: Printer::new(true),
        order: Vec::new(),
        loses_merge_keys,
    };
    match node.view() {
        View::Mapping(mapping) if writer.is_visible(mapping)? => {
            writer.mapping(mapping, 0, true, node.style() == Style::Flow)?
        }
        View::Sequence(items) if !items.is_empty() => {
            writer.sequence(items, 0, true, node.style() == Style::Flow)?
        }
        _ => writer.inline(node, 2, false)?,
    }
    Ok(writer.printer.finish())
}

struct Writer {
    printer: Printer,
    /// The sorted indexes of the entries of all open mappings, one after the other.
    order: Vec<u32>,
    /// Whether a key `<<` is treated as a merge key and lost.
    loses_merge_keys: bool,
}

/// Adds the key of the invalid value, because the location of a generated value is in a list of files.
fn of_key(fault: Diagnostic, entry: &Entry) -> Diagnostic {
    let is_value = fault.span.as_ref() == Some(entry.value.span());
    match entry.key.as_str() {
        Some(key) if is_value => fault.label(format!("the value of `{key}`")),
        _ => fault,
    }
}

impl Writer {
    /// `started`: the cursor is at the start of the first entry. `flow`: in the source, the value is inside `{…}` or `[…]`.
    fn mapping(
        &mut self,
        mapping: &Mapping,
        indent: usize,
        started: bool,
        flow: bool,
    ) -> Result<(), Diagnostic> {
        let entries = mapping.as_slice();
        let base = self.order.len();
        self.order.extend(0..entries.len() as u32);
        let text = |at: u32| {
            entries
                .get(at as usize)
                .and_then(|it| it.key.as_str())
                .unwrap_or("")
        };
        order::sort(&mut self.order[base..], &|a, b| {
            order::compare(text(a), text(b))
        });
        let mut started = started;
        for at in base..base + entries.len() {
            let entry = &entries[self.order[at] as usize];
            if self.is_swallowed(entry)? {
                continue;
            }
            if !started {
                self.printer.line(indent);
            }
            started = false;
            let simple = self.key(&entry.key, indent, flow)?;
            self.entry_value(&entry.value, indent, simple, flow)
                .map_err(|fault| of_key(fault, entry))?;
        }
        self.order.truncate(base);
        Ok(())
    }

    fn entry_value(
        &mut self,
        node: &Node,
        indent: usize,
        simple: bool,
        flow: bool,
    ) -> Result<(), Diagnostic> {
        if !simple {
            self.printer.line(indent);
        }
        let inside = flow || node.style() == Style::Flow;
        match node.view() {
            View::Mapping(mapping) if self.is_visible(mapping)? => {
                self.printer.push(if simple { ":" } else { ": " });
                self.mapping(mapping, indent + 2, !simple, inside)
            }
            View::Sequence(items) if !items.is_empty() => {
                self.printer.push(if simple { ":" } else { ": " });
                self.sequence(
                    items,
                    if simple { indent } else { indent + 2 },
                    !simple,
                    inside,
                )
            }
            _ => {
                self.printer.push(": ");
                self.inline(node, indent + 2, flow)
            }
        }
    }

    fn sequence(
        &mut self,
        items: &[Node],
        indent: usize,
        started: bool,
        flow: bool,
    ) -> Result<(), Diagnostic> {
        for (at, item) in items.iter().enumerate() {
            if at > 0 || !started {
                self.printer.line(indent);
            }
            self.printer.push("- ");
            let inside = flow || item.style() == Style::Flow;
            match item.view() {
                View::Mapping(mapping) if self.is_visible(mapping)? => {
                    self.mapping(mapping, indent + 2, true, inside)?
                }
                View::Sequence(items) if !items.is_empty() => {
                    self.sequence(items, indent + 2, true, inside)?
                }
                _ => self.inline(item, indent + 2, flow)?,
            }
        }
        Ok(())
    }

    /// A scalar or an empty collection. `indent`: the column of further lines.
    fn inline(&mut self, node: &Node, indent: usize, flow: bool) -> Result<(), Diagnostic> {
        if let Some(word) = value::plain_word(node) {
            self.printer.push(word);
            return Ok(());
        }
        match node.view() {
            View::Mapping(_) => self.printer.push("{}"),
            View::Sequence(_) => self.printer.push("[]"),
            View::Scalar(_) => match value::read_by_version_2(node, flow)? {
                Value::Word(text) => self.printer.push(&text),
                Value::Text(text) => self.text(&text, indent),
            },
        }
        Ok(())
    }

    fn text(&mut self, text: &str, indent: usize) {
        let facts = Facts::new(text).version_2();
        let context = TextContext {
            flow: false,
            simple_key: false,
        };
        self.printer.text(
            text,
            facts.quotes(preferred_quotes(text, facts), text, context),
            indent,
            true,
        );
    }

    /// Writes a key; returns whether it is a simple key, with `:` on the same line.
    fn key(&mut self, key: &Node, indent: usize, flow: bool) -> Result<bool, Diagnostic> {
        let word = value::plain_word(key);
        if let Some(word) = word.filter(|it| it.len() <= SIMPLE_KEY_LEN_MAX) {
            self.printer.push(word);
            return Ok(true);
        }
        let text = value::key(key, flow)?;
        let facts = Facts::new(&text).version_2();
        let simple_key = is_simple_key(&text, facts);
        if !simple_key {
            self.printer.push("? ");
        }
        let quotes = facts.quotes(
            preferred_quotes(&text, facts),
            &text,
            TextContext {
                flow: false,
                simple_key,
            },
        );
        self.printer.text(&text, quotes, indent + 2, !simple_key);
        Ok(simple_key)
    }

    fn is_swallowed(&self, entry: &Entry) -> Result<bool, Diagnostic> {
        Ok(self.loses_merge_keys && value::is_swallowed(entry)?)
    }

    /// Whether anything of a mapping is printed: version 2 loses a key `<<`.
    fn is_visible(&self, mapping: &Mapping) -> Result<bool, Diagnostic> {
        for entry in mapping.iter() {
            if !self.is_swallowed(entry)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The style that version 2 prefers for a string.
fn preferred_quotes(text: &str, facts: Facts) -> Quotes {
    if facts.multiline && text.contains('\n') {
        Quotes::Literal
    } else if resolve(text) == Kind::String && !is_old_bool(text) && !is_base_60(text) {
        Quotes::Plain
    } else {
        Quotes::Double
    }
}
