//! Completes nodes: expands aliases and merge keys, checks keys, enforces limits.

use std::collections::{BTreeMap, BTreeSet};
use std::vec::Drain;

use super::Mode;
use super::parse::DEPTH_MAX;
use super::scan::Scan;
use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::{Entry, Mapping, Node, Style, Tag, View};

/// The maximum number of values of a file, including those repeated by aliases.
// This limits memory: each value takes about 50 bytes, and derived data takes more.
const NODES_MAX: usize = 2_000_000;
/// The maximum number of values that aliases may repeat in a file; each 64 bytes of a long string count as one.
// Protects against the "billion laughs" attack: ten levels that each repeat the next one ten times, in a file of 500 bytes. go-yaml has
// a similar limit.
const ALIAS_NODES_MAX: usize = 1_000_000;

/// This number of bytes of a long repeated text counts as a value.
const VALUE_BYTES: usize = 64;
/// The number of errors after which reading stops.
const FAULTS_MAX: usize = 500;

pub(super) struct Builder<'s> {
    anchors: Anchors<'s>,
    mode: Mode,
    /// Errors after which reading continues.
    pub(super) faults: Diagnostics,
    nodes: usize,
    alias_nodes: usize,
}

/// The values with an anchor.
pub(super) struct Anchors<'s> {
    text: &'s str,
    named: BTreeMap<&'s str, Named>,
    /// The names that aliases may refer to, collected at the first anchor. Other values need not be stored.
    aliases: Option<BTreeSet<&'s str>>,
}

enum Named {
    /// The value is not complete yet.
    Open,
    Done(Node, Size),
    /// No alias in the file has this name.
    Unused,
}

impl<'s> Anchors<'s> {
    pub(super) fn new(text: &'s str) -> Anchors<'s> {
        Anchors {
            text,
            named: BTreeMap::new(),
            aliases: None,
        }
    }

    fn has_alias(&mut self, name: &str) -> bool {
        let text = self.text;
        // The word after any asterisk, even in a comment: unused names only cost memory.
        let words = || text.split('*').skip(1);
        let aliases = self
            .aliases
            .get_or_insert_with(|| words().map(first_word).collect());
        aliases.contains(name)
    }
}

fn first_word(text: &str) -> &str {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let len = text
        .as_bytes()
        .iter()
        .take_while(|byte| is_word(byte))
        .count();
    &text[..len]
}

impl<'s> Builder<'s> {
    pub(super) fn new(anchors: Anchors<'s>, mode: Mode) -> Builder<'s> {
        Builder {
            anchors,
            mode,
            faults: Diagnostics::default(),
            nodes: 0,
            alias_nodes: 0,
        }
    }

    /// Resets anchors, because an alias cannot refer to another document.
    pub(super) fn begin_document(&mut self) {
        // In YAML 1.1, anchors are only valid in their document.
        self.anchors.named.clear();
    }

    pub(super) fn open_anchor(&mut self, name: &'s str) {
        self.anchors.named.insert(name, Named::Open);
    }

    pub(super) fn close_anchor(&mut self, name: &'s str, node: &Node) -> Scan<()> {
        if self.mode != Mode::Written && self.anchors.has_alias(name) {
            let size = size(node);
            // The stored copy also counts: a thousand anchors of one deep value would be a thousand copies.
            self.repeat(size.values, node.span())?;
            self.anchors
                .named
                .insert(name, Named::Done(node.clone(), size));
        } else {
            self.anchors.named.insert(name, Named::Unused);
        }
        Ok(())
    }

    /// A copy of the value of an alias.
    pub(super) fn alias(&mut self, span: Span, name: &str, depth: usize) -> Scan<Node> {
        match self.anchors.named.get(name) {
            Some(_) if self.mode == Mode::Written => {
                let text = span.range();
                Ok(Node::slice(span, text, Style::Plain, Tag::None))
            }
            Some(Named::Done(node, size)) => {
                let (node, size) = (node.deep_clone(), *size);
                self.repeat(size.values, &span)?;
                // Nested aliases can be deeper than the text.
                if depth + size.depth > DEPTH_MAX {
                    return Err(self.too_deep(span, DEPTH_MAX));
                }
                Ok(node)
            }
            Some(Named::Open) => {
                let fault = Diagnostic::error(
                    "yaml-syntax",
                    format!("the alias `*{name}` is inside the value that it refers to"),
                );
                Err(Box::new(
                    fault
                        .at(span)
                        .help("write the value out; it cannot contain itself"),
                ))
            }
            None | Some(Named::Unused) => {
                let names = self.anchors.named.keys().copied();
                let fault = Diagnostic::error("yaml-syntax", format!("undefined anchor `&{name}`"))
                    .at(&span);
                let fault = fault
                    .did_you_mean(name, names)
                    .help("quote a string that begins with `*`");
                self.fault(fault)?;
                // Continue, so that one missing anchor does not hide further errors.
                Ok(Node::null())
            }
        }
    }

    /// Records an error and continues, unless there are too many.
    fn fault(&mut self, fault: Diagnostic) -> Scan<()> {
        if self.faults.errors() < FAULTS_MAX {
            self.faults.push(fault);
            return Ok(());
        }
        let message = format!("the file has more than {FAULTS_MAX} errors");
        let limit = Diagnostic::error("yaml-limit", message).class(Class::Limit);
        // At the location of the first error that is not listed.
        let at = fault.span;
        let limit = limit.help("fix the listed ones first");
        Err(Box::new(Diagnostic { span: at, ..limit }))
    }

    fn repeat(&mut self, count: usize, span: &Span) -> Scan<()> {
        self.alias_nodes += count;
        self.nodes += count;
        if self.alias_nodes <= ALIAS_NODES_MAX {
            return Ok(());
        }
        let message =
            format!("aliases repeat more than {ALIAS_NODES_MAX} values, or long strings too often");
        Err(Box::new(
            Diagnostic::error("yaml-limit", message)
                .class(Class::Limit)
                .at(span)
                .help("write the values out, or reduce their number"),
        ))
    }

    pub(super) fn count(&mut self, node: &Node) -> Scan<()> {
        self.nodes += 1;
        if self.nodes <= NODES_MAX {
            return Ok(());
        }
        let message = format!("more than {NODES_MAX} values in one file");
        Err(Box::new(
            Diagnostic::error("yaml-limit", message)
                .class(Class::Limit)
                .at(node)
                .help("split the file"),
        ))
    }

    pub(super) fn too_deep(&self, span: Span, depth_max: usize) -> Box<Diagnostic> {
        let message = format!("maps and lists are nested deeper than {depth_max} levels");
        Box::new(
            Diagnostic::error("yaml-limit", message)
                .class(Class::Limit)
                .at(span)
                .help("reduce the nesting"),
        )
    }

    /// Builds a mapping from alternating keys and values; reports invalid keys.
    pub(super) fn mapping(&mut self, mut children: Drain<'_, Node>) -> Scan<Mapping> {
        let mut merges = false;
        for key in children.as_slice().iter().step_by(2) {
            merges |= is_merge(key);
            // Neither JSON nor Kubernetes has such keys. Usually, it is an unquoted template: `{{ .Values.x }}`.
            if !key.is_scalar() && !matches!(self.mode, Mode::Written | Mode::GoYamlV2) {
                let fault =
                    Diagnostic::error("yaml-syntax", "a map or list cannot be a key").at(key);
                self.fault(fault.help("quote the key; template braces must be quoted too"))?;
            }
        }
        // Nothing else in this loop, so that moving nodes is fast.
        let mut entries = Vec::with_capacity(children.len() / 2);
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            entries.push(Entry { key, value });
        }
        match self.mode {
            Mode::Written => return Ok(Mapping::from_entries(entries)),
            Mode::GoYamlV2 if merges => return Ok(self.merged_in_order(entries)),
            Mode::GoYamlV2 => return Ok(Mapping::from_entries(entries)),
            Mode::All | Mode::First => {}
        }
        // A closure cannot return early, so the first error is stored.
        let mut faults = Ok(());
        super::keys::for_each_duplicate(&entries, |first, second| {
            if faults.is_ok() {
                faults = self.fault(duplicate(first, second));
            }
        });
        faults?;
        if merges {
            self.merged(entries)
        } else {
            Ok(Mapping::from_entries(entries))
        }
    }

    /// The entries of each source at the position of its merge key: in go-yaml v2, later entries take precedence. Of several
    /// sources, the first takes precedence, so they are inserted from the last to the first.
    fn merged_in_order(&mut self, entries: Vec<Entry>) -> Mapping {
        let mut merged = Vec::with_capacity(entries.len());
        for entry in entries {
            if !is_merge(&entry.key) {
                merged.push(entry);
                continue;
            }
            let sources = match entry.value.view() {
                View::Sequence(items) => items.iter().rev().cloned().collect(),
                _ => vec![entry.value],
            };
            for source in sources {
                let span = source.span().clone();
                let is_undefined = is_undefined(&source);
                match source.into_mapping() {
                    Some(mapping) => merged.extend(mapping),
                    None if is_undefined => {}
                    None => self.faults.push(no_map_to_merge(&span)),
                }
            }
        }
        Mapping::from_entries(merged)
    }

    /// Merges sources: own keys take precedence, and of several sources the first.
    fn merged(&mut self, entries: Vec<Entry>) -> Scan<Mapping> {
        // Unlike in go-yaml v2, the position of `<<` does not matter.
        let (merges, mut entries): (Vec<Entry>, Vec<Entry>) =
            entries.into_iter().partition(|it| is_merge(&it.key));
        let mut known: BTreeSet<String> = entries
            .iter()
            .map(|it| it.key.as_str().unwrap_or("").to_string())
            .collect();
        for Entry { value, .. } in merges {
            let sources = match value.view() {
                View::Sequence(items) => items.to_vec(),
                _ => vec![value],
            };
            for source in sources {
                let span = source.span().clone();
                if is_undefined(&source) {
                    continue;
                }
                let Some(mapping) = source.into_mapping() else {
                    self.fault(no_map_to_merge(&span))?;
                    continue;
                };
                for entry in mapping {
                    if known.insert(entry.key.as_str().unwrap_or("").to_string()) {
                        entries.push(entry);
                    }
                }
            }
        }
        Ok(Mapping::from_entries(entries))
    }
}

/// Whether it replaces an undefined alias, which is already reported: the only null without a location.
fn is_undefined(node: &Node) -> bool {
    node.is_null() && node.span().source().text.is_empty()
}

fn is_merge(key: &Node) -> bool {
    // In quotes, it is an ordinary key.
    key.is_text("<<") && key.style() == Style::Plain && key.tag() == Tag::None
}

fn duplicate(first: &Node, second: &Node) -> Diagnostic {
    let key = second.as_str().unwrap_or("");
    Diagnostic::error("duplicate-key", format!("duplicate key `{key}`"))
        .class(Class::DuplicateKey)
        .at(second)
        .related(first.span(), "first defined here")
        .help("remove one of the two")
}

fn no_map_to_merge(span: &Span) -> Diagnostic {
    Diagnostic::error(
        "yaml-syntax",
        "`<<` expects a map, an alias of a map, or a list of these",
    )
    .at(span)
    .help("to use `<<` as a plain key, quote it")
}

/// The number of values that a repetition of a value adds, and its depth.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    depth: usize,
}

fn size(node: &Node) -> Size {
    let text = |text: &str| 1 + text.len() / VALUE_BYTES;
    let within = |sum: Size, node: &Node| {
        let inner = size(node);
        Size {
            values: sum.values + inner.values,
            depth: sum.depth.max(inner.depth + 1),
        }
    };
    let one = Size {
        values: 1,
        depth: 1,
    };
    match node.view() {
        View::Scalar(it) => Size {
            values: text(it),
            depth: 0,
        },
        View::Sequence(items) => items.iter().fold(one, within),
        View::Mapping(mapping) => mapping.iter().fold(one, |mut sum, it| {
            sum.values += it.key.as_str().map_or(1, text);
            within(sum, &it.value)
        }),
    }
}
