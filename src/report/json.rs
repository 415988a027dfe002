//! One object, for programs. `schema` counts up when a field changes its meaning or goes; new fields may come.

use std::fmt::Write;

use crate::diag::{Diagnostic, Diagnostics, Edit, Fix, Position, Span};
use crate::object::ObjectId;

use super::escape::is_unprintable;
use super::short::name;
use super::{View, region};

/// `{"schema": 1, "diagnostics": [...]}`, one diagnostic a line.
pub fn json(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let list: Vec<String> = diagnostics.iter().map(|it| one(it, view)).collect();
    let separator = if list.is_empty() { "" } else { "\n" };
    let list = list.join(",\n");
    format!("{{\"schema\": 1, \"diagnostics\": [{separator}{list}{separator}]}}\n")
}

fn one(it: &Diagnostic, view: &View<'_>) -> String {
    let place = it
        .span
        .as_ref()
        .map(|span| format!("{}, ", place(span, view)));
    let label = match &*it.label {
        "" => String::new(),
        label => format!(", \"label\": {}", quoted(label)),
    };
    let related = it.related.iter().map(|(span, words)| {
        let place = self::place(span, view);
        format!("{{{place}, \"message\": {}}}", quoted(words))
    });
    let help = it.help.iter().map(|help| quoted(help));
    let fixes: Vec<String> = it.fixes.iter().map(|it| fix(it, view)).collect();
    let fixes = match &*fixes {
        [] => String::new(),
        fixes => format!(", \"fixes\": [{}]", fixes.join(", ")),
    };
    format!(
        "{{{}\"code\": {}, \"severity\": {}, \"message\": {}{label}, \"related\": [{}], \"help\": [{}]{fixes}}}",
        place.unwrap_or_default(),
        quoted(it.code),
        quoted(name(it.severity)),
        quoted(&it.message),
        related.collect::<Vec<_>>().join(", "),
        help.collect::<Vec<_>>().join(", "),
    )
}

fn fix(fix: &Fix, view: &View<'_>) -> String {
    let edits = fix.edits.iter().map(|Edit { span, text }| {
        let (Position { line, column }, end) = region(span);
        let path = quoted(&(view.display)(span.path()));
        format!(
            "{{\"path\": {path}, \"line\": {line}, \"column\": {column}, \"endLine\": {}, \"endColumn\": {}, \"text\": {}}}",
            end.line,
            end.column,
            quoted(text)
        )
    });
    let edits = edits.collect::<Vec<_>>().join(", ");
    format!("{{\"help\": {}, \"edits\": [{edits}]}}", quoted(&fix.help))
}

pub(super) fn place(span: &Span, view: &View<'_>) -> String {
    let (Position { line, column }, end) = region(span);
    let path = quoted(&(view.display)(span.path()));
    format!(
        "\"path\": {path}, \"line\": {line}, \"column\": {column}, \"endLine\": {}, \"endColumn\": {}",
        end.line, end.column
    )
}

/// The identity of an object as the fields of an object of JSON, without its braces.
pub(super) fn id(id: &ObjectId) -> String {
    format!(
        "\"group\": {}, \"kind\": {}, \"namespace\": {}, \"name\": {}",
        quoted(&id.group),
        quoted(&id.kind),
        quoted(&id.namespace),
        quoted(&id.name)
    )
}

pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if is_unprintable(char) => {
                let mut units = [0; 2];
                let units = char.encode_utf16(&mut units);
                units.iter().for_each(|it| _ = write!(out, "\\u{it:04x}"));
            }
            char => out.push(char),
        }
    }
    out.push('"');
    // A runner of GitHub takes it for a command anywhere in a line.
    out.replace("##[", "#\\u0023[")
}
