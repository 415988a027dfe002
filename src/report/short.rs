//! One line per diagnostic, for editors: `path:line:column: error[code]: message`.

use std::fmt::Write;

use crate::diag::{Diagnostics, Position, Severity};

use super::View;
use super::escape::{printable, screened};

/// One line each. A diagnostic without a location begins with its severity.
pub fn short(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let mut text = String::new();
    for it in diagnostics {
        if let Some(span) = &it.span {
            let Position { line, column } = span.position();
            let _ = write!(
                text,
                "{}:{line}:{column}: ",
                printable(&(view.display)(span.path()))
            );
        }
        let message = printable(&it.message.replace(['\n', '\r'], " "));
        let _ = writeln!(text, "{}[{}]: {message}", name(it.severity), it.code);
    }
    screened(&text)
}

/// The name of a severity.
pub(super) fn name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}
