//! Records where each value of a rendered object comes from: the line of the template that printed it, and all values that the line
//! read.
//!
//! Normal renderings only keep the location of the value that was read last. A traced one records every read, the conditions and
//! loops around each line, and the inputs of computed names. It takes several times as long, so only `explain` and similar commands
//! use it.
//!
//! The records are referenced by spans: the location of a traced scalar is the number of a step in a special source. Later phases
//! copy it like any span, and [`Trace::step`] returns the step.

mod instrument;
mod record;
mod traced;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::syntax::SyntaxConfig;

use crate::diag::{Source, Span};
use crate::yaml::{Mapping, Node};
use instrument::Tag;

pub(super) use record::{Record, register};
pub(super) use traced::Traced;

/// The records of a traced run.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The special source of all locations of steps.
    source: Arc<Source>,
    tags: Mutex<Vec<Tag>>,
    steps: Mutex<Vec<TraceStep>>,
}

/// How a value was printed or computed.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// The line of the template, or the expression of the kind.
    pub at: Option<Span>,
    /// The value that was printed unchanged; `None` for fixed text and computed values.
    pub value: Option<Span>,
    /// The values that were read for it.
    pub reads: Vec<Span>,
    /// The conditions and loops around it, the outermost first.
    pub conditions: Vec<TraceCondition>,
}

/// A condition or a loop of a template.
#[derive(Clone, Debug)]
pub struct TraceCondition {
    /// The location of the expression in its template.
    pub at: Option<Span>,
    /// The locations of the values that it read.
    pub reads: Vec<Span>,
}

impl TraceStep {
    /// The step of a value that is composed of all scalars of other nodes.
    pub fn composed_of<'n>(sources: impl IntoIterator<Item = &'n Node>) -> TraceStep {
        let mut reads = Vec::new();
        sources
            .into_iter()
            .for_each(|it| record::locations(it, &mut reads));
        TraceStep {
            at: None,
            value: None,
            reads,
            conditions: Vec::new(),
        }
    }
}

impl Default for Trace {
    fn default() -> Trace {
        Trace(Arc::new(Shared {
            source: Source::internal("<trace>", ""),
            tags: Mutex::default(),
            steps: Mutex::default(),
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trace {
    /// The step of a location; `None` if it is a location in a file.
    pub fn step(&self, location: &Span) -> Option<TraceStep> {
        let is_step = Arc::ptr_eq(location.source(), &self.0.source);
        let steps = lock(&self.0.steps);
        steps
            .get(location.start as usize)
            .filter(|_| is_step)
            .cloned()
    }

    /// Records a step and returns its location.
    pub fn add(&self, step: TraceStep) -> Span {
        let mut steps = lock(&self.0.steps);
        let number = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        steps.push(step);
        Span::from_offsets(&self.0.source, number, number)
    }

    /// Records that the existence of the scalars of a node depends on the values at some locations. `applies_to` selects the
    /// scalars by their locations.
    pub fn with_conditions(
        &self,
        node: Node,
        conditions: &[Span],
        applies_to: &dyn Fn(&Span) -> bool,
    ) -> Node {
        let conditions = conditions.iter().map(|it| TraceCondition {
            at: None,
            reads: vec![it.clone()],
        });
        let conditions: Vec<TraceCondition> = conditions.collect();
        with_locations(node, &mut |node| match applies_to(node.span()) {
            true => self.add(TraceStep {
                at: None,
                value: node.has_origin().then(|| node.span().clone()),
                reads: Vec::new(),
                conditions: conditions.clone(),
            }),
            false => node.span().clone(),
        })
    }

    /// The text of a template with the filters that record reads. `None` if it cannot be instrumented.
    pub(super) fn instrument(
        &self,
        name: &str,
        text: &str,
        syntax: &SyntaxConfig,
    ) -> Option<String> {
        instrument::instrument(name, text, syntax, &mut lock(&self.0.tags))
    }

    /// The location of a tag: the name of its template, and its bytes there.
    pub(super) fn location_of(&self, tag: usize) -> Option<(String, std::ops::Range<usize>)> {
        let tags = lock(&self.0.tags);
        let tag = tags.get(tag)?;
        Some((tag.template.clone(), tag.range.clone()))
    }

    fn tag(&self, tag: usize) -> Option<Tag> {
        lock(&self.0.tags).get(tag).cloned()
    }
}

/// The node with the location of each scalar replaced by the result of `location`.
fn with_locations(node: Node, location: &mut dyn FnMut(&Node) -> Span) -> Node {
    let style = node.style();
    if node.is_scalar() {
        let span = location(&node);
        return node.at(span);
    }
    let at = node.span().clone();
    match node.as_mapping() {
        Some(_) => {
            let mut mapping = Mapping::new();
            for entry in node.into_mapping().unwrap_or_default() {
                mapping.push(entry.key, with_locations(entry.value, location));
            }
            Node::mapping(mapping).styled(style).at(at)
        }
        None => {
            let items = node.into_sequence().unwrap_or_default().into_iter();
            let items = items.map(|it| with_locations(it, location));
            Node::sequence(items.collect::<Vec<_>>())
                .styled(style)
                .at(at)
        }
    }
}
