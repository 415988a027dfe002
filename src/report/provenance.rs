//! The origins of values, as text and as JSON.

use std::fmt::Write;

use serde::Serialize;

use super::View;
use super::escape::printable;
use super::json::Location;
use super::serialize::{Identity, to_json_lines};
use crate::diag::{Diagnostic, Diagnostics, Span};
use crate::object::Object;
use crate::provenance::{Cause, Explained, Role};
use crate::secret::{Salt, conceal, hide};
use crate::yaml::Node;

/// An object whose values are explained.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The environment; `None` for an object of base.
    pub environment: Option<&'a str>,
    /// The claim, or the unit that deploys the object.
    pub claim: &'a str,
    /// The object whose fields are explained.
    pub object: &'a Object,
    /// The values of the object, each with its causes.
    pub values: &'a [Explained],
    /// The salt of the digests that replace secrets.
    pub salt: &'a Salt,
}

/// The code of diagnostics that are created only to conceal secrets, and never reported.
const CONCEALED_ONLY: &str = "";

/// The maximum number of values shown in full; more are shown on one line each.
const WHOLE_MAX: usize = 12;

/// The maximum number of conditions listed; the rest is counted.
const CONDITIONS_MAX: usize = 8;

/// The maximum number of characters shown of a line or value.
const WIDTH_MAX: usize = 72;

/// One block per value; for many values, one line each.
pub fn provenance_text(subject: &Subject<'_>, view: &View<'_>) -> String {
    let Subject { claim, object, .. } = subject;
    let environment = subject.environment.unwrap_or("base");
    let mut text = format!(
        "\x1b[1m{}\x1b[0m in {}, from {}\n",
        printable(&object.id().to_string()),
        printable(environment),
        printable(claim)
    );
    let hidden = hide(&subject.object.node, subject.salt);
    let values = subject
        .values
        .iter()
        .map(|it| DisplayedValue::new(&hidden, it));
    let values: Vec<DisplayedValue> = values.collect();
    if values.len() > WHOLE_MAX {
        compact(&values, view, &mut text);
    } else {
        values.iter().for_each(|it| it.write(view, &mut text));
    }
    text
}

/// One object: `{"schema": 1, "object": …, "values": […]}`.
pub fn provenance_json(subject: &Subject<'_>, view: &View<'_>) -> String {
    let hidden = hide(&subject.object.node, subject.salt);
    let values = subject
        .values
        .iter()
        .map(|it| DisplayedValue::new(&hidden, it));
    let report = Report {
        schema: 1,
        environment: subject.environment,
        claim: subject.claim,
        object: Identity::from(&subject.object.id()),
        values: values.map(|it| ReportValue::new(it, view)).collect(),
    };
    to_json_lines(&report, 2)
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    environment: Option<&'a str>,
    claim: &'a str,
    object: Identity,
    values: Vec<ReportValue>,
}

#[derive(Serialize)]
struct ReportValue {
    field: String,
    value: String,
    causes: Vec<ReportCause>,
}

#[derive(Serialize)]
struct ReportCause {
    role: &'static str,
    writer: &'static str,
    #[serde(flatten)]
    line: ReportLine,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<ReportLine>,
}

/// A line with its location.
#[derive(Serialize)]
struct ReportLine {
    #[serde(flatten)]
    location: Location,
    text: String,
}

impl ReportValue {
    fn new(value: DisplayedValue, view: &View<'_>) -> ReportValue {
        let line = |it: &Span| ReportLine {
            location: Location::new(it, view),
            text: self::line(it),
        };
        let causes = value.causes.iter().map(|it| ReportCause {
            role: match it.role {
                Role::Value => "value",
                Role::Template => "template",
                Role::Condition => "condition",
            },
            writer: it.label,
            line: line(&it.location),
            overrides: it.overrides.iter().map(line).collect(),
        });
        ReportValue {
            causes: causes.collect(),
            field: value.field,
            value: value.value,
        }
    }
}

/// A value without secrets.
struct DisplayedValue {
    field: String,
    value: String,
    causes: Vec<DisplayedCause>,
}

struct DisplayedCause {
    role: Role,
    label: &'static str,
    location: Span,
    overrides: Vec<Span>,
}

impl DisplayedValue {
    /// `hidden` is the object without its secrets.
    fn new(hidden: &Node, explained: &Explained) -> DisplayedValue {
        let Explained { field, causes, .. } = explained;
        let text = hidden.at_path(field).map(written).unwrap_or_default();
        // `conceal` works on diagnostics, so each cause becomes one.
        let notes = causes.iter().map(|it| {
            let note = Diagnostic::note(CONCEALED_ONLY, text.as_str());
            let note = match it.is_builtin() {
                true => note,
                false => note.at(&it.location),
            };
            let overrides = it.overrides.iter();
            overrides.fold(note, |note, span| note.related(span, ""))
        });
        let plain = Diagnostic::note(CONCEALED_ONLY, text.as_str());
        let notes: Diagnostics = notes.chain([plain]).collect();
        let concealed: Vec<Diagnostic> = conceal(notes).into_iter().collect();
        let value = concealed.iter().map(|it| &it.message);
        let value = value.min_by_key(|it| **it == text).cloned();
        let displayed = causes.iter().zip(concealed).filter_map(|(cause, note)| {
            Some(DisplayedCause {
                role: cause.role,
                label: label(cause),
                location: match cause.is_builtin() {
                    true => cause.location.clone(),
                    false => note.span?,
                },
                overrides: note.related.into_iter().map(|it| it.0).collect(),
            })
        });
        DisplayedValue {
            field: field.to_string(),
            value: value.unwrap_or_default(),
            causes: displayed.collect(),
        }
    }

    fn write(&self, view: &View<'_>, text: &mut String) {
        let field = printable(&self.field);
        _ = writeln!(text, "\n{field}: {}", shortened(&self.value));
        let mut lines: Vec<(&str, String, String)> = Vec::new();
        let mut conditions = 0;
        for cause in &self.causes {
            conditions += usize::from(cause.role == Role::Condition);
            if conditions > CONDITIONS_MAX {
                continue;
            }
            lines.push((
                cause.label,
                display_location(&cause.location, view),
                line(&cause.location),
            ));
            let overrides = cause.overrides.iter();
            lines.extend(overrides.map(|it| ("overrides", display_location(it, view), line(it))));
        }
        let width = lines.iter().map(|it| it.1.chars().count()).max();
        let width = width.unwrap_or(0);
        for (label, location, line) in lines {
            let row = format!("  {label:<11}  {location:<width$}  {line}");
            _ = writeln!(text, "{}", row.trim_end());
        }
        if conditions > CONDITIONS_MAX {
            let more = conditions - CONDITIONS_MAX;
            _ = writeln!(text, "  and {more} more; `-o json` has all");
        }
        if self.causes.is_empty() {
            _ = writeln!(text, "  written by pleach itself");
        }
    }
}

fn compact(values: &[DisplayedValue], view: &View<'_>, text: &mut String) {
    let width =
        |of: fn(&DisplayedValue) -> String| values.iter().map(|it| of(it).chars().count()).max();
    let field = |it: &DisplayedValue| printable(&it.field);
    let wide = width(field).unwrap_or(0).min(WIDTH_MAX);
    for value in values {
        let first = value.causes.first();
        let location = first.map_or_else(String::new, |it| {
            format!("{} {}", it.label, display_location(&it.location, view))
        });
        let (name, value) = (field(value), shortened(&value.value));
        _ = writeln!(text, "{name:<wide$}  {value:<24}  {location}");
    }
}

fn label(cause: &Cause) -> &'static str {
    match cause.role {
        Role::Condition => "because of",
        _ => cause.writer().description(),
    }
}

fn written(value: &Node) -> String {
    let text = value.as_str().unwrap_or("");
    match text.split_once('\n') {
        Some((first, rest)) if !rest.is_empty() => format!("{first} …"),
        Some((first, _)) => first.to_string(),
        None if text.is_empty() && value.is_null() => "null".to_string(),
        None if text.is_empty() => "\"\"".to_string(),
        None => text.to_string(),
    }
}

fn display_location(location: &Span, view: &View<'_>) -> String {
    let position = location.position();
    let path = printable(&(view.display)(location.path()));
    format!("{path}:{}:{}", position.line, position.column)
}

/// The text of the line at a location.
fn line(location: &Span) -> String {
    let (text, start) = (&location.source().text, location.range().start);
    let before = text.get(..start).unwrap_or("");
    let begin = before.rfind('\n').map_or(0, |it| it + 1);
    let line = text.get(begin..).and_then(|it| it.lines().next());
    shortened(line.unwrap_or("").trim())
}

fn shortened(text: &str) -> String {
    let text = printable(text);
    match text.char_indices().nth(WIDTH_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text,
    }
}
