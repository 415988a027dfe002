//! Texts that templates are made of: files, expressions, and texts with expressions in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use minijinja::syntax::SyntaxConfig;

use super::guard::{Guarded, OffsetMap, Rejection, guard, guard_builtin};
use super::trace::Trace;
use crate::diag::{Source, Span};
use crate::yaml::{Node, View};

/// Texts by name, as they are compiled.
#[derive(Debug, Default)]
pub struct Texts(BTreeMap<String, Text>);

#[derive(Debug)]
pub(super) struct Text {
    pub(super) text: String,
    pub(super) origin: Origin,
    /// For a built-in text: the text with limits, shared by all runs of a process.
    guarded: OnceLock<String>,
}

/// The origin of a template's text: the byte at `offset` of the text is the first of the span.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) span: Span,
    pub(super) offset: usize,
    /// Where [`super::guard`] has inserted text.
    insertions: OnceLock<OffsetMap>,
    reads: OnceLock<BTreeSet<String>>,
}

impl Texts {
    /// Adds a template file under a name that includes and imports can use.
    pub fn add(&mut self, name: &str, source: &Arc<Source>) {
        let span = Span::new(source, 0..source.text.len());
        self.insert(name, source.text.clone(), Origin::new(span, 0));
    }

    /// Adds an expression, given as the text of a scalar. An undefined value becomes null.
    pub fn add_expression(&mut self, name: &str, expression: &Node) {
        const OPEN: &str = "{{ (";
        let text = expression.as_str().unwrap_or("");
        let origin = Origin::new(text_span(expression), OPEN.len());
        let text = [OPEN, text, ") | default(none) }}"].concat();
        self.insert(name, text, origin);
    }

    /// Adds a text in which `{{ expressions }}` are filled in.
    pub fn add_text(&mut self, name: &str, text: &Node) {
        let origin = Origin::new(text_span(text), 0);
        self.insert(name, text.as_str().unwrap_or("").to_string(), origin);
    }

    fn insert(&mut self, name: &str, text: String, origin: Origin) {
        let text = Text {
            text,
            origin,
            guarded: OnceLock::new(),
        };
        self.0.insert(name.to_string(), text);
    }

    /// Whether a text with this name exists.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether any of the texts contains a substring.
    pub fn any_contains(&self, substring: &str) -> bool {
        let finder = memchr::memmem::Finder::new(substring);
        let mut texts = self.0.values();
        texts.any(|it| finder.find(it.text.as_bytes()).is_some())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Text> {
        self.0.get(name)
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (String, Text)> {
        self.0.into_iter()
    }
}

impl Text {
    /// The text with limits, as it is compiled.
    pub(super) fn guarded(
        &self,
        name: &str,
        trace: Option<&Trace>,
        syntax: &SyntaxConfig,
    ) -> Result<String, Rejection> {
        let traced = trace.and_then(|it| it.instrument(name, &self.text, syntax));
        let Some(guarded) = guard(traced.as_ref().unwrap_or(&self.text), syntax)? else {
            return Ok(self.text.clone());
        };
        Ok(self.origin.record(guarded))
    }

    /// The text of a built-in template with limits. It is not checked, because a test checks all built-in templates.
    pub(super) fn guarded_builtin(
        &self,
        name: &str,
        trace: Option<&Trace>,
        syntax: &SyntaxConfig,
    ) -> Result<String, Rejection> {
        if trace.is_some() {
            return self.guarded(name, trace, syntax);
        }
        let compute = || match guard_builtin(&self.text, syntax) {
            Some(guarded) => self.origin.record(guarded),
            None => self.text.clone(),
        };
        Ok(self.guarded.get_or_init(compute).clone())
    }
}

impl Origin {
    fn new(span: Span, offset: usize) -> Origin {
        Origin {
            span,
            offset,
            insertions: OnceLock::new(),
            reads: OnceLock::new(),
        }
    }

    /// Stores what is known about the text, and returns it with limits.
    fn record(&self, guarded: Guarded) -> String {
        // A text that is compiled again has the same insertions.
        let _ = self.insertions.set(guarded.insertions);
        if let Some(reads) = guarded.reads {
            let _ = self.reads.set(reads);
        }
        guarded.text
    }

    /// The variables that an expression reads, with their fields; `None` for a text that is not compiled or not a single expression.
    pub(super) fn reads(&self) -> Option<&BTreeSet<String>> {
        self.reads.get()
    }

    /// The location of a range of the compiled text.
    pub(super) fn location(&self, range: Range<usize>) -> Span {
        let location = |at: usize| {
            let at = self.insertions.get().map_or(at, |it| it.original(at));
            let at = self.span.start as usize + at.saturating_sub(self.offset);
            at.min(self.span.end as usize)
        };
        Span::new(
            self.span.source(),
            location(range.start)..location(range.end),
        )
    }

    /// The location of a dotted name in the text; the whole text if it does not occur literally.
    pub(super) fn find(&self, path: &str) -> Span {
        let text = self.span.text();
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let is_whole = |at: usize| {
            let before = text.get(..at).and_then(|it| it.chars().next_back());
            let after = text.get(at + path.len()..).and_then(|it| it.chars().next());
            !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
        };
        let mut found = text.match_indices(path).map(|it| it.0);
        match found.find(|at| is_whole(*at)) {
            Some(at) => {
                let start = self.span.start as usize + at;
                Span::new(self.span.source(), start..start + path.len())
            }
            None => self.span.clone(),
        }
    }
}

/// The location of a scalar's text without quotes, if the source contains the same characters.
fn text_span(node: &Node) -> Span {
    let span = node.span();
    let (View::Scalar(text), covered) = (node.view(), span.text()) else {
        return span.clone();
    };
    let is_at = |at: &usize| covered.get(*at..).is_some_and(|it| it.starts_with(text));
    // Plain text begins immediately, and quoted text after its quote.
    let found = [0, 1].into_iter().find(is_at);
    match found.or_else(|| covered.find(text)) {
        Some(at) => Span::new(
            span.source(),
            span.start as usize + at..span.start as usize + at + text.len(),
        ),
        None => span.clone(),
    }
}
