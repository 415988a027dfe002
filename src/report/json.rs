//! Diagnostics for programs, as one JSON object. `schema` is increased when a field is removed or changes its meaning; new fields may be
//! added without a new version.

use serde::Serialize;

use crate::diag::{self, Diagnostics, Span};

use super::serialize::to_json_lines;
use super::short::name;
use super::{View, region};

/// `{"schema": 1, "diagnostics": [...]}`, one diagnostic per line.
pub fn json(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let diagnostics = diagnostics.iter().map(|it| Diagnostic::new(it, view));
    let report = Report {
        schema: 1,
        diagnostics: diagnostics.collect(),
    };
    to_json_lines(&report, 2)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    diagnostics: Vec<Diagnostic<'a>>,
}

#[derive(Serialize)]
struct Diagnostic<'a> {
    #[serde(flatten)]
    location: Option<Location>,
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    related: Vec<Related<'a>>,
    help: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Fix<'a>>,
}

/// A range of a file.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    path: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct Related<'a> {
    #[serde(flatten)]
    location: Location,
    message: &'a str,
}

#[derive(Serialize)]
struct Fix<'a> {
    help: &'a str,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    #[serde(flatten)]
    location: Location,
    text: &'a str,
}

impl<'a> Diagnostic<'a> {
    fn new(it: &'a diag::Diagnostic, view: &View<'_>) -> Diagnostic<'a> {
        let related = it.related.iter().map(|(span, message)| Related {
            location: Location::new(span, view),
            message,
        });
        let edit = |it: &'a diag::Edit| Edit {
            location: Location::new(&it.span, view),
            text: &it.text,
        };
        let fixes = it.fixes.iter().map(|it| Fix {
            help: &it.help,
            edits: it.edits.iter().map(edit).collect(),
        });
        Diagnostic {
            location: it.span.as_ref().map(|it| Location::new(it, view)),
            code: it.code,
            severity: name(it.severity),
            message: &it.message,
            label: &it.label,
            related: related.collect(),
            help: &it.help,
            fixes: fixes.collect(),
        }
    }
}

impl Location {
    pub(super) fn new(span: &Span, view: &View<'_>) -> Location {
        let (start, end) = region(span);
        Location {
            path: (view.display)(span.path()),
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    }
}
