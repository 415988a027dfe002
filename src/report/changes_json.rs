//! Changes for programs. `schema` counts up when a field changes its meaning or goes; new fields may come.

use crate::compare::Comparison;
use crate::diag::Diagnostic;
use crate::diff::{ChangeKind, Difference, FieldChange, Group, Line, Place, group};
use crate::yaml::{Kind, Node, View};

use super::changes::name;
use super::json::quoted;

/// `{"schema": 1, "before": …, "after": …, "groups": [...], "notes": [...]}`, one group of equal changes a line.
pub fn changes_json(comparison: &Comparison, sides: [&str; 2]) -> String {
    let environments = comparison.environments.iter();
    let groups = group(environments.map(|(name, changes)| (&**name, &**changes)));
    let groups: Vec<String> = groups.iter().map(one_group).collect();
    let notes: Vec<String> = comparison.notes.iter().map(note).collect();
    let list = |items: &[String]| match items {
        [] => "[]".to_string(),
        items => format!("[\n{}\n]", items.join(",\n")),
    };
    format!(
        "{{\"schema\": 1, \"before\": {}, \"after\": {}, \"groups\": {}, \"notes\": {}}}\n",
        quoted(sides[0]),
        quoted(sides[1]),
        list(&groups),
        list(&notes)
    )
}

fn one_group(it: &Group<'_>) -> String {
    let objects: Vec<String> = it.places.iter().map(object).collect();
    let fields: Vec<String> = it.change.fields.iter().map(field).collect();
    format!(
        "{{\"change\": {}, \"objects\": [{}], \"fields\": [{}]}}",
        quoted(name(&it.change.kind)),
        objects.join(", "),
        fields.join(", ")
    )
}

fn object(place: &Place<'_>) -> String {
    let change = place.change;
    let id = &change.id;
    let was = match &change.kind {
        ChangeKind::Renamed { before } => format!(", \"nameBefore\": {}", quoted(before)),
        _ => String::new(),
    };
    let span = change.after.as_ref().or(change.before.as_ref());
    let written = span.map(|span| {
        let line = span.position().line;
        format!(
            ", \"path\": {}, \"line\": {line}",
            quoted(span.path().as_str())
        )
    });
    format!(
        "{{\"environment\": {}, \"group\": {}, \"kind\": {}, \"namespace\": {}, \"name\": {}{was}{}}}",
        quoted(place.environment),
        quoted(&id.group),
        quoted(&id.kind),
        quoted(&id.namespace),
        quoted(&id.name),
        written.unwrap_or_default()
    )
}

fn field(it: &FieldChange) -> String {
    let strings = |texts: &[Box<str>]| {
        let texts: Vec<String> = texts.iter().map(|it| quoted(it)).collect();
        format!("[{}]", texts.join(", "))
    };
    let (name, rest) = match &it.difference {
        Difference::Added(after) => ("added", format!("\"after\": {}", value(after))),
        Difference::Removed(before) => ("removed", format!("\"before\": {}", value(before))),
        Difference::Changed(before, after) => {
            let (before, after) = (value(before), value(after));
            (
                "changed",
                format!("\"before\": {before}, \"after\": {after}"),
            )
        }
        Difference::Reordered(before, after) => {
            let (before, after) = (strings(before), strings(after));
            (
                "reordered",
                format!("\"before\": {before}, \"after\": {after}"),
            )
        }
        Difference::Text(lines) => {
            let lines: Vec<String> = lines.iter().map(line).collect();
            ("text", format!("\"lines\": [{}]", lines.join(", ")))
        }
    };
    let path = quoted(&it.path.to_string());
    format!("{{\"path\": {path}, \"change\": \"{name}\", {rest}}}")
}

/// As in a unified diff: the first character says what became of the line; `@` stands for lines that are left out.
fn line(line: &Line) -> String {
    match line {
        Line::Same(text) => quoted(&format!(" {text}")),
        Line::Removed(text) => quoted(&format!("-{text}")),
        Line::Added(text) => quoted(&format!("+{text}")),
        Line::Gap => quoted("@"),
    }
}

fn value(node: &Node) -> String {
    match node.view() {
        View::Sequence(items) => {
            let items: Vec<String> = items.iter().map(value).collect();
            format!("[{}]", items.join(", "))
        }
        View::Mapping(entries) => {
            let entries = entries.iter();
            let entries: Vec<String> = entries
                .map(|it| {
                    format!(
                        "{}: {}",
                        quoted(it.key.as_str().unwrap_or("")),
                        value(&it.value)
                    )
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        View::Scalar(text) => scalar(node, text),
    }
}

fn scalar(node: &Node, text: &str) -> String {
    let number = match node.kind() {
        Kind::Null => return "null".to_string(),
        Kind::Bool => node.as_bool().map(|it| it.to_string()),
        Kind::Int => node.as_int_wide().map(|it| it.to_string()),
        Kind::Float => node.as_float().map(|it| format!("{it:?}")),
        _ => None,
    };
    number.unwrap_or_else(|| quoted(text))
}

fn note(it: &Diagnostic) -> String {
    let (code, message) = (quoted(it.code), quoted(&it.message));
    format!("{{\"code\": {code}, \"message\": {message}}}")
}
