//! Records of what one rendering reads and prints.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Environment, Value};

use super::super::placeholder::with_record;
use super::super::value::Collection;
use super::Trace;
use super::instrument::{PREFIX, Tag};
use crate::diag::Span;
use crate::yaml::{Node, PLACEHOLDER_CLOSE as CLOSE, PLACEHOLDER_OPEN as OPEN, View};

/// A value that was read.
#[derive(Clone, Debug)]
pub(in super::super) enum ReadNode {
    Scalar(Node),
    /// A map or list. If it is only used to access fields, only these count as read.
    Collection(Node),
}

/// What is recorded for a printed value or a run of fixed text.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct OutputRecord {
    pub(in super::super) tag: Option<usize>,
    pub(in super::super) reads: Vec<Span>,
    /// The tag of each condition and loop around it, with its reads.
    pub(in super::super) conditions: Vec<(usize, Vec<Span>)>,
}

/// A variable of a template.
#[derive(Clone, Debug, Default)]
struct Variable {
    reads: Vec<Span>,
    /// Additional reads if its whole map or list is used.
    whole: Vec<Span>,
}

/// The reads and output of a rendering so far.
#[derive(Debug)]
pub(in super::super) struct Record {
    trace: Trace,
    /// Reads since the last expression.
    reads: Vec<ReadNode>,
    /// Collections of which a field was accessed since the last expression.
    entered: Vec<Node>,
    /// The reads of the last evaluation of each condition and loop, by tag.
    latest_reads: BTreeMap<usize, Vec<Span>>,
    /// The scalars and keys of the items of each loop, by tag.
    items: BTreeMap<usize, Vec<Node>>,
    /// The variables, by template and name.
    variables: BTreeMap<(String, String), Variable>,
    /// The conditions under which each template was included.
    included: BTreeMap<String, Vec<(usize, Vec<Span>)>>,
    /// The texts of scalars that were read, by their locations.
    texts: BTreeMap<Key, String>,
    /// The record for the next printed value.
    next: Option<OutputRecord>,
    /// Records for the values of the placeholders.
    pub(in super::super) printed: Vec<OutputRecord>,
    /// Records for the marks after fixed text.
    pub(in super::super) lines: Vec<OutputRecord>,
}

impl Record {
    pub(super) fn trace(&self) -> &Trace {
        &self.trace
    }

    pub(in super::super) fn new(trace: &Trace) -> Record {
        Record {
            trace: trace.clone(),
            reads: Vec::new(),
            entered: Vec::new(),
            latest_reads: BTreeMap::new(),
            items: BTreeMap::new(),
            variables: BTreeMap::new(),
            included: BTreeMap::new(),
            texts: BTreeMap::new(),
            next: None,
            printed: Vec::new(),
            lines: Vec::new(),
        }
    }

    /// Records the read of a value; `parent` is the collection that contains it.
    pub(in super::super) fn read(&mut self, parent: Option<&Node>, node: &Node) {
        if let Some(parent) = parent {
            self.enter(parent);
        }
        if node.is_scalar() && !node.has_origin() {
            return;
        }
        self.reads.push(match node.is_scalar() {
            true => ReadNode::Scalar(node.clone()),
            false => ReadNode::Collection(node.clone()),
        });
    }

    /// Records that a field of a collection is accessed, so not all of it is read.
    pub(in super::super) fn enter(&mut self, collection: &Node) {
        let is_match =
            |it: &ReadNode| matches!(it, ReadNode::Collection(node) if is_same(node, collection));
        if let Some(at) = self.reads.iter().rposition(is_match)
            && let ReadNode::Collection(node) = self.reads.remove(at)
        {
            self.entered.push(node);
        }
    }

    /// Removes and returns the reads since the last expression. The second list has the reads of the map or list that is the result
    /// `value` itself.
    fn take_reads(&mut self, tag: &Tag, value: Option<&Value>) -> (Vec<Span>, Vec<Span>) {
        let result = value.and_then(|it| it.downcast_object_ref::<Collection>());
        let result = result.and_then(Collection::node);
        let (mut reads, mut whole) = (Vec::new(), Vec::new());
        self.entered.clear();
        for read in std::mem::take(&mut self.reads) {
            match read {
                ReadNode::Scalar(node) => {
                    self.record_text(&node);
                    push(&mut reads, node.span());
                }
                ReadNode::Collection(node) => {
                    let mut found = Vec::new();
                    scalars(&node, &mut found);
                    found.iter().for_each(|it| self.record_text(it));
                    let is_result = result.is_some_and(|it| is_same(it, &node));
                    let into = if is_result { &mut whole } else { &mut reads };
                    locations(&node, into);
                }
            }
        }
        for used in &tag.uses {
            let key = (tag.template.clone(), used.name.clone());
            if let Some(variable) = self.variables.get(&key) {
                variable.reads.iter().for_each(|it| push(&mut reads, it));
                if used.is_whole {
                    variable.whole.iter().for_each(|it| push(&mut reads, it));
                }
            }
        }
        (reads, whole)
    }

    fn record_text(&mut self, scalar: &Node) {
        let text = scalar.as_str().unwrap_or("");
        self.texts.insert(key(scalar.span()), text.to_string());
    }

    /// Whether a scalar was read and is unchanged since.
    pub(super) fn has_read(&self, scalar: &Node) -> bool {
        let text = self.texts.get(&key(scalar.span()));
        text.is_some() && text.map(String::as_str) == scalar.as_str()
    }

    /// The conditions and loops around a tag, with their latest reads.
    fn conditions(&self, tag: &Tag) -> Vec<(usize, Vec<Span>)> {
        let included = self.included.get(&tag.template).into_iter().flatten();
        let around = tag.within.iter().map(|it| {
            let reads = self.latest_reads.get(it).cloned().unwrap_or_default();
            (*it, reads)
        });
        included.cloned().chain(around).collect()
    }

    /// An expression whose value is printed next.
    fn out(&mut self, number: usize, tag: &Tag, value: &Value) {
        let (mut reads, whole) = self.take_reads(tag, Some(value));
        // A map or list that is printed unchanged has its own locations.
        if value.downcast_object_ref::<Collection>().is_none() {
            whole.iter().for_each(|it| push(&mut reads, it));
        }
        let conditions = self.conditions(tag);
        self.next = Some(OutputRecord {
            tag: Some(number),
            reads,
            conditions,
        });
    }

    /// An assignment to variables.
    fn set(&mut self, tag: &Tag, value: &Value) {
        let (mut reads, whole) = self.take_reads(tag, Some(value));
        let conditions = self.conditions(tag);
        conditions
            .iter()
            .flat_map(|it| &it.1)
            .for_each(|it| push(&mut reads, it));
        for name in &tag.sets {
            let variable = Variable {
                reads: reads.clone(),
                whole: whole.clone(),
            };
            self.variables
                .insert((tag.template.clone(), name.clone()), variable);
        }
    }

    /// The beginning of a loop over the items of `value`.
    fn begin_loop(&mut self, number: usize, tag: &Tag, value: &Value) {
        let mut items = Vec::new();
        for read in &self.reads {
            let (ReadNode::Scalar(node) | ReadNode::Collection(node)) = read;
            scalars(node, &mut items);
        }
        self.entered.iter().for_each(|it| scalars(it, &mut items));
        let is_computed = !is_taken_from(value, &items);
        let (reads, _) = self.take_reads(tag, Some(value));
        self.items.insert(number, items);
        // If the items are unchanged, each iteration only depends on its own item.
        let reads = if is_computed { reads } else { Vec::new() };
        self.latest_reads.insert(number, reads);
    }

    /// An iteration of a loop: its variables come from the items with the same content.
    fn item(&mut self, number: usize, tag: &Tag, values: &Value) {
        self.reads.clear();
        self.entered.clear();
        let items = self.items.get(&number).cloned().unwrap_or_default();
        let loop_reads = self.latest_reads.get(&number).cloned().unwrap_or_default();
        let values: Vec<Value> = values.try_iter().into_iter().flatten().collect();
        for (name, value) in tag.sets.iter().zip(values) {
            let mut reads = loop_reads.clone();
            let is_collection = value.downcast_object_ref::<Collection>().is_some();
            let mut whole = Vec::new();
            match value
                .downcast_object_ref::<Collection>()
                .and_then(Collection::node)
            {
                Some(node) => locations(node, &mut whole),
                None => {
                    let text = value.to_string();
                    let same = items.iter().filter(|it| it.as_str() == Some(&text));
                    same.for_each(|it| push(&mut reads, it.span()));
                }
            }
            if !is_collection && reads.is_empty() {
                items.iter().for_each(|it| push(&mut reads, it.span()));
            }
            let key = (tag.template.clone(), name.clone());
            self.variables.insert(key, Variable { reads, whole });
        }
    }

    /// The beginning of a macro: the previous reads are its arguments.
    fn begin_macro(&mut self, number: usize, tag: &Tag) {
        let (reads, _) = self.take_reads(tag, None);
        self.latest_reads.insert(number, Vec::new());
        for name in &tag.sets {
            let variable = Variable {
                reads: reads.clone(),
                whole: Vec::new(),
            };
            self.variables
                .insert((tag.template.clone(), name.clone()), variable);
        }
    }

    /// Records a printed value.
    pub(in super::super) fn print(&mut self) {
        let record = self.next.take().unwrap_or_default();
        self.printed.push(record);
    }

    /// Records a run of fixed text, and returns the mark to print after it.
    fn line(&mut self, number: usize, tag: &Tag) -> String {
        self.reads.clear();
        self.entered.clear();
        let record = OutputRecord {
            tag: Some(number),
            reads: Vec::new(),
            conditions: self.conditions(tag),
        };
        self.lines.push(record);
        format!("{OPEN}L{}{CLOSE}", self.lines.len() - 1)
    }
}

/// The address of a source, and the start and end of a span in it.
type Key = (usize, u32, u32);

fn key(location: &Span) -> Key {
    let source = std::sync::Arc::as_ptr(location.source()) as usize;
    (source, location.start, location.end)
}

fn push(locations: &mut Vec<Span>, location: &Span) {
    if !locations.contains(location) {
        locations.push(location.clone());
    }
}

fn is_same(one: &Node, other: &Node) -> bool {
    one.span() == other.span() && one.same_data(other)
}

/// Adds the locations of all scalars and keys of a node.
pub(super) fn locations(node: &Node, into: &mut Vec<Span>) {
    let mut found = Vec::new();
    scalars(node, &mut found);
    let found = found.iter().filter(|it| it.has_origin());
    found.for_each(|it| push(into, it.span()));
}

/// Collects the scalars and keys of a node.
pub(super) fn scalars(node: &Node, into: &mut Vec<Node>) {
    match node.view() {
        View::Scalar(_) => into.push(node.clone()),
        View::Sequence(items) => items.iter().for_each(|it| scalars(it, into)),
        View::Mapping(mapping) => {
            for entry in mapping {
                into.push(entry.key.clone());
                scalars(&entry.value, into);
            }
        }
    }
}

/// Whether a loop iterates over the items of a list or map as written: `map`, `map | items`, `list | sort`.
fn is_taken_from(value: &Value, items: &[Node]) -> bool {
    if value.downcast_object_ref::<Collection>().is_some() {
        return true;
    }
    let texts: BTreeSet<&str> = items.iter().filter_map(Node::as_str).collect();
    let is_known = |it: &Value| match it.as_str() {
        Some(text) => texts.contains(text),
        None => it.downcast_object_ref::<Collection>().is_some(),
    };
    let mut all = value.try_iter().into_iter().flatten();
    all.all(|it| is_known(&it) || it.get_item_by_index(0).is_ok_and(|it| is_known(&it)))
}

/// Adds the filters that instrumented templates call.
pub(in super::super) fn register(environment: &mut Environment<'static>) {
    type Handler = fn(&mut Record, usize, &Tag, &Value);
    let handlers: [(&str, Handler); 7] = [
        ("out", Record::out),
        ("if", |record, number, tag, _| {
            if tag.is_truth {
                record.reads.retain(|it| matches!(it, ReadNode::Scalar(_)));
            }
            let (reads, _) = record.take_reads(tag, None);
            record.latest_reads.insert(number, reads);
        }),
        ("for", Record::begin_loop),
        ("item", Record::item),
        ("set", |record, _, tag, value| record.set(tag, value)),
        ("macro", |record, number, tag, _| {
            record.begin_macro(number, tag)
        }),
        ("include", |record, _, tag, value| {
            let conditions = record.conditions(tag);
            let name = value.as_str().unwrap_or("").to_string();
            record.included.insert(name, conditions);
        }),
    ];
    for (name, handler) in handlers {
        let filter = move |value: Value, number: usize| {
            with_record(|record| {
                if let Some(tag) = record.trace.tag(number) {
                    handler(record, number, &tag, &value);
                }
            });
            value
        };
        environment.add_filter(format!("{PREFIX}{name}"), filter);
    }
    environment.add_filter(format!("{PREFIX}line"), |_: Value, number: usize| {
        let mark = with_record(|record| {
            let tag = record.trace.tag(number)?;
            Some(record.line(number, &tag))
        });
        Value::from_safe_string(mark.flatten().unwrap_or_default())
    });
}
