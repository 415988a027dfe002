//! The comments of a document that is written again: the next one, and whether it belongs to the current position.
//!
//! go-yaml attaches comments to nodes. Here, they are a queue in the order of the source, which the writer processes in the same
//! order, so each comment is written exactly once.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::diag::{Source, Span};
use crate::{Node, Written};

#[derive(Default)]
pub(super) struct Comments<'a> {
    source: Option<&'a Arc<Source>>,
    text: &'a str,
    queue: VecDeque<&'a Span>,
    /// The position in the source up to which it has been written.
    reached: usize,
}

/// A comment to be written.
pub(super) struct Comment<'a> {
    pub(super) text: &'a str,
    /// Whether it follows an empty line.
    pub(super) apart: bool,
}

impl<'a> Comments<'a> {
    pub(super) fn new(written: &'a Written) -> Comments<'a> {
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

    /// Whether a node is from the text with the comments, and was not inserted later.
    pub(super) fn is_around(&self, node: &Node) -> bool {
        let source = &node.span().source;
        self.source.is_some_and(|own| Arc::ptr_eq(own, source))
    }

    /// Whether nothing has been written yet.
    pub(super) fn at_start(&self) -> bool {
        self.reached == 0
    }

    /// Records that a node has been written.
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

    /// Whether the next comment follows the dash of a list item on the same line.
    pub(super) fn is_after_dash(&self) -> bool {
        self.gap().is_some_and(|it| it.trim_end().ends_with('-'))
    }

    /// The comment inside a scalar: after the `|` of a block scalar.
    pub(super) fn inside(&mut self, scalar: &Node) -> Option<Comment<'a>> {
        let first = self.queue.front()?.start;
        let span = scalar.span();
        (self.is_around(scalar) && (span.start..span.end).contains(&first)).then(|| self.take())?
    }

    /// The comment at the end of the line that was written last.
    pub(super) fn on_line(&mut self) -> Option<Comment<'a>> {
        let gap = self.gap()?;
        let signs = |c: char| matches!(c, ' ' | '\t' | ':' | '-' | '?' | ',');
        gap.chars().all(signs).then(|| self.take())?
    }

    /// The next comment on its own line, if it is not further left than a column.
    pub(super) fn after(&mut self, column: usize) -> Option<Comment<'a>> {
        let follows = self.gap()?.trim().is_empty();
        let first = self.queue.front()?.start as usize;
        (follows && self.column(first) >= column).then(|| self.take())?
    }

    /// Whether there is an empty line between the last written node and this one.
    pub(super) fn is_apart(&self, node: &Node) -> bool {
        let start = node.span().start as usize;
        let gap = self.text.get(self.reached..start);
        self.is_around(node) && gap.is_some_and(has_empty_line)
    }

    /// The column of a position.
    pub(super) fn column(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        at - before.rfind('\n').map_or(0, |it| it + 1)
    }

    /// The source between the last written node and the next comment.
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
