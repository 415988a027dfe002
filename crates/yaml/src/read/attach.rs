//! Attaches comments to nodes while a document is parsed, as in go-yaml v3.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::comments::{Found, Place};
use super::scan::TokenKind;
use crate::diag::Source;
use crate::{Node, Style};

/// The comments of a document. Each may have several lines, and includes its `#`.
#[derive(Clone, Debug, Default)]
pub struct Comments {
    /// Above the document, and below it.
    pub(crate) head: String,
    pub(crate) foot: String,
    nodes: BTreeMap<(u32, u32), NodeComments>,
    source: Option<Arc<Source>>,
    /// Those of the document that inserted nodes come from.
    inserted: Option<Arc<Comments>>,
}

impl Comments {
    /// Keeps the comments of nodes that are inserted from another document.
    pub fn insert(&mut self, others: Arc<Comments>) {
        self.inserted = Some(others);
    }

    /// The comments of a node of the document. A node that was inserted later has none, unless those of its document are kept.
    pub(crate) fn of(&self, node: &Node) -> Option<&NodeComments> {
        let span = node.span();
        let own = self.source.as_ref();
        if own.is_some_and(|it| Arc::ptr_eq(it, span.source())) {
            return self.nodes.get(&(span.start, span.end));
        }
        self.inserted.as_ref()?.of(node)
    }
}

/// The comments above a node, at the end of its line, and below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeComments {
    pub(crate) head: String,
    pub(crate) line: String,
    pub(crate) foot: String,
}

/// The comments that were found before the current token and do not belong to a node yet.
pub(super) struct Attacher {
    found: Found,
    /// The number of tokens that have been read.
    read: usize,
    pending: NodeComments,
    /// The comment above a list item, which belongs to the collection in it.
    stem: String,
    /// The comments of the next node, of the end of a collection, and of all open collections.
    next: NodeComments,
    open: Vec<NodeComments>,
    /// The comments of the complete values of open collections, like the children of the parser.
    children: Vec<NodeComments>,
    done: Comments,
}

impl Attacher {
    pub(super) fn new(found: Found, source: &Arc<Source>) -> Attacher {
        Attacher {
            found,
            read: 0,
            pending: NodeComments::default(),
            stem: String::new(),
            next: NodeComments::default(),
            open: Vec::new(),
            children: Vec::new(),
            done: Comments {
                source: Some(source.clone()),
                ..Comments::default()
            },
        }
    }

    /// Collects the comments up to a token.
    pub(super) fn token(&mut self, kind: TokenKind) {
        let start = self.found.starts.get(self.read).copied();
        self.read += 1;
        let Some(start) = start else {
            return;
        };
        while let Some(comment) = self.found.comments.front().filter(|it| it.token <= start) {
            let text = match comment.place {
                // A comment above the end of a collection is above what follows.
                Place::Head if kind == TokenKind::BlockEnd => return,
                Place::Head => &mut self.pending.head,
                Place::Line => &mut self.pending.line,
                Place::Foot => &mut self.pending.foot,
            };
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&comment.text);
            self.found.comments.pop_front();
        }
    }

    fn take(&mut self) -> NodeComments {
        self.stem.clear();
        std::mem::take(&mut self.pending)
    }

    /// The length of the comment above a dash.
    pub(super) fn head_len(&self) -> usize {
        self.pending.head.len()
    }

    /// Splits the comment above a dash from those after it, if a block collection follows.
    pub(super) fn after_dash(&mut self, head_len: usize, kind: TokenKind) {
        let begins = matches!(
            kind,
            TokenKind::BlockSequenceStart | TokenKind::BlockMappingStart
        );
        if head_len > 0 && begins {
            let after = self.pending.head.split_off(head_len);
            self.stem = std::mem::take(&mut self.pending.head);
            self.pending.head = after.strip_prefix('\n').unwrap_or(&after).to_string();
        }
    }

    /// A scalar or alias, or the end of a collection that takes comments, is the current token.
    pub(super) fn value(&mut self) {
        self.next = self.take();
    }

    pub(super) fn open_flow(&mut self) {
        let comments = self.take();
        self.open.push(comments);
    }

    pub(super) fn open_block(&mut self) {
        let head = std::mem::take(&mut self.stem);
        self.open.push(NodeComments {
            head,
            ..NodeComments::default()
        });
    }

    /// Begins a list without indentation, or a pair in a flow sequence.
    pub(super) fn open_bare(&mut self) {
        self.open.push(NodeComments::default());
    }

    /// The next node is complete.
    pub(super) fn finish(&mut self) {
        self.children.push(std::mem::take(&mut self.next));
    }

    /// Closes a collection with these children; the next node is the collection.
    pub(super) fn close(&mut self, children: &[Node], style: Style, is_mapping: bool) {
        let base = self.children.len().saturating_sub(children.len());
        let mut comments = self.children.split_off(base);
        let head = self.open.pop().unwrap_or_default().head;
        self.next.head = head;
        let is_block = style != Style::Flow;
        if is_mapping {
            move_feet(&mut comments, is_block);
            if is_block
                && !self.next.foot.is_empty()
                && let Some(key) = comments.len().checked_sub(2)
            {
                comments[key].foot = std::mem::take(&mut self.next.foot);
            }
        }
        for (child, comments) in children.iter().zip(comments) {
            self.keep(child, comments);
        }
    }

    fn keep(&mut self, node: &Node, comments: NodeComments) {
        if comments != NodeComments::default() {
            let span = node.span();
            self.done.nodes.insert((span.start, span.end), comments);
        }
    }

    /// The first part of the comments above a document without `---` belongs to the document, not to its first key.
    pub(super) fn begin_document(&mut self) {
        let head = &mut self.pending.head;
        if let Some(only) = head.strip_suffix('\n').filter(|it| !it.is_empty()) {
            self.done.head = only.to_string();
            head.clear();
        } else if let Some((before, after)) = head.rsplit_once("\n\n") {
            (self.done.head, *head) = (before.to_string(), after.to_string());
        }
    }

    /// The comments of the document with this root.
    pub(super) fn end_document(&mut self, root: &Node) -> Comments {
        let comments = self.children.pop().unwrap_or_default();
        self.keep(root, comments);
        let rest = self.take();
        self.done.foot = if rest.foot.is_empty() {
            rest.head
        } else {
            rest.foot
        };
        std::mem::take(&mut self.done)
    }
}

/// Moves the foot of each value to its key, and the foot of each key of a block mapping to the key before it.
fn move_feet(comments: &mut [NodeComments], is_block: bool) {
    for key in (0..comments.len()).step_by(2) {
        if is_block && key > 0 && !comments[key].foot.is_empty() {
            comments[key - 2].foot = std::mem::take(&mut comments[key].foot);
        }
        if comments[key].foot.is_empty()
            && let Some(value) = comments.get_mut(key + 1)
        {
            comments[key].foot = std::mem::take(&mut value.foot);
        }
    }
}
