//! The comments of a document that is written again: which of them comes next, and whether it belongs where the writer is.
//!
//! go-yaml hangs comments on nodes. Here they stay a queue in the order of the source, which the writer empties as it goes over
//! the same source; so each is written once, whatever its place.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::diag::{Source, Span};
use crate::{Node, Written};

#[derive(Default)]
pub(super) struct Comments<'a> {
    source: Option<&'a Arc<Source>>,
    text: &'a str,
    queue: VecDeque<&'a Span>,
    /// How far the source has been written.
    reached: usize,
}

/// A comment to be written.
pub(super) struct Comment<'a> {
    pub(super) text: &'a str,
    /// Whether an empty line is before it.
    pub(super) apart: bool,
}

impl<'a> Comments<'a> {
    pub(super) fn of(written: &'a Written) -> Comments<'a> {
        let first = written.comments.first();
        Comments {
            source: first.map(|it| &it.source),
            text: first.map_or("", |it| &it.source.text),
            queue: written.comments.iter().collect(),
            reached: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Whether a node is of the text that the comments are of, and not one that was put in later.
    pub(super) fn is_around(&self, node: &Node) -> bool {
        let source = &node.span().source;
        self.source.is_some_and(|own| Arc::ptr_eq(own, source))
    }

    /// Whether nothing has been written yet.
    pub(super) fn at_start(&self) -> bool {
        self.reached == 0
    }

    /// Notes that a node has been written.
    pub(super) fn written(&mut self, node: &Node) {
        if !self.is_empty() && self.is_around(node) {
            self.reached = self.reached.max(node.span().end as usize);
        }
    }

    /// The next comment that is before a node.
    pub(super) fn before(&mut self, node: &Node) -> Option<Comment<'a>> {
        let first = self.queue.front()?;
        (self.is_around(node) && first.start < node.span().start).then(|| self.take())?
    }

    /// The comment that is inside a scalar: behind the `|` of a block text.
    pub(super) fn inside(&mut self, scalar: &Node) -> Option<Comment<'a>> {
        let first = self.queue.front()?.start;
        let span = scalar.span();
        (self.is_around(scalar) && (span.start..span.end).contains(&first)).then(|| self.take())?
    }

    /// The comment on the rest of the line that was written last.
    pub(super) fn on_line(&mut self) -> Option<Comment<'a>> {
        let gap = self.gap()?;
        let signs = |c: char| matches!(c, ' ' | '\t' | ':' | '-' | '?' | ',');
        gap.chars().all(signs).then(|| self.take())?
    }

    /// The next comment that follows what was written, on a line of its own, no further left than a column of the source.
    pub(super) fn after(&mut self, column: usize) -> Option<Comment<'a>> {
        let follows = self.gap()?.trim().is_empty();
        let first = self.queue.front()?.start as usize;
        (follows && self.column(first) >= column).then(|| self.take())?
    }

    /// Whether an empty line is between what was written last and a node.
    pub(super) fn is_apart(&self, node: &Node) -> bool {
        let start = node.span().start as usize;
        let gap = self.text.get(self.reached..start);
        self.is_around(node) && gap.is_some_and(has_empty_line)
    }

    /// The column of a place.
    pub(super) fn column(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        at - before.rfind('\n').map_or(0, |it| it + 1)
    }

    /// The source between what was written last and the next comment.
    fn gap(&self) -> Option<&'a str> {
        let first = self.queue.front()?;
        self.text.get(self.reached..first.start as usize)
    }

    fn take(&mut self) -> Option<Comment<'a>> {
        let apart = self.gap().is_some_and(has_empty_line);
        let span = self.queue.pop_front()?;
        self.reached = self.reached.max(span.end as usize);
        let text = span.text().trim_end();
        Some(Comment { text, apart })
    }
}

/// Whether two line breaks follow each other, with at most blanks between them.
fn has_empty_line(text: &str) -> bool {
    let parts: Vec<&str> = text.split('\n').collect();
    let whole = parts.get(1..parts.len().saturating_sub(1));
    whole.is_some_and(|it| it.iter().any(|line| line.trim().is_empty()))
}
