//! The comments that the kyaml form has reached and not written yet, like the state of go-yaml's emitter.

use super::printer::Printer;
use crate::{Comments, Node};

#[derive(Default)]
pub(super) struct Pending<'a> {
    pub(super) head: &'a str,
    pub(super) line: &'a str,
    pub(super) foot: &'a str,
    /// The foot of an entry, which is written after all of its value.
    pub(super) tail: &'a str,
    /// The comment after a key whose value begins on another line.
    pub(super) key_line: &'a str,
}

impl<'a> Pending<'a> {
    /// Collects the comments of a scalar, or the one above a collection.
    pub(super) fn begin(&mut self, comments: Option<&'a Comments>, node: &Node) {
        if let Some(found) = comments.and_then(|it| it.of(node)) {
            replace(&mut self.head, &found.head);
            if node.is_scalar() {
                replace(&mut self.line, &found.line);
                replace(&mut self.foot, &found.foot);
            }
        }
    }

    /// The same for the key of a mapping, after the tail of the entry before it. Returns the tail of its own entry.
    pub(super) fn begin_key(
        &mut self,
        comments: Option<&'a Comments>,
        key: &Node,
        tail: &'a str,
    ) -> &'a str {
        let foot = self.foot;
        self.begin(comments, key);
        self.foot = foot;
        replace(&mut self.tail, tail);
        let found = comments.and_then(|it| it.of(key));
        found.map_or("", |it| &it.foot)
    }

    /// Collects the comments at the end of a collection.
    pub(super) fn end(&mut self, comments: Option<&'a Comments>, node: &Node, tail: &'a str) {
        replace(&mut self.tail, tail);
        if let Some(found) = comments.and_then(|it| it.of(node)) {
            replace(&mut self.line, &found.line);
            replace(&mut self.foot, &found.foot);
        }
    }

    /// Whether a comment follows the current value.
    pub(super) fn follows(&self) -> bool {
        !(self.line.is_empty() && self.foot.is_empty() && self.tail.is_empty())
    }

    /// Whether a comment is between the last entry of a flow mapping and its bracket.
    pub(super) fn is_around_end(&self) -> bool {
        !(self.head.is_empty() && self.foot.is_empty() && self.tail.is_empty())
    }

    pub(super) fn write_head(&mut self, printer: &mut Printer, indent: usize) {
        let tail = std::mem::take(&mut self.tail);
        if !tail.is_empty() {
            printer.start_line(indent);
            printer.comment(tail, indent);
            printer.set_apart(indent);
        }
        let head = std::mem::take(&mut self.head);
        if !head.is_empty() {
            printer.start_line(indent);
            printer.comment(head, indent);
        }
    }

    pub(super) fn write_line(&mut self, printer: &mut Printer, indent: usize) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            printer.line_comment(line, indent);
        }
    }

    pub(super) fn write_foot(&mut self, printer: &mut Printer, indent: usize) {
        let foot = std::mem::take(&mut self.foot);
        if !foot.is_empty() {
            printer.start_line(indent);
            printer.comment(foot, indent);
            printer.set_apart(indent);
        }
    }
}

fn replace<'a>(slot: &mut &'a str, text: &'a str) {
    if !text.is_empty() {
        *slot = text;
    }
}
