//! JUnit XML, which every CI system can show: an error is a failed test, a warning a passed test with output.

use std::fmt::Write;

use crate::diag::{Diagnostic, Diagnostics, Severity};

use super::View;
use super::escape::is_unprintable;
use super::github::message_with_help;
use super::wording::location;

/// One test per diagnostic. If there are none, one passed test, because an empty report looks like a job that did not run.
pub fn junit(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let (tests, failures) = (diagnostics.iter().count(), diagnostics.errors());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pleach\" tests=\"{0}\" failures=\"{failures}\">\n  <testsuite name=\"pleach\" tests=\"{0}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">\n",
        tests.max(1)
    );
    if tests == 0 {
        text.push_str("    <testcase classname=\"pleach\" name=\"no findings\"/>\n");
    }
    diagnostics.iter().for_each(|it| test(it, view, &mut text));
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn test(it: &Diagnostic, view: &View<'_>, text: &mut String) {
    let written = it
        .span
        .as_ref()
        .map(|span| location(span, view))
        .unwrap_or_default();
    let path = it
        .span
        .as_ref()
        .map_or("pleach".to_string(), |it| (view.display)(it.path()));
    let _ = writeln!(
        text,
        "    <testcase classname=\"{}\" name=\"{}\">",
        escaped(&path),
        escaped(&format!("{}: {}", it.code, it.message))
    );
    let body = escaped(&format!("{written}\n{}", message_with_help(it)));
    let _ = match it.severity {
        Severity::Error => writeln!(
            text,
            "      <failure type=\"{}\" message=\"{}\">{body}</failure>",
            escaped(it.code),
            escaped(&it.message)
        ),
        _ => writeln!(text, "      <system-out>{body}</system-out>"),
    };
    text.push_str("    </testcase>\n");
}

/// Escapes text for XML 1.0. Characters that it cannot contain become U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            char if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            // Marks that change the direction of text.
            char if is_unprintable(char) => _ = write!(out, "&#{};", u32::from(char)),
            char => out.push(char),
        }
    }
    // GitHub Actions interprets `##[` as a command anywhere in a line.
    out.replace("##[", "#&#35;[")
}
