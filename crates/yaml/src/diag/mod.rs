//! Diagnostics as data: message, location and help. Their presentation is in `report`.

mod class;
mod conflict;
mod fix;
mod nearest;
mod source;

pub use class::Class;
pub use conflict::{MERGE_CONFLICT, conflict_marker};
pub use fix::{Edit, Fix, apply_edits};
pub use nearest::{is_typo, nearest};
pub use source::{Position, Source, Span};

use std::borrow::Cow;

/// An error, warning or note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable name that users write in `# pleach: allow[unknown-claim-field]`.
    pub code: &'static str,
    /// The class, for programs.
    pub class: Class,
    /// Error, warning or note.
    pub severity: Severity,
    /// What is wrong, in lower case and without a full stop.
    pub message: String,
    /// The location in an input file.
    pub span: Option<Span>,
    /// A short text at the location itself.
    pub label: Cow<'static, str>,
    /// Related locations, each with a text.
    pub related: Vec<(Span, String)>,
    /// How to fix it, or further information; one line each.
    pub help: Vec<String>,
    /// Replacements for lines of the help.
    pub fixes: Vec<Fix>,
}

/// The severity of a diagnostic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Information that makes no command fail.
    Note,
    /// Probably a mistake; an error with `--strict`.
    Warning,
    /// There is no result, or it must not be used.
    Error,
}

impl Diagnostic {
    /// Creates an error, with which the run ends with exit code 1.
    pub fn error(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            class: Class::Plain,
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: Cow::Borrowed(""),
            related: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
        }
    }

    /// Creates a warning, which is an error with `--strict`.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Warning,
            ..Diagnostic::error(code, message)
        }
    }

    /// Creates a note, which never affects the exit code.
    pub fn note(code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Note,
            ..Diagnostic::error(code, message)
        }
    }

    /// Sets the location that it reports.
    #[must_use]
    pub fn at(mut self, span: impl Into<Span>) -> Diagnostic {
        self.span = Some(span.into());
        self
    }

    /// Sets a short text at the location itself.
    #[must_use]
    pub fn label(mut self, label: impl Into<Cow<'static, str>>) -> Diagnostic {
        self.label = label.into();
        self
    }

    /// Adds a related location.
    #[must_use]
    pub fn related(mut self, span: impl Into<Span>, text: impl Into<String>) -> Diagnostic {
        self.related.push((span.into(), text.into()));
        self
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }

    /// Adds a line of help with a replacement. Without an edit, it is an ordinary line of help.
    #[must_use]
    pub fn fix(mut self, help: impl Into<String>, edit: impl Into<Option<Edit>>) -> Diagnostic {
        let help = help.into();
        if let Some(edit) = edit.into() {
            self.fixes.push(Fix {
                help: help.clone(),
                edits: vec![edit],
            });
        }
        self.help(help)
    }

    /// Whether another diagnostic is equal, except for its help.
    fn is_same(&self, other: &Diagnostic) -> bool {
        (self.code, self.severity) == (other.code, other.severity)
            && self.message == other.message
            && self.label == other.label
            && self.span == other.span
            && self.related == other.related
    }

    /// This diagnostic with every location converted to the input file: see [`Span::outermost`].
    #[must_use]
    pub fn outermost(mut self) -> Diagnostic {
        self.span = self.span.map(|it| it.outermost());
        for (span, _) in &mut self.related {
            *span = span.outermost();
        }
        let fixes = self.fixes.drain(..);
        self.fixes = fixes.filter_map(|it| it.outermost()).collect();
        self
    }

    /// Suggests the nearest known name, if there is one. If the location is already set and contains the name, the suggestion is a
    /// replacement.
    #[must_use]
    pub fn did_you_mean<'a>(
        self,
        wrong: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Diagnostic {
        match nearest(wrong, known).filter(|it| *it != wrong) {
            Some(name) => {
                let edit = self
                    .span
                    .as_ref()
                    .and_then(|it| Edit::rename(it, wrong, name));
                self.fix(format!("did you mean `{name}`?"), edit)
            }
            None => self,
        }
    }
}

/// The maximum number of diagnostics at the same location that are compared.
const SAME_PLACE_MAX: usize = 100;

/// The diagnostics of a run, in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    /// The number of errors.
    errors: usize,
}

impl Diagnostics {
    /// Adds a diagnostic at the end.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        self.list.push(diagnostic);
    }

    /// Returns the value, or records the error, so that one invalid item does not hide errors of the next ones.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.push(diagnostic)).ok()
    }

    /// Whether anything is an error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The number of errors.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All diagnostics, in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The number of diagnostics.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Converts locations in embedded texts to locations in the input file.
    pub fn move_outermost(&mut self) {
        let list = std::mem::take(&mut self.list);
        self.list = list.into_iter().map(Diagnostic::outermost).collect();
    }

    /// Sorts by location and removes duplicates (an error in a shared file is found once for each environment). Of two that only
    /// differ in their help, the one with less is kept: additional help only applies if nothing but the shared file can be fixed.
    pub fn sort_and_dedup(&mut self) {
        let location = |it: &Diagnostic| {
            it.span
                .as_ref()
                .map(|span| (span.source().path.clone(), span.start))
        };
        // A stable sort: at one location, the order of finding is the order of causes.
        self.list.sort_by_key(|a| location(a));
        let mut kept: Vec<Diagnostic> = Vec::with_capacity(self.list.len());
        for diagnostic in self.list.drain(..) {
            // If there are very many at one location, duplicates may remain.
            let near = kept.iter().rev().take(SAME_PLACE_MAX);
            // Sorted by location, so equal ones are adjacent.
            let same_location = near.take_while(|it| location(it) == location(&diagnostic));
            let same = same_location
                .enumerate()
                .find(|it| it.1.is_same(&diagnostic));
            let at = same.map(|it| kept.len() - 1 - it.0);
            match at.and_then(|at| kept.get_mut(at)) {
                Some(same) if diagnostic.help.len() < same.help.len() => *same = diagnostic,
                Some(_) => {}
                None => kept.push(diagnostic),
            }
        }
        *self = kept.into_iter().collect();
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, more: T) {
        more.into_iter().for_each(|it| self.push(it));
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<T: IntoIterator<Item = Diagnostic>>(list: T) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        diagnostics.extend(list);
        diagnostics
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics::from_iter([diagnostic])
    }
}
