//! Where each value of a rendered object comes from: the line of the template that printed it, and everything that the line read.
//!
//! Normal renderings keep the place of the value that was read last. A traced one notes every read, the conditions and loops around
//! each line, and what computed names were made of. It costs several times as much, so only `explain` and the like ask for it.
//!
//! What is noted travels as a span: a traced scalar's place is a number in a source of its own, which later stages copy as they copy
//! all spans, and [`Trace::step`] knows what the number means.

mod instrument;
mod record;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::syntax::SyntaxConfig;

use crate::diag::{Source, Span};
use crate::yaml::{Mapping, Node};
use instrument::Tag;
mod traced;
pub(super) use record::{Record, register};
pub(super) use traced::Traced;

/// What a traced run has noted.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What all numbers are places of.
    source: Arc<Source>,
    tags: Mutex<Vec<Tag>>,
    steps: Mutex<Vec<TraceStep>>,
}

/// How a value came to be printed, or computed.
#[derive(Clone, Debug)]
pub struct TraceStep {
    /// The line of the template, or the expression of the kind.
    pub at: Option<Span>,
    /// The value that was printed as it was read; `None` for fixed text and for what was computed.
    pub value: Option<Span>,
    /// What was read for it.
    pub reads: Vec<Span>,
    /// The conditions and loops around it, the outermost first.
    pub conditions: Vec<TraceCondition>,
}

/// A condition or a loop of a template.
#[derive(Clone, Debug)]
pub struct TraceCondition {
    /// The place of the expression in its template.
    pub at: Option<Span>,
    /// The places of the values that it read.
    pub reads: Vec<Span>,
}

impl TraceStep {
    /// The step of a value that is made of all scalars of others.
    pub fn made_of<'n>(sources: impl IntoIterator<Item = &'n Node>) -> TraceStep {
        let mut reads = Vec::new();
        sources
            .into_iter()
            .for_each(|it| record::places(it, &mut reads));
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trace {
    /// What a place means; `None` where it is a place in a file.
    pub fn step(&self, place: &Span) -> Option<TraceStep> {
        let is_own = Arc::ptr_eq(&place.source, &self.0.source);
        let steps = locked(&self.0.steps);
        steps.get(place.start as usize).filter(|_| is_own).cloned()
    }

    /// Notes a step, and gives the place that means it.
    pub fn add(&self, step: TraceStep) -> Span {
        let mut steps = locked(&self.0.steps);
        let number = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        steps.push(step);
        Span {
            source: self.0.source.clone(),
            start: number,
            end: number,
        }
    }

    /// The node; its scalars that `is_meant` accepts are there only because of values at some places.
    pub fn under(&self, node: Node, conditions: &[Span], is_meant: &dyn Fn(&Span) -> bool) -> Node {
        let conditions = conditions.iter().map(|it| TraceCondition {
            at: None,
            reads: vec![it.clone()],
        });
        let conditions: Vec<TraceCondition> = conditions.collect();
        replaced(node, &mut |node| match is_meant(node.span()) {
            true => self.add(TraceStep {
                at: None,
                value: node.has_origin().then(|| node.span().clone()),
                reads: Vec::new(),
                conditions: conditions.clone(),
            }),
            false => node.span().clone(),
        })
    }

    /// A template's text as it is compiled.
    pub(super) fn instrument(
        &self,
        name: &str,
        text: &str,
        syntax: &SyntaxConfig,
    ) -> Option<String> {
        instrument::instrument(name, text, syntax, &mut locked(&self.0.tags))
    }

    /// A tag: the name of its template, and its bytes there.
    pub(super) fn place_of(&self, tag: usize) -> Option<(String, std::ops::Range<usize>)> {
        let tags = locked(&self.0.tags);
        let tag = tags.get(tag)?;
        Some((tag.template.clone(), tag.range.clone()))
    }

    fn tag(&self, tag: usize) -> Option<Tag> {
        locked(&self.0.tags).get(tag).cloned()
    }
}

/// The node with each scalar at the place that `place` gives for its own.
fn replaced(node: Node, place: &mut dyn FnMut(&Node) -> Span) -> Node {
    let style = node.style();
    if node.is_scalar() {
        let span = place(&node);
        return node.at(span);
    }
    let at = node.span().clone();
    match node.as_mapping() {
        Some(_) => {
            let mut mapping = Mapping::new();
            for entry in node.into_mapping().unwrap_or_default() {
                mapping.push(entry.key, replaced(entry.value, place));
            }
            Node::mapping(mapping).styled(style).at(at)
        }
        None => {
            let items = node.into_sequence().unwrap_or_default().into_iter();
            Node::sequence(items.map(|it| replaced(it, place)).collect::<Vec<_>>())
                .styled(style)
                .at(at)
        }
    }
}
