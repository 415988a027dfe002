//! `# pleach: allow[code] reason`: suppresses a finding on its own line.

use std::ops::Range;
use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, Edit, Source, Span};
use crate::tree::TreePath;

/// The beginning of an allow comment.
pub const ALLOW: &str = "# pleach: allow[";
const BEGIN: &str = ALLOW;

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
    if allows.is_empty() {
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
        if !it.is_used && is_judged(&it.code) {
            let message = format!("unused `allow[{}]`: no such finding here", it.code);
            let fault = Diagnostic::warning("unused-allow", message).at(&it.span);
            let help = "remove the comment, or move it to the line above the reported line";
            kept.push(fault.fix(help, Edit::new(it.comment, "")));
        }
    }
    kept
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
