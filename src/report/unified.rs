//! A plan as a unified diff, as every review tool reads it. Secrets are hidden in it.

use std::fmt::Write;

use similar::TextDiff;

use crate::diag::Source;
use crate::emit::{Plan, Step};
use crate::secret::{Salt, redact};
use crate::tree::TreePath;

use super::View;
use super::escape::{printable, screened};
use super::patch::lines;

/// The diff of every file that changes, and of every edited file that is kept, in the order of their paths. `folder` is the output folder's own path.
///
/// Line ends are left out of it: a file that a checkout has given CRLF differs in what it says alone.
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
    // The library's search gives up on a shortest diff where that would take long, by effort and not by the clock.
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
