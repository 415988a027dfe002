//! The manual page of a code.

use anyhow::{Result, bail};

use super::super::output;
use pleach::check::pages;
use pleach::diag::{Severity, nearest};
use pleach::rules::Page;

/// The width if standard output is not a terminal.
const COLUMNS: usize = 100;

/// Prints the page, or the list of all pages.
pub(super) fn print(code: Option<&str>) -> Result<()> {
    let columns = output::columns().unwrap_or(COLUMNS);
    match code {
        None => output::text(&list()),
        Some(code) => output::text(&manual(find(code)?, columns)),
    }
}

fn find(code: &str) -> Result<Page> {
    // As copied from the output: `[code]`, `warning[code]`.
    let bare = code.trim_end_matches(']');
    let bare = bare.rsplit_once('[').map_or(bare, |it| it.1);
    let pages = pages();
    let known: Vec<&str> = pages.iter().map(|it| it.code).collect();
    if let Some(at) = known.iter().position(|it| *it == bare) {
        return Ok(pages[at]);
    }
    match nearest(bare, known) {
        Some(near) => bail!("unknown diagnostic code `{bare}`; did you mean `{near}`?"),
        None => bail!(
            "unknown diagnostic code `{bare}`; `pleach explain` lists all codes; for a value, use `pleach explain ENV KIND/NAME FIELD` or `pleach explain FILE:LINE`"
        ),
    }
}

fn list() -> String {
    let pages = pages();
    let width = pages.iter().map(|it| it.code.len()).max().unwrap_or(0);
    let line = |it: &Page| format!("{:width$}  {}\n", it.code, it.summary);
    pages.iter().map(line).collect()
}

fn manual(page: Page, columns: usize) -> String {
    let severity = match page.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let mut text = format!("{severity}[{}]: {}\n", page.code, page.summary);
    for paragraph in page.explain.split("\n\n") {
        text.push('\n');
        match paragraph.starts_with("    ") {
            true => text.push_str(&format!("{}\n", paragraph.trim_end())),
            false => text.push_str(&wrapped(paragraph, columns)),
        }
    }
    text
}

/// Wraps a paragraph at `width` columns.
fn wrapped(paragraph: &str, columns: usize) -> String {
    let (mut text, mut used) = (String::new(), 0);
    for word in paragraph.split_whitespace() {
        let width = word.chars().count();
        if used > 0 && used + 1 + width > columns {
            text.push('\n');
            used = 0;
        } else if used > 0 {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += width;
    }
    text + "\n"
}
