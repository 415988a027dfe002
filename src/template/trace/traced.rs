//! Computes the locations of values from the records of a rendering.

use super::record::{OutputRecord, Record, scalars};
use super::{Trace, TraceCondition, TraceStep, with_locations};
use crate::diag::Span;
use crate::yaml::{Node, PLACEHOLDER_CLOSE as CLOSE, PLACEHOLDER_OPEN as OPEN};

/// A traced rendering with the steps of its values.
pub(in super::super) struct Traced {
    trace: Trace,
    /// The ends of runs of fixed text in the output, each with the step that printed it. Sorted.
    marks: Vec<(usize, TraceStep)>,
}

impl Traced {
    /// Removes the marks from the text, and records a step for each value. `location` returns the location of a tag.
    pub(in super::super) fn new(
        record: Record,
        text: &mut String,
        values: &mut [Node],
        location: &dyn Fn(usize) -> Option<Span>,
    ) -> Traced {
        let trace = record.trace().clone();
        for (value, printed) in values.iter_mut().zip(&record.printed) {
            let step = step(printed, location);
            let old = std::mem::replace(value, Node::null());
            let others = reads_outside(&old, &step.reads, &record);
            *value = with_locations(old, &mut |node| {
                let mut step = step.clone();
                // A computed value has the location of the last read, which is one of its reads. A value that was selected from a
                // list has its own location.
                step.value = node.has_origin().then(|| node.span().clone());
                if !record.has_read(node) {
                    return trace.add(step);
                }
                step.reads = Vec::new();
                // The other reads have determined which value is printed.
                let others = others.iter().filter(|it| *it != node.span());
                step.conditions.push(TraceCondition {
                    at: None,
                    reads: others.cloned().collect(),
                });
                trace.add(step)
            });
        }
        let (clean, marks) = without_marks(text);
        let marks = marks.into_iter().filter_map(|(at, number)| {
            let line = record.lines.get(number)?;
            Some((at, step(line, location)))
        });
        let marks = marks.collect();
        *text = clean;
        Traced { trace, marks }
    }

    /// The location of fixed text.
    pub(in super::super) fn fixed(&self, location: &Span) -> Span {
        self.trace.add(self.line(location.start as usize))
    }

    /// The location of a text that contains values.
    pub(in super::super) fn text<'n>(
        &self,
        location: &Span,
        values: impl Iterator<Item = &'n Node>,
    ) -> Span {
        let range = location.range();
        let mut step = self.line(range.start);
        let from = self.marks.partition_point(|it| it.0 < range.start);
        let inside = self.marks.get(from..).unwrap_or_default().iter();
        for (_, line) in inside.take_while(|it| it.0 <= range.end) {
            step.conditions.extend(line.conditions.iter().cloned());
        }
        step.reads.extend(values.map(|it| it.span().clone()));
        self.trace.add(step)
    }

    /// The template line that printed a byte of the output.
    fn line(&self, at: usize) -> TraceStep {
        let next = self.marks.partition_point(|it| it.0 <= at);
        let line = self.marks.get(next).map(|it| it.1.clone());
        line.unwrap_or(TraceStep {
            at: None,
            value: None,
            reads: Vec::new(),
            conditions: Vec::new(),
        })
    }
}

/// The reads of a value whose scalars are not a part of it.
fn reads_outside(value: &Node, reads: &[Span], record: &Record) -> Vec<Span> {
    let mut found = Vec::new();
    scalars(value, &mut found);
    let unchanged = found.iter().filter(|it| record.has_read(it));
    let unchanged: Vec<&Span> = unchanged.map(Node::span).collect();
    let others = reads.iter().filter(|it| !unchanged.contains(it));
    others.cloned().collect()
}

fn step(output: &OutputRecord, location: &dyn Fn(usize) -> Option<Span>) -> TraceStep {
    let conditions = output.conditions.iter().map(|(tag, reads)| TraceCondition {
        at: location(*tag),
        reads: reads.clone(),
    });
    TraceStep {
        at: output.tag.and_then(location),
        value: None,
        reads: output.reads.clone(),
        conditions: conditions.collect(),
    }
}

/// The text without marks, and the position and number of each mark.
fn without_marks(text: &str) -> (String, Vec<(usize, usize)>) {
    let mut parts = text.split(OPEN);
    let mut out = parts.next().unwrap_or("").to_string();
    let mut marks = Vec::new();
    for part in parts {
        let mark = part.strip_prefix('L').and_then(|it| it.split_once(CLOSE));
        match mark {
            Some((number, rest)) => {
                marks.extend(number.parse().ok().map(|it: usize| (out.len(), it)));
                out.push_str(rest);
            }
            None => {
                out.push(OPEN);
                out.push_str(part);
            }
        }
    }
    (out, marks)
}
