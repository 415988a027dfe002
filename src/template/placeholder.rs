//! Placeholders: markers in a template's output that are replaced by values after parsing.

use std::cell::RefCell;
use std::sync::{Arc, PoisonError};

use minijinja::{Environment, Error, ErrorKind, Output, Value};

use super::claims::Claims;
use super::context::Context;
use super::meter;
use super::reader::LookupRequest;
use super::trace::{Record, Trace, Traced};
use super::value::{LastRead, ReadScalar, to_new_node, to_node, to_node_without_location};
use crate::diag::{Source, Span};
use crate::yaml::{
    Entry, KeyIndex, Kind, Mapping, Node, PLACEHOLDER_CLOSE as CLOSE, PLACEHOLDER_OPEN as OPEN,
    Style, View,
};

thread_local! {
    /// The rendering on this thread. In minijinja, formatters have no access to the state of a rendering, and a separate
    /// environment for each rendering would take longer than the rendering.
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

struct Current {
    /// The values printed so far.
    values: Vec<Node>,
    last: LastRead,
    /// The request that stopped the rendering.
    request: Option<LookupRequest>,
    /// Requests of earlier renderings that failed.
    failed: Vec<LookupRequest>,
    claims: Claims,
    /// Only in a traced rendering.
    record: Option<Record>,
    /// The value that was printed last, if `keeps_value`.
    cacheable: Option<CacheableValue>,
    keeps_value: bool,
}

/// A value of an expression that may be cached.
pub(super) enum CacheableValue {
    /// Created by the expression, without its location, and the last scalar that was read before.
    New(Node, Option<ReadScalar>),
    /// Printed unchanged, and without any location.
    WithoutLocation(Node),
}

/// The result of a rendering.
pub(super) struct Rendering<T> {
    pub(super) result: T,
    /// The values that it printed, by number.
    pub(super) values: Vec<Node>,
    /// The request that stopped it.
    pub(super) request: Option<LookupRequest>,
    /// The records of a traced rendering.
    pub(super) record: Option<Record>,
    /// The value that it printed last, if requested and cacheable.
    pub(super) cacheable: Option<CacheableValue>,
}

/// Runs a rendering and collects what it prints and requests. With `keeps_value`, it also returns the last printed value for a
/// cache. `failed` has the requests that failed in earlier renderings of the same text.
pub(super) fn collect<T>(
    context: &Context,
    trace: Option<&Trace>,
    keeps_value: bool,
    failed: &[LookupRequest],
    render: impl FnOnce() -> T,
) -> Rendering<T> {
    let current = Current {
        values: Vec::new(),
        last: context.last_read(),
        request: None,
        failed: failed.to_vec(),
        claims: context.claims().clone(),
        record: trace.map(Record::new),
        cacheable: None,
        keeps_value,
    };
    CURRENT.set(Some(current));
    meter::begin();
    let result = render();
    let current = CURRENT.take();
    let (values, request, record, cacheable) = match current {
        Some(it) => (it.values, it.request, it.record, it.cacheable),
        None => (Vec::new(), None, None, None),
    };
    Rendering {
        result,
        values,
        request,
        record,
        cacheable,
    }
}

/// Changes the records of the traced rendering on this thread. Has no effect while a value is printed: printing also reads values,
/// but these reads were already recorded.
pub(super) fn with_record<T>(act: impl FnOnce(&mut Record) -> T) -> Option<T> {
    CURRENT.with(|current| {
        let mut current = current.try_borrow_mut().ok()?;
        Some(act(current.as_mut()?.record.as_mut()?))
    })
}

/// Whether a request failed in an earlier rendering of the same text.
pub(super) fn has_failed(function: &str, arguments: &[String]) -> bool {
    CURRENT.with_borrow(|current| {
        let failed = current.as_ref().map_or(&[][..], |it| &it.failed);
        failed.iter().any(|it| it.is_call(function, arguments))
    })
}

/// Records a request of the rendering on this thread. The caller must then stop the rendering. `request` receives the scalar that
/// was read last.
pub(super) fn request_lookup(request: impl FnOnce(Option<&Node>) -> LookupRequest) {
    CURRENT.with_borrow_mut(|current| {
        if let Some(current) = current {
            let last = current.last.lock().unwrap_or_else(PoisonError::into_inner);
            current.request = Some(request(last.as_ref().map(|it| &it.node)));
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
        // The captured text of a macro or block, in which values are already placeholders.
        meter::charge(value.as_str().map_or(0, str::len))?;
        return out
            .write_str(value.as_str().unwrap_or(""))
            .map_err(Error::from);
    }
    meter::charge(meter::size(value)?)?;
    let node = to_node(value, last.as_ref().map(|it| &it.node))
        .map_err(|message| Error::new(ErrorKind::UndefinedError, message))?;
    current.values.push(node);
    if current.keeps_value {
        let unchanged = || to_node_without_location(value).map(CacheableValue::WithoutLocation);
        let new = to_new_node(value).map(|node| CacheableValue::New(node, last));
        current.cacheable = new.or_else(unchanged);
    }
    if let Some(record) = &mut current.record {
        record.print();
    }
    write!(out, "{OPEN}{}{CLOSE}", current.values.len() - 1).map_err(Error::from)
}

/// The value of a text that is just one placeholder.
pub(super) fn whole<'a>(text: &str, values: &'a [Node]) -> Option<&'a Node> {
    let number = text.strip_prefix(OPEN)?.strip_suffix(CLOSE)?;
    values.get(number.parse::<usize>().ok()?)
}

/// The text with every placeholder replaced by the text of its value; collections are printed as empty.
pub(super) fn text(text: &str, values: &[Node]) -> String {
    replace(text, values, |node| {
        Ok::<_, ()>(node.as_str().unwrap_or(""))
    })
    .unwrap_or_default()
}

/// An output line for messages: each placeholder is replaced by `…`.
pub(super) fn for_message(line: &str) -> String {
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

/// The template line that most likely printed a line of output: the line with the same fixed text up to the first value.
pub(super) fn likely_line(template: &Arc<Source>, output_line: &str) -> Span {
    let fixed = output_line.trim().split(OPEN).next().unwrap_or("");
    let mut start = 0;
    for line in template.text.split_inclusive('\n') {
        let content = line.trim();
        let line_fixed = content.split("{{").next().unwrap_or("");
        if !content.is_empty()
            && (!fixed.is_empty() && line_fixed.trim_end() == fixed.trim_end()
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
pub(super) struct MisplacedValue {
    pub(super) message: String,
    /// The output's text around it.
    pub(super) line: String,
}

/// Replaces the placeholders in parsed output.
pub(super) struct Fill<'a> {
    /// The values of the placeholders, by number.
    pub(super) values: &'a [Node],
    /// The location for fixed text of the template.
    pub(super) origin: &'a Span,
    /// In a traced rendering, for the locations of fixed text. The values already have their steps.
    pub(super) traced: Option<&'a Traced>,
}

impl Fill<'_> {
    pub(super) fn node(&mut self, node: Node) -> Result<Node, MisplacedValue> {
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
                    let text = self.interpolate(key.as_str().unwrap_or(""), key.span())?;
                    if index.position(&mapping, &text).is_some() {
                        return Err(MisplacedValue {
                            message: format!("duplicate key `{text}`"),
                            line: self.output_line(key.span()),
                        });
                    }
                    mapping.push(Node::string(text).at(self.origin), self.node(value)?);
                }
                Ok(Node::mapping(mapping).styled(style).at(self.origin))
            }
        }
    }

    fn scalar(&self, node: &Node, text: &str) -> Result<Node, MisplacedValue> {
        if !text.contains(OPEN) {
            let line = self.traced.map(|it| it.fixed(node.span()));
            return Ok(node.clone().at(line.as_ref().unwrap_or(self.origin)));
        }
        if node.style() == Style::Plain
            && let Some(value) = whole(text, self.values)
        {
            return Ok(value.deep_clone());
        }
        let filled = self.interpolate(text, node.span())?;
        if let Some(traced) = self.traced {
            let values = numbers(text).filter_map(|it| self.values.get(it));
            return Ok(Node::string(filled).at(traced.text(node.span(), values)));
        }
        let first = numbers(text).next();
        let span = first
            .and_then(|number| self.values.get(number))
            .filter(|it| it.has_origin());
        Ok(Node::string(filled).at(span.map_or(self.origin, Node::span)))
    }

    /// The line of the output with a value that cannot be a part of a text; without one, the first line of the text at `span`.
    fn output_line(&self, span: &Span) -> String {
        let output = &span.source().text;
        let (start, end) = (span.start as usize, span.end as usize);
        let before = output.get(..start).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |it| it + 1);
        let after = output.get(end..).unwrap_or("");
        let end = end + after.find('\n').unwrap_or(after.len());
        let lines = output.get(start..end).unwrap_or("").lines();
        let is_misplaced = |line: &&str| {
            let mut values = numbers(line).filter_map(|it| self.values.get(it));
            values.any(|it| !it.is_scalar() || it.is_null())
        };
        let found = lines.clone().find(is_misplaced);
        found.or(lines.clone().next()).unwrap_or("").to_string()
    }

    /// The text at `span` of the output, with each placeholder replaced by the text of its value. Errors: the value is a collection or
    /// null.
    fn interpolate(&self, text: &str, span: &Span) -> Result<String, MisplacedValue> {
        replace(text, self.values, |node| match node.kind() {
            Kind::Mapping | Kind::Sequence | Kind::Null => {
                let message = format!(
                    "cannot interpolate {} into a string",
                    node.kind().description()
                );
                Err(MisplacedValue {
                    message,
                    line: self.output_line(span),
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
    values: &'a [Node],
    text_of: impl Fn(&'a Node) -> Result<&'a str, E>,
) -> Result<String, E> {
    let mut parts = text.split(OPEN);
    let mut filled = parts.next().unwrap_or("").to_string();
    for part in parts {
        let (number, rest) = part.split_once(CLOSE).unwrap_or(("", part));
        if let Some(node) = number
            .parse::<usize>()
            .ok()
            .and_then(|number| values.get(number))
        {
            filled.push_str(text_of(node)?);
        }
        filled.push_str(rest);
    }
    Ok(filled)
}
