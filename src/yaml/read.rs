//! The reader: text to nodes with spans.

use std::collections::BTreeMap;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle};

use super::{Mapping, Node, Style, Tag, View};
use crate::diag::{Diagnostic, Diagnostics, Source, Span};

/// Reads all documents of a file, in order. An empty document is a null.
///
/// Aliases and merge keys are expanded. Errors: `yaml-syntax`, `duplicate-key`, `yaml-limit`.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Node>, Diagnostics> {
    let mut reader = Reader {
        source,
        anchors: BTreeMap::new(),
        stack: Vec::new(),
        documents: Vec::new(),
        faults: Diagnostics::default(),
        nodes: 0,
    };
    if let Err(fault) = reader.read() {
        reader.faults.push(fault);
    }
    if reader.faults.is_empty() {
        Ok(reader.documents)
    } else {
        Err(reader.faults)
    }
}

/// Reads a file that holds one document; a file without any is a null.
pub fn parse_one(source: &Arc<Source>) -> Result<Node, Diagnostics> {
    let mut documents = parse(source)?;
    match documents.len() {
        0 => Ok(Node::null().at(Span::new(source, 0..0))),
        1 => Ok(documents.remove(0)),
        _ => Err(
            Diagnostic::error("yaml-syntax", "expected one document, found several")
                .at(documents[1].span().start())
                .help("move what follows `---` to a file of its own")
                .into(),
        ),
    }
}

const NODES_MAX: usize = 10_000_000;
const DEPTH_MAX: usize = 1_000;

struct Reader<'a> {
    source: &'a Arc<Source>,
    anchors: BTreeMap<usize, Node>,
    stack: Vec<Open>,
    documents: Vec<Node>,
    faults: Diagnostics,
    nodes: usize,
}

struct Open {
    start: usize,
    style: Style,
    anchor: usize,
    mapping: bool,
    children: Vec<Node>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<(), Diagnostic> {
        let text = &self.source.text;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let skipped = self.source.text.len() - text.len();
        let mut parser = Parser::new_from_str(text);
        let mut empty = true;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let at = error.marker().byte_offset().unwrap_or(0) + skipped;
                Diagnostic::error("yaml-syntax", error.info().to_lowercase())
                    .at(Span::new(self.source, at..at))
            })?;
            let (start, end) = (
                span.start.byte_offset().unwrap_or(0) + skipped,
                span.end.byte_offset().unwrap_or(0) + skipped,
            );
            match event {
                Event::DocumentStart(..) => empty = true,
                Event::DocumentEnd if empty => self
                    .documents
                    .push(Node::null().at(Span::new(self.source, start..start))),
                Event::Scalar(text, style, anchor, tag) => {
                    empty = false;
                    let node = self.scalar(&text, style, tag.as_deref(), start..end);
                    self.add(node, anchor)?;
                }
                Event::SequenceStart(style, anchor, _) => self.open(start, style, anchor, false)?,
                Event::MappingStart(style, anchor, _) => self.open(start, style, anchor, true)?,
                Event::SequenceEnd | Event::MappingEnd => {
                    empty = false;
                    self.close(end)?;
                }
                Event::Alias(id) => {
                    empty = false;
                    let at = Span::new(self.source, start..end);
                    let node =
                        self.anchors.get(&id).cloned().ok_or_else(|| {
                            Diagnostic::error("yaml-syntax", "unknown alias").at(&at)
                        })?;
                    self.nodes += count(&node);
                    self.add(node, 0)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&granit_parser::Tag>,
        range: std::ops::Range<usize>,
    ) -> Node {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
        };
        let tag = match tag.and_then(|tag| tag.core_suffix()) {
            None => Tag::None,
            Some("str") => Tag::Str,
            Some("null") => Tag::Null,
            Some("bool") => Tag::Bool,
            Some("int") => Tag::Int,
            Some("float") => Tag::Float,
            Some("timestamp") => Tag::Timestamp,
            Some("binary") => Tag::Binary,
            Some(_) => Tag::Other,
        };
        let span = Span::new(self.source, range.clone());
        match span.text().find(text) {
            Some(at) if !text.is_empty() || style == Style::Plain => Node::slice(
                span,
                range.start + at..range.start + at + text.len(),
                style,
                tag,
            ),
            _ => Node::scalar(text, style, tag).at(span),
        }
    }

    fn open(
        &mut self,
        start: usize,
        style: StructureStyle,
        anchor: usize,
        mapping: bool,
    ) -> Result<(), Diagnostic> {
        let style = if style == StructureStyle::Flow {
            Style::Flow
        } else {
            Style::Plain
        };
        self.stack.push(Open {
            start,
            style,
            anchor,
            mapping,
            children: Vec::new(),
        });
        if self.stack.len() > DEPTH_MAX {
            return Err(Diagnostic::error(
                "yaml-limit",
                format!("nested deeper than {DEPTH_MAX} levels"),
            )
            .at(Span::new(self.source, start..start)));
        }
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), Diagnostic> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let end = if open.style == Style::Flow {
            end
        } else {
            open.children
                .last()
                .map_or(end, |it| it.span().end as usize)
                .max(open.start)
        };
        let span = Span::new(self.source, open.start..end);
        let node = if open.mapping {
            Node::mapping(self.entries(open.children))
        } else {
            Node::sequence(open.children)
        };
        self.add(node.at(span).styled(open.style), open.anchor)
    }

    fn entries(&mut self, children: Vec<Node>) -> Mapping {
        let mut mapping = Mapping::new();
        let mut merges = Vec::new();
        let mut children = children.into_iter();
        while let (Some(key), Some(value)) = (children.next(), children.next()) {
            if key.as_str().is_none() {
                self.faults.push(
                    Diagnostic::error("yaml-syntax", "a key must be a plain word or text").at(&key),
                );
            } else if key.as_str() == Some("<<") && key.style() == Style::Plain {
                merges.push(value);
            } else if let Some(first) = key.as_str().and_then(|text| mapping.entry(text)) {
                let text = key.as_str().unwrap_or("");
                let fault = Diagnostic::error(
                    "duplicate-key",
                    format!("the key `{text}` stands twice in one map"),
                )
                .at(&key);
                self.faults
                    .push(fault.related(first.key.span(), "first here"));
            } else {
                mapping.insert(key, value);
            }
        }
        for merge in merges {
            let sources = match merge.view() {
                View::Sequence(items) => items.to_vec(),
                _ => vec![merge],
            };
            for entry in sources.into_iter().filter_map(Node::into_mapping).flatten() {
                if !entry
                    .key
                    .as_str()
                    .is_some_and(|key| mapping.contains_key(key))
                {
                    mapping.insert(entry.key, entry.value);
                }
            }
        }
        mapping
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Diagnostic> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return Err(Diagnostic::error(
                "yaml-limit",
                format!("more than {NODES_MAX} values in one file"),
            )
            .at(&node));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            Some(open) => open.children.push(node),
            None => self.documents.push(node),
        }
        Ok(())
    }
}

fn count(node: &Node) -> usize {
    match node.view() {
        View::Scalar(_) => 1,
        View::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        View::Mapping(mapping) => 1 + mapping.iter().map(|it| 1 + count(&it.value)).sum::<usize>(),
    }
}
