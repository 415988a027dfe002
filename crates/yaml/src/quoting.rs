//! Fixes of single scalars: quotes are added or removed, or the text is replaced.

use super::{Node, Style};
use crate::diag::Edit;

/// Adds quotes to a plain value: a number or word that should be a string.
pub fn quote(node: &Node) -> Option<Edit> {
    let text = node.as_str()?;
    let is_plain = node.style() == Style::Plain && node.span().text() == text;
    // These would need escapes inside the quotes.
    let is_simple = !text.contains(['"', '\\']);
    (is_plain && is_simple && !text.is_empty())
        .then(|| Edit::new(node.span(), format!("\"{text}\"")))
}

/// Removes the quotes from a value that should be a number or boolean.
pub fn unquote(node: &Node) -> Option<Edit> {
    let (text, written) = (node.as_str()?, node.span().text());
    let is_quoted = matches!(node.style(), Style::SingleQuoted | Style::DoubleQuoted);
    // With an escape, the text inside the quotes is not the value.
    let is_same = written.get(1..written.len().saturating_sub(1)) == Some(text);
    (is_quoted && is_same).then(|| Edit::new(node.span(), text))
}
