//! Two multi-line strings: their documents if both are YAML or JSON, and their lines.

use similar::{ChangeTag, TextDiff};

use super::Line;
use crate::secret::{self, Salt};
use pleach_yaml::{Node, parse};

/// The number of context lines.
const CONTEXT: usize = 2;

/// The documents of two strings in pairs, with secrets hidden. Empty if one has no structure, or if their numbers differ.
pub(super) fn documents(before: &Node, after: &Node, salt: &Salt) -> Vec<(Node, Node)> {
    let (Some(old), Some(new)) = (structure(before), structure(after)) else {
        return Vec::new();
    };
    if old.len() != new.len() {
        return Vec::new();
    }
    let hidden = |it: (&Node, &Node)| (secret::hide(it.0, salt), secret::hide(it.1, salt));
    old.iter().zip(&new).map(hidden).collect()
}

/// The documents of a string with structure.
fn structure(text: &Node) -> Option<Vec<Node>> {
    let documents = parse(&text.embedded_source()).ok()?;
    let structured = |it: &Node| !it.is_scalar();
    (!documents.is_empty() && documents.iter().all(structured)).then_some(documents)
}

/// The lines of two texts; `None` if each has only one.
pub(super) fn lines(before: &str, after: &str) -> Option<Vec<Line>> {
    if !before.contains('\n') && !after.contains('\n') {
        return None;
    }
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
    Some(lines)
}
