//! `# pleach: allow[code] reason`: suppresses a finding on its own line.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::diag::{Diagnostic, Diagnostics, Edit, Source, Span};
use crate::tree::TreePath;

/// The beginning of a comment for pleach.
pub const COMMENT: &str = "# pleach:";
/// The beginning of an allow comment.
const BEGIN: &str = "# pleach: allow[";

struct Allow {
    path: TreePath,
    code: String,
    /// The lines whose findings it suppresses, counted from 1.
    lines: Range<usize>,
    span: Span,
    /// The comment with the spaces before it, or its whole line; deleting this span removes the comment.
    comment: Span,
    has_reason: bool,
    is_used: bool,
}

/// Removes findings that comments in the inputs allow, and reports comments that are unused or have no reason. `is_judged` says
/// whether a code was checked in this run: comments about other codes are not reported as unused.
pub fn allow(
    found: Diagnostics,
    inputs: &[Arc<Source>],
    is_judged: &dyn Fn(&str) -> bool,
) -> Diagnostics {
    let mut allows: Vec<Allow> = inputs.iter().flat_map(allows).collect();
    let others: Vec<Diagnostic> = inputs.iter().flat_map(not_understood).collect();
    if allows.is_empty() && others.is_empty() {
        return found;
    }
    let mut kept: Diagnostics = found
        .into_iter()
        .filter(|finding| !is_allowed(finding, &mut allows))
        .collect();
    for it in allows {
        if !it.has_reason {
            let message = format!("`allow[{}]` has no reason", it.code);
            let fault = Diagnostic::warning("allow-without-reason", message).at(&it.span);
            kept.push(fault.help(format!(
                "write the reason after the bracket: `{BEGIN}{}] made by Terraform`",
                it.code
            )));
        }
        if !it.is_used && !codes().any(|code| code == it.code) {
            kept.push(unknown_code(it));
        } else if !it.is_used && is_judged(&it.code) {
            let message = format!("unused `allow[{}]`: no such finding here", it.code);
            let fault = Diagnostic::warning("unused-allow", message).at(&it.span);
            let help = "remove the comment, or move it to the line above the reported line";
            kept.push(fault.fix(help, Edit::new(it.comment, "")));
        }
    }
    kept.extend(others);
    kept
}

fn codes() -> impl Iterator<Item = &'static str> {
    static CODES: OnceLock<Vec<&str>> = OnceLock::new();
    let codes = CODES.get_or_init(|| super::pages().iter().map(|it| it.code).collect());
    codes.iter().copied()
}

fn unknown_code(allow: Allow) -> Diagnostic {
    let message = format!(
        "unknown code `{}`, so the comment allows nothing",
        allow.code
    );
    let fault = Diagnostic::warning("unused-allow", message).at(&allow.span);
    let fault = fault.did_you_mean(&allow.code, codes());
    match fault.help.is_empty() {
        true => fault.help("`pleach explain` lists all codes"),
        false => fault,
    }
}

/// Warnings about comments that begin with `# pleach:` and are not allow comments.
fn not_understood(source: &Arc<Source>) -> Vec<Diagnostic> {
    let (mut found, mut start) = (Vec::new(), 0);
    for line in source.text.split_inclusive('\n') {
        let comment = comment_in(line);
        let is_allow = |text: &str| text.strip_prefix(BEGIN).is_some_and(|it| it.contains(']'));
        if let Some(at) = comment
            && let Some(text) = line.get(at..).map(str::trim_end).filter(|it| !is_allow(it))
        {
            let span = Span::new(source, start + at..start + at + text.len());
            let message = "the comment is not understood, so it allows nothing";
            let fault = Diagnostic::warning("unused-allow", message).at(&span);
            let words = text.split(|it: char| !(it.is_ascii_alphanumeric() || it == '-'));
            let code = words
                .filter_map(|word| codes().find(|it| *it == word))
                .next();
            let help = format!("write `{BEGIN}{}] REASON`", code.unwrap_or("CODE"));
            found.push(fault.help(help));
        }
        start += line.len();
    }
    found
}

/// The beginning of a comment for pleach in a line, also with other spaces than usual.
fn comment_in(line: &str) -> Option<usize> {
    let mut starts = line.match_indices('#').map(|it| it.0);
    starts.find(|at| {
        let before = line.get(..*at).unwrap_or("");
        let text = line.get(at + 1..).unwrap_or("").trim_start();
        let rest = text.strip_prefix("pleach").unwrap_or("").trim_start();
        (before.is_empty() || before.trim_end() != before) && rest.starts_with(':')
    })
}

fn is_allowed(finding: &Diagnostic, allows: &mut [Allow]) -> bool {
    let Some(span) = &finding.span else {
        return false;
    };
    let line = span.position().line;
    let mut is_allowed = false;
    for it in allows.iter_mut() {
        if it.code == finding.code && it.path == *span.path() && it.lines.contains(&line) {
            it.is_used = true;
            is_allowed = true;
        }
    }
    is_allowed
}

/// The allow comments of a file. A comment at the head of a document applies to the whole document; any other to its own line, or, on
/// a line of its own, to the next line that is not a comment.
fn allows(source: &Arc<Source>) -> Vec<Allow> {
    let lines: Vec<&str> = source.text.split_inclusive('\n').collect();
    let (mut found, mut start, mut is_head) = (Vec::new(), 0, true);
    for (index, line) in lines.iter().enumerate() {
        let is_comment = |at: &usize| {
            line.get(..*at)
                .is_some_and(|it| it.trim_end() != it || it.is_empty())
        };
        let comment = line.find(BEGIN).filter(is_comment);
        let text = line.trim();
        let is_alone = text.is_empty() || text.starts_with('#');
        if text == "---" || text.starts_with("--- ") {
            is_head = true;
        } else if !is_alone {
            is_head = false;
        }
        let parsed =
            comment.and_then(|at| Some((at, line.get(at + BEGIN.len()..)?.split_once(']')?)));
        if let Some((at, (code, reason))) = parsed {
            let rest = lines.get(index + 1..).unwrap_or_default();
            let end = match (is_alone, is_head) {
                (true, true) => rest.iter().position(|it| is_end(it)).unwrap_or(rest.len()),
                (true, false) => {
                    rest.iter()
                        .position(|it| !it.trim().starts_with('#'))
                        .unwrap_or(0)
                        + 1
                }
                _ => 0,
            };
            let before = line.get(..at).unwrap_or("").trim_end().len();
            let comment = match before {
                0 => start..start + line.len(),
                _ => start + before..start + line.trim_end().len(),
            };
            found.push(Allow {
                comment: Span::new(source, comment),
                path: source.path.clone(),
                code: code.to_string(),
                lines: index + 1..index + 2 + end,
                span: Span::new(source, start + at..start + line.trim_end().len()),
                has_reason: !reason.trim().is_empty(),
                is_used: false,
            });
        }
        start += line.len();
    }
    found
}

fn is_end(line: &str) -> bool {
    line.trim_end() == "---" || line.starts_with("--- ")
}
