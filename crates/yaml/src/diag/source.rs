//! Locations in files.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::tree::TreePath;

/// A file's path and text. Spans contain a reference to it, so a diagnostic has its own excerpt and needs no global table.
#[derive(PartialEq, Eq)]
pub struct Source {
    /// The path of the file.
    pub path: TreePath,
    /// The whole text of the file; spans are byte ranges of it.
    pub text: String,
    /// The location of an embedded text, such as an inline patch.
    inside: Option<Inside>,
    is_masked: bool,
    is_template: bool,
}

/// The location of an embedded text in its file.
#[derive(PartialEq, Eq)]
struct Inside {
    /// The value that contains the text.
    host: Span,
    /// For each line of the text, the byte of the file at which it begins. Empty if the file does not contain the text literally
    /// (in quotes, or folded), so that only the whole text has a location.
    lines: Box<[u32]>,
}

impl Source {
    /// Creates a source from a path and text.
    pub fn new(path: TreePath, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source {
            path,
            text: text.into(),
            inside: None,
            is_masked: false,
            is_template: false,
        })
    }

    /// A file whose secrets were replaced by other characters, for excerpts.
    pub fn masked(path: TreePath, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source {
            path,
            text: text.into(),
            inside: None,
            is_masked: true,
            is_template: false,
        })
    }

    /// A template of a chart, whose actions are code.
    pub fn template(path: TreePath, text: impl Into<String>) -> Arc<Source> {
        Arc::new(Source {
            path,
            text: text.into(),
            inside: None,
            is_masked: false,
            is_template: true,
        })
    }

    /// Whether it is a template of a chart: see [`Source::template`].
    pub fn is_template(&self) -> bool {
        self.is_template
    }

    /// Whether its secrets were replaced: see [`Source::masked`].
    pub fn is_masked(&self) -> bool {
        self.is_masked
    }

    /// A text that is itself a value in a file. `lines` contains the byte of the file where each line begins; it is empty if only
    /// the whole text has a location.
    pub fn embedded(host: Span, text: impl Into<String>, lines: Vec<u32>) -> Arc<Source> {
        let inside = Inside {
            lines: lines.into(),
            host,
        };
        Arc::new(Source {
            path: inside.host.path().clone(),
            text: text.into(),
            inside: Some(inside),
            is_masked: false,
            is_template: false,
        })
    }

    /// Generated text, which is not in a file.
    pub fn internal(name: &str, text: impl Into<String>) -> Arc<Source> {
        let path = TreePath::new(name).unwrap_or_else(TreePath::root);
        Source::new(path, text)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({})", self.path)
    }
}

/// A byte range of a source. Cheap to clone.
#[derive(Clone)]
pub struct Span {
    /// `None` for generated values: all threads would change one reference count for each of them.
    source: Option<Arc<Source>>,
    /// The offset of the first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

/// Line and column, both counted from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// The source of generated values.
#[cold]
fn no_source() -> &'static Arc<Source> {
    static SOURCE: OnceLock<Arc<Source>> = OnceLock::new();
    SOURCE.get_or_init(|| Source::internal("", ""))
}

impl Span {
    /// The location of a fault of a whole file or folder: its beginning, without an excerpt.
    pub fn of_file(path: &TreePath) -> Span {
        Span::new(&Source::new(path.clone(), ""), 0..0)
    }

    /// A range of a source.
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Span {
        // Every node has a span, so offsets have 32 bits. The reader rejects larger files.
        let clip = |at: usize| u32::try_from(at.min(source.text.len())).unwrap_or(u32::MAX);
        Span::from_offsets(source, clip(range.start), clip(range.end))
    }

    /// A range of a source, from offsets that are known to be in it.
    pub fn from_offsets(source: &Arc<Source>, start: u32, end: u32) -> Span {
        Span {
            source: Some(source.clone()),
            start,
            end,
        }
    }

    /// The location of generated values, which are not in a file.
    pub fn nowhere() -> Span {
        Span {
            source: None,
            start: 0,
            end: 0,
        }
    }

    /// Whether it is the location of a generated value.
    pub fn is_nowhere(&self) -> bool {
        let is_own = |it: &Arc<Source>| !Arc::ptr_eq(it, no_source());
        !self.source.as_ref().is_some_and(is_own)
    }

    /// The file that the range is in; without path and text for [`Span::nowhere`].
    pub fn source(&self) -> &Arc<Source> {
        match &self.source {
            Some(source) => source,
            None => no_source(),
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &TreePath {
        &self.source().path
    }

    /// The bytes as a range.
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The text that the span covers; empty if it is not on character boundaries.
    pub fn text(&self) -> &str {
        self.source_text().get(self.range()).unwrap_or("")
    }

    /// The text of the whole file.
    pub(crate) fn source_text(&self) -> &str {
        self.source.as_ref().map_or("", |it| &it.text)
    }

    /// Line and column of the first byte.
    pub fn position(&self) -> Position {
        let text = self.source_text();
        let before = text.get(..self.start as usize).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Position {
            line: memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1,
            // In characters, as in editors and SARIF.
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The location in the input file, if this one is in an embedded text.
    #[must_use]
    pub fn outermost(&self) -> Span {
        let Some(Inside { host, lines }) = &self.source().inside else {
            return self.clone();
        };
        let location = |at: u32| {
            let before = self.source().text.get(..at as usize)?;
            let line = memchr::memchr_iter(b'\n', before.as_bytes()).count();
            let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
            Some(*lines.get(line)? as usize + column)
        };
        match (location(self.start), location(self.end)) {
            (Some(start), Some(end)) => Span::new(host.source(), start..end.max(start)).outermost(),
            (Some(start), None) => Span::new(host.source(), start..start).outermost(),
            _ => host.outermost(),
        }
    }

    /// The empty span at the start of this one.
    pub fn start(&self) -> Span {
        Span {
            end: self.start,
            ..self.clone()
        }
    }
}

impl PartialEq for Span {
    fn eq(&self, other: &Span) -> bool {
        self.start == other.start
            && self.end == other.end
            // Pointers first, because comparing paths is slower and most spans share their source.
            && (Arc::ptr_eq(self.source(), other.source()) || self.source().path == other.source().path)
    }
}

impl Eq for Span {}

impl From<&Span> for Span {
    fn from(span: &Span) -> Span {
        span.clone()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}..{}", self.source().path, self.start, self.end)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position();
        write!(f, "{}:{line}:{column}", self.source().path)
    }
}
