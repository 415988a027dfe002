//! A plan as a unified diff, for review tools. Secrets are hidden.

use std::fmt::Write;

use similar::TextDiff;

use crate::diag::Source;
use crate::emit::{Plan, Step};
use crate::secret::{Salt, redact};
use crate::tree::TreePath;

use super::View;
use super::escape::{printable, screened};
use super::patch::lines;

/// The diff of each file that changes, and of each edited file that is kept, sorted by path. `folder` is the path of the output folder.
///
/// Line ends are not compared, because a checkout may convert them to CRLF.
pub fn unified(plan: &Plan, folder: &TreePath, view: &View<'_>, salt: &Salt) -> String {
    let kept: Vec<Step> = plan.kept_steps().collect();
    let mut steps: Vec<&Step> = plan.steps.iter().chain(&kept).collect();
    steps.sort_by(|a, b| a.path.cmp(&b.path));
    let mut text = String::new();
    for step in steps {
        let path = printable(&(view.display)(&folder.join(&step.path)));
        let diff = file(step, &path, salt);
        text.push_str(&if view.color { colored(&diff) } else { diff });
    }
    screened(&text)
}

fn file(step: &Step, path: &str, salt: &Salt) -> String {
    let side = |letter, bytes: Option<&[u8]>| match bytes {
        Some(_) => format!("{letter}/{path}"),
        None => "/dev/null".to_string(),
    };
    let (before, after) = (step.before.as_deref(), step.after.as_deref());
    let (old, new) = (side('a', before), side('b', after));
    let text = |bytes: Option<&[u8]>| {
        let text = String::from_utf8_lossy(bytes.unwrap_or_default()).replace("\r\n", "\n");
        let source = Source::new(step.path.clone(), text);
        lines(&redact(&source, |it| salt.digest(it)))
    };
    let (before, after) = (text(before), text(after));
    if before.is_empty() && after.is_empty() {
        return format!("--- {old}\n+++ {new}\n");
    }
    // The library limits its search for the shortest diff by effort, not by time, so the result is deterministic.
    let diff = TextDiff::from_lines(&before, &after);
    diff.unified_diff().header(&old, &new).to_string()
}

fn colored(diff: &str) -> String {
    let mut text = String::with_capacity(diff.len() * 2);
    for line in diff.lines() {
        let style = match line {
            _ if line.starts_with("--- ") || line.starts_with("+++ ") => "1",
            _ if line.starts_with("@@") => "36",
            _ if line.starts_with('-') => "31",
            _ if line.starts_with('+') => "32",
            _ => "0",
        };
        let _ = writeln!(text, "\u{1b}[{style}m{line}\u{1b}[0m");
    }
    text
}
