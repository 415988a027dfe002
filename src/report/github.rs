//! Annotations of GitHub: workflow commands, which show a diagnostic at its line of a pull request.

use std::fmt::Write;

use crate::diag::{Diagnostic, Diagnostics, Severity};

use super::escape::printable;
use super::{View, region};

/// `::error file=PATH,line=LINE,…,title=CODE::MESSAGE`, one per line.
pub fn github(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let mut text = String::new();
    for it in diagnostics {
        let level = match it.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let _ = writeln!(
            text,
            "::{level} {}title={}::{}",
            location(it, view),
            property(it.code),
            escaped(&message_with_help(it))
        );
    }
    text
}

fn location(it: &Diagnostic, view: &View<'_>) -> String {
    let Some(span) = &it.span else {
        return String::new();
    };
    let path = property(&(view.display)(span.path()));
    let (start, end) = region(span);
    let columns = match start.line == end.line {
        // Columns are only useful if the range is on one line.
        true => format!("col={},endColumn={},", start.column, end.column),
        false => String::new(),
    };
    format!(
        "file={path},line={},endLine={},{columns}",
        start.line, end.line
    )
}

/// The message, and how to fix it.
pub(super) fn message_with_help(it: &Diagnostic) -> String {
    let lines = std::iter::once(&it.message).chain(&it.help);
    lines.cloned().collect::<Vec<_>>().join("\n")
}

fn escaped(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n").replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    escaped(text).replace(':', "%3A").replace(',', "%2C")
}
