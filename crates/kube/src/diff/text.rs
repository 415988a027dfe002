//! Two texts of several lines: by structure where both are YAML or JSON, else by line.

use similar::{ChangeTag, TextDiff};

use super::fields::Comparison;
use super::path::Step;
use super::{Difference, Line};
use crate::secret;
use pleach_yaml::{Node, parse};

/// Lines that are shown around a difference.
const CONTEXT: usize = 2;

pub(super) fn compare(comparison: &mut Comparison<'_>, before: &Node, after: &Node) {
    let known = comparison.changes.len();
    if let (Some(old), Some(new)) = (documents(before), documents(after))
        && old.len() == new.len()
    {
        for (at, (old, new)) in old.iter().zip(&new).enumerate() {
            let (old, new) = (
                secret::hide(old, comparison.options.salt),
                secret::hide(new, comparison.options.salt),
            );
            comparison.within(Step::Document(at), |it| it.nodes(&old, &new, None));
        }
    }
    if comparison.changes.len() > known {
        return;
    }
    // If only comments or the layout differ, the difference is shown as lines.
    let texts = (before.as_str().unwrap_or(""), after.as_str().unwrap_or(""));
    if texts.0.contains('\n') || texts.1.contains('\n') {
        comparison.push(Difference::Text(lines(texts.0, texts.1)), after);
    } else {
        comparison.changed(before, after);
    }
}

/// The documents of a text that has structure.
fn documents(text: &Node) -> Option<Vec<Node>> {
    let documents = parse(&text.embedded_source()).ok()?;
    let structured = |it: &Node| !it.is_scalar();
    (!documents.is_empty() && documents.iter().all(structured)).then_some(documents)
}

fn lines(before: &str, after: &str) -> Vec<Line> {
    let diff = TextDiff::from_lines(before, after);
    let same_end = before.ends_with('\n') == after.ends_with('\n');
    let text = |line: &str| match line.strip_suffix('\n') {
        Some(line) => line.into(),
        None if same_end => line.into(),
        None => format!("{line} (no line end)").into(),
    };
    let mut lines = Vec::new();
    for hunk in diff.grouped_ops(CONTEXT) {
        if hunk.first().is_some_and(|it| it.new_range().start > 0) {
            lines.push(Line::Gap);
        }
        for change in hunk.iter().flat_map(|it| diff.iter_changes(it)) {
            let text = text(change.value());
            lines.push(match change.tag() {
                ChangeTag::Equal => Line::Same(text),
                ChangeTag::Delete => Line::Removed(text),
                ChangeTag::Insert => Line::Added(text),
            });
        }
    }
    lines
}
