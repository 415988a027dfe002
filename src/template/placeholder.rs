//! Placeholders: markers in a template's output that are replaced by values after parsing.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError};

use minijinja::{Environment, Error, ErrorKind, Output, Value};

use super::claims::Claims;
use super::context::Context;
use super::meter::{self, weight};
use super::reader::LookupRequest;
use super::trace::{Record, Trace, Traced};
use super::value::{Last, LastRead, to_new_node, to_node, to_unplaced_node};
use crate::diag::{Source, Span};
use crate::yaml::{
    Entry, KeyIndex, Kind, Mapping, Node, PLACEHOLDER_CLOSE as CLOSE, PLACEHOLDER_OPEN as OPEN,
    Style, View,
};

thread_local! {
    /// The rendering on this thread. In minijinja, formatters have no access to the state of a rendering, and an environment for
    /// each rendering would cost more than the rendering.
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    values: Vec<Node>,
    last: LastRead,
    question: Option<LookupRequest>,
    /// Requests of earlier renderings that failed.
    failed: Vec<LookupRequest>,
    claims: Claims,
    /// Only in a traced rendering.
    record: Option<Record>,
    /// Only for an expression whose value may be cached.
    made: Option<Produced>,
    is_kept: bool,
}

/// A value of an expression that may be cached.
pub(super) enum Produced {
    /// Created by the expression, without its location, and the last scalar that was read before.
    New(Node, Option<Last>),
    /// Printed unchanged, and without any location.
    Unplaced(Node),
}

/// The result of a rendering.
pub(super) struct Collected<T> {
    pub(super) result: T,
    /// The values that it printed, by number.
    pub(super) values: Vec<Node>,
    pub(super) question: Option<LookupRequest>,
    /// The records of a traced rendering.
    pub(super) record: Option<Record>,
    /// The value that it printed last, if requested.
    pub(super) made: Option<Produced>,
}

/// Collects the output of a rendering; with `is_kept`, also the value itself.
pub(super) fn collect<T>(
    context: &Context,
    trace: Option<&Trace>,
    is_kept: bool,
    failed: &[LookupRequest],
    render: impl FnOnce() -> T,
) -> Collected<T> {
    let current = Current {
        values: Vec::new(),
        last: context.last_read(),
        question: None,
        failed: failed.to_vec(),
        claims: context.claims().clone(),
        record: trace.map(Record::new),
        made: None,
        is_kept,
    };
    CURRENT.set(Some(current));
    meter::begin();
    let result = render();
    let current = CURRENT.take();
    let (values, question, record, made) = match current {
        Some(it) => (it.values, it.question, it.record, it.made),
        None => (Vec::new(), None, None, None),
    };
    Collected {
        result,
        values,
        question,
        record,
        made,
    }
}

/// Accesses the records of the traced rendering on this thread. Printing a value also reads values, but its own reads are already
/// recorded by then.
pub(super) fn with_record<T>(act: impl FnOnce(&mut Record) -> T) -> Option<T> {
    CURRENT.with(|current| {
        let mut current = current.try_borrow_mut().ok()?;
        Some(act(current.as_mut()?.record.as_mut()?))
    })
}

/// Whether an earlier rendering of the same text has requested this in vain.
pub(super) fn has_failed(function: &str, arguments: &[String]) -> bool {
    CURRENT.with_borrow(|current| {
        let failed = current.as_ref().map_or(&[][..], |it| &it.failed);
        failed.iter().any(|it| it.is_call(function, arguments))
    })
}

/// Records a request of the rendering on this thread, which then stops. `make` receives the scalar that was read last.
pub(super) fn request_lookup(make: impl FnOnce(Option<&Node>) -> LookupRequest) {
    CURRENT.with_borrow_mut(|current| {
        if let Some(current) = current {
            let last = current.last.lock().unwrap_or_else(PoisonError::into_inner);
            current.question = Some(make(last.as_ref().map(|it| &it.node)));
        }
    });
}

/// The claim lookups of the rendering on this thread.
pub(super) fn current_claims() -> Option<Claims> {
    CURRENT.with_borrow(|current| current.as_ref().map(|it| it.claims.clone()))
}

/// Replaces every printed expression by a placeholder.
pub(super) fn install(environment: &mut Environment<'static>) {
    environment.set_formatter(|out: &mut Output<'_>, _, value: &Value| {
        CURRENT.with_borrow_mut(|current| match current {
            Some(current) => print(out, value, current),
            None => Ok(()),
        })
    });
}

fn print(out: &mut Output<'_>, value: &Value, current: &mut Current) -> Result<(), Error> {
    let last = current
        .last
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if value.is_safe() {
        // The text of a macro or block, whose values already are placeholders.
        meter::charge(value.as_str().map_or(0, str::len))?;
        return out
            .write_str(value.as_str().unwrap_or(""))
            .map_err(Error::from);
    }
    meter::charge(weight(value)?)?;
    let node = to_node(value, last.as_ref().map(|it| &it.node))
        .map_err(|words| Error::new(ErrorKind::UndefinedError, words))?;
    current.values.push(node);
    if current.is_kept {
        let unplaced = || to_unplaced_node(value).map(Produced::Unplaced);
        let new = to_new_node(value).map(|node| Produced::New(node, last));
        current.made = new.or_else(unplaced);
    }
    if let Some(record) = &mut current.record {
        record.print();
    }
    write!(out, "{OPEN}{}{CLOSE}", current.values.len() - 1).map_err(Error::from)
}

/// The value of a text that is just one placeholder.
pub(super) fn whole<'a>(text: &str, slots: &'a [Node]) -> Option<&'a Node> {
    let number = text.strip_prefix(OPEN)?.strip_suffix(CLOSE)?;
    slots.get(number.parse::<usize>().ok()?)
}

/// The text with every placeholder replaced by the text of its value; collections are printed as empty.
pub(super) fn text(text: &str, slots: &[Node]) -> String {
    replace(text, slots, |node| Ok::<_, ()>(node.as_str().unwrap_or(""))).unwrap_or_default()
}

/// An output line for messages.
pub(super) fn shown(line: &str) -> String {
    let mut inside = false;
    let mut text = String::new();
    for c in line.trim().chars() {
        match c {
            OPEN => inside = true,
            CLOSE => {
                inside = false;
                text.push('…');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    text
}

/// The template line that most likely printed a line of output: the one with the same fixed text up to the first value.
pub(super) fn likely_line(template: &Arc<Source>, output_line: &str) -> Span {
    let fixed = output_line.trim().split(OPEN).next().unwrap_or("");
    let mut start = 0;
    for line in template.text.split_inclusive('\n') {
        let content = line.trim();
        let own = content.split("{{").next().unwrap_or("");
        if !content.is_empty()
            && (!fixed.is_empty() && own.trim_end() == fixed.trim_end()
                || content == output_line.trim())
        {
            let indent = line.len() - line.trim_start().len();
            return Span::new(template, start + indent..start + indent + content.len());
        }
        start += line.len();
    }
    Span::new(
        template,
        0..template.text.lines().next().map_or(0, str::len),
    )
}

/// A value at a position where it is not allowed.
pub(super) struct Misplaced {
    pub(super) message: String,
    /// The output's text around it.
    pub(super) line: String,
}

pub(super) struct Fill<'a> {
    pub(super) slots: &'a [Node],
    /// The location for fixed text of the template.
    pub(super) origin: &'a Span,
    /// In a traced rendering, the slots already have their steps.
    pub(super) traced: Option<&'a Traced>,
}

impl Fill<'_> {
    pub(super) fn node(&mut self, node: Node) -> Result<Node, Misplaced> {
        let style = node.style();
        match node.view() {
            View::Scalar(text) => self.scalar(&node, text),
            View::Sequence(_) => {
                let items = node
                    .into_sequence()
                    .unwrap_or_default()
                    .into_iter()
                    .map(|item| self.node(item));
                Ok(Node::sequence(items.collect::<Result<Vec<_>, _>>()?)
                    .styled(style)
                    .at(self.origin))
            }
            View::Mapping(_) => {
                let (mut mapping, mut index) = (Mapping::new(), KeyIndex::default());
                for Entry { key, value } in node.into_mapping().unwrap_or_default() {
                    let text = self.in_text(key.as_str().unwrap_or(""))?;
                    if index.position(&mapping, &text).is_some() {
                        return Err(Misplaced {
                            message: format!("duplicate key `{text}`"),
                            line: key.span().text().to_string(),
                        });
                    }
                    mapping.push(Node::string(text).at(self.origin), self.node(value)?);
                }
                Ok(Node::mapping(mapping).styled(style).at(self.origin))
            }
        }
    }

    fn scalar(&self, node: &Node, text: &str) -> Result<Node, Misplaced> {
        if !text.contains(OPEN) {
            let line = self.traced.map(|it| it.fixed(node.span()));
            return Ok(node.clone().at(line.as_ref().unwrap_or(self.origin)));
        }
        if node.style() == Style::Plain
            && let Some(value) = whole(text, self.slots)
        {
            return Ok(value.clone());
        }
        let filled = self.in_text(text)?;
        if let Some(traced) = self.traced {
            let values = numbers(text).filter_map(|it| self.slots.get(it));
            return Ok(Node::string(filled).at(traced.text(node.span(), values)));
        }
        let first = numbers(text).next();
        let span = first
            .and_then(|number| self.slots.get(number))
            .filter(|it| it.has_origin());
        Ok(Node::string(filled).at(span.map_or(self.origin, Node::span)))
    }

    fn in_text(&self, text: &str) -> Result<String, Misplaced> {
        replace(text, self.slots, |node| match node.kind() {
            Kind::Mapping | Kind::Sequence | Kind::Null => {
                let message = format!("cannot interpolate {} into a string", node.kind().words());
                Err(Misplaced {
                    message,
                    line: text.to_string(),
                })
            }
            _ => Ok(node.as_str().unwrap_or("")),
        })
    }
}

/// The numbers of a text's placeholders.
pub(super) fn numbers(text: &str) -> impl Iterator<Item = usize> {
    let parts = text.split(OPEN).skip(1);
    parts.filter_map(|it| it.split(CLOSE).next()?.parse().ok())
}

fn replace<'a, E>(
    text: &str,
    slots: &'a [Node],
    put: impl Fn(&'a Node) -> Result<&'a str, E>,
) -> Result<String, E> {
    let mut parts = text.split(OPEN);
    let mut filled = parts.next().unwrap_or("").to_string();
    for part in parts {
        let (number, rest) = part.split_once(CLOSE).unwrap_or(("", part));
        if let Some(node) = number
            .parse::<usize>()
            .ok()
            .and_then(|number| slots.get(number))
        {
            filled.push_str(put(node)?);
        }
        filled.push_str(rest);
    }
    Ok(filled)
}
