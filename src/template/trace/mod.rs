//! Where each value of a rendered object comes from: the line of the template that printed it, and everything that the line read.
//!
//! Normal renderings only keep the location of the value that was read last. A traced one records every read, the conditions and
//! loops around each line, and the inputs of computed names. It takes several times as long, so only `explain` and similar commands
//! use it.
//!
//! Records are carried in spans: the location of a traced scalar is a number in a special source, which later stages copy like all
//! spans, and [`Trace::step`] resolves the number.

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

/// The records of a traced run.
#[derive(Clone, Debug)]
pub struct Trace(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// The source of all numbers.
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
    /// The step of a value that is composed of all scalars of others.
    pub fn made_of<'n>(sources: impl IntoIterator<Item = &'n Node>) -> TraceStep {
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Trace {
    /// The step of a location; `None` if it is a location in a file.
    pub fn step(&self, location: &Span) -> Option<TraceStep> {
        let is_own = Arc::ptr_eq(&location.source, &self.0.source);
        let steps = locked(&self.0.steps);
        steps
            .get(location.start as usize)
            .filter(|_| is_own)
            .cloned()
    }

    /// Records a step and returns its location.
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

    /// The node, in which the existence of scalars accepted by `is_meant` depends on values at some locations.
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
    pub(super) fn location_of(&self, tag: usize) -> Option<(String, std::ops::Range<usize>)> {
        let tags = locked(&self.0.tags);
        let tag = tags.get(tag)?;
        Some((tag.template.clone(), tag.range.clone()))
    }

    fn tag(&self, tag: usize) -> Option<Tag> {
        locked(&self.0.tags).get(tag).cloned()
    }
}

/// The node with the location of each scalar replaced by `location`.
fn replaced(node: Node, location: &mut dyn FnMut(&Node) -> Span) -> Node {
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
                mapping.push(entry.key, replaced(entry.value, location));
            }
            Node::mapping(mapping).styled(style).at(at)
        }
        None => {
            let items = node.into_sequence().unwrap_or_default().into_iter();
            Node::sequence(items.map(|it| replaced(it, location)).collect::<Vec<_>>())
                .styled(style)
                .at(at)
        }
    }
}
