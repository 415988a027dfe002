//! Fixes as data: the replacements that a `help` text describes.

use super::{Position, Span};

/// One fix. The fixes of a diagnostic do not contradict each other: each can be applied alone, or all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The line of the diagnostic's help that it implements.
    pub help: String,
    /// The edits: at least one, without overlaps.
    pub edits: Vec<Edit>,
}

/// The replacement of one range.
///
/// The source of the span is the text as it was read, possibly with masked secrets. Then, lines and columns are those of the file,
/// but byte offsets may differ. [`Edit::range_in`] finds the range in the file's own text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The range; an empty one inserts.
    pub span: Span,
    /// The new text; an empty one removes.
    pub text: String,
}

impl Fix {
    /// The same fix in the user's files; `None` if it cannot be applied there.
    pub(super) fn outermost(mut self) -> Option<Fix> {
        let edits = self.edits.iter().map(Edit::outermost);
        self.edits = edits.collect::<Option<_>>()?;
        Some(self)
    }
}

impl Edit {
    /// Replaces the text of `span` by `text`.
    pub fn new(span: impl Into<Span>, text: impl Into<String>) -> Edit {
        Edit {
            span: span.into(),
            text: text.into(),
        }
    }

    /// Replaces a name that occurs once at a location, as a whole word. `None` if it does not, or if the new name would need
    /// different quotes.
    pub fn rename(location: &Span, wrong: &str, name: &str) -> Option<Edit> {
        let text = location.text();
        let at = only_word(text, wrong)?;
        // In quotes, any word is a string. Without quotes, `true` or `1e3` would change the type.
        let is_quoted = text.starts_with(['"', '\'']);
        let is_plain = starts_as_word(name) && !is_yaml_word(name);
        if wrong == name || !name.chars().all(is_of_name) || !(is_quoted || is_plain) {
            return None;
        }
        let start = location.range().start + at;
        let span = Span::new(location.source(), start..start + wrong.len());
        Some(Edit::new(span, name))
    }

    /// The same edit in the user's file; `None` if this text has no location of its own there.
    pub fn outermost(&self) -> Option<Edit> {
        let span = self.span.outermost();
        let is_same = span.text() == self.span.text();
        is_same.then(|| Edit::new(span, self.text.as_str()))
    }

    /// The byte range in the text of its file; `None` if the text has changed.
    pub fn range_in(&self, text: &str) -> Option<std::ops::Range<usize>> {
        let known = &self.span.source().text;
        let end = self.span.range().end;
        let start = offset(text, self.span.position())?;
        let end = offset(text, Span::new(self.span.source(), end..end).position())?;
        let is_same = text.get(start..end)? == self.span.text();
        // The number of lines must be the same, too: otherwise, the same words may belong to something else.
        (is_same && known.lines().count() == text.lines().count()).then_some(start..end)
    }
}

/// The byte of a text at a line and column.
fn offset(text: &str, position: Position) -> Option<usize> {
    let mut line_start = 0;
    for _ in 1..position.line {
        line_start += text.get(line_start..)?.find('\n')? + 1;
    }
    let line = text.get(line_start..)?;
    // In characters: a masked secret has as many characters as the real one, but perhaps fewer bytes.
    let mut columns = line.char_indices().map(|it| it.0).chain([line.len()]);
    let at = columns.nth(position.column.checked_sub(1)?)?;
    line.get(..at)
        .is_some_and(|it| !it.contains('\n'))
        .then_some(line_start + at)
}

/// The position of a word in a text, if it occurs once.
fn only_word(text: &str, word: &str) -> Option<usize> {
    let joins = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || "_-".contains(it));
    let is_word = |at: &usize| {
        let before = text.get(..*at).and_then(|it| it.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|it| it.chars().next());
        !joins(before) && !joins(after)
    };
    if word.is_empty() {
        return None;
    }
    let mut found = text.match_indices(word).map(|it| it.0).filter(is_word);
    match (found.next(), found.next()) {
        (Some(at), None) => Some(at),
        _ => None,
    }
}

/// Characters without a special meaning in plain and quoted scalars and in expressions.
fn is_of_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || "._-/".contains(char)
}

/// Whether a name does not begin like a number.
fn starts_as_word(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
}

/// Words that are not strings in YAML 1.1 or 1.2.
fn is_yaml_word(name: &str) -> bool {
    let words = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];
    words.iter().any(|it| name.eq_ignore_ascii_case(it))
}

/// A text with the edits of a file applied. Equal edits count once. Of two that overlap, the later one in the list is left out,
/// because it may be found again in the new text. The second value is the number of edits that were left out.
///
/// Edits that [`Edit::range_in`] does not find in this text are also left out.
pub fn apply_edits<'a>(text: &str, edits: impl IntoIterator<Item = &'a Edit>) -> (String, usize) {
    let mut made: std::collections::BTreeMap<(usize, usize), &str> = Default::default();
    let mut left_out = 0;
    for edit in edits {
        let Some(range) = edit.range_in(text) else {
            left_out += 1;
            continue;
        };
        let key = (range.start, range.end);
        if made.get(&key) == Some(&edit.text.as_str()) {
            continue;
        }
        let before = made.range(..=key).next_back();
        let after = made.range(key..).next();
        // Two insertions at one position count as overlapping, because their order is undefined.
        let is_free = before.is_none_or(|it| it.0.1 <= key.0 && *it.0 != key)
            && after.is_none_or(|it| it.0.0 >= key.1 && *it.0 != key);
        match is_free {
            true => _ = made.insert(key, &edit.text),
            false => left_out += 1,
        }
    }
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for ((start, end), new) in made {
        out.push_str(text.get(done..start).unwrap_or(""));
        out.push_str(new);
        done = end;
    }
    out.push_str(text.get(done..).unwrap_or(""));
    (out, left_out)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Source;
    use super::*;
    use crate::tree::TreePath;

    fn source(text: &str) -> Arc<Source> {
        Source::new(TreePath::new("a.yaml").unwrap_or_else(TreePath::root), text)
    }

    fn at(source: &Arc<Source>, text: &str) -> Span {
        let start = source.text.find(text).unwrap_or(0);
        Span::new(source, start..start + text.len())
    }

    #[test]
    fn a_name_is_replaced_where_it_is_a_whole_word() {
        let source = source("a: \"Kind/replica\"\nb: replica replica-set\n");
        let rename =
            |location: &str, name: &str| Edit::rename(&at(&source, location), "replica", name);
        let edit = rename("\"Kind/replica\"", "replicas");
        assert_eq!(
            edit.map(|it| (it.span.range(), it.text)),
            Some((9..16, "replicas".to_string()))
        );
        assert!(rename("replica replica-set", "replicas").is_some());
        assert_eq!(rename("replica replica-set", "true"), None);
        assert_eq!(rename("replica replica-set", "1e3"), None);
        assert_eq!(rename("replica replica-set", "a: b"), None);
        assert_eq!(rename("a", "replicas"), None);
    }

    #[test]
    fn edits_are_applied_once_and_never_overlap() {
        let text = "key: vlaue\nother: x\n";
        let source = source(text);
        let edit = |location: &str, text: &str| Edit::new(at(&source, location), text);
        let edits = [
            edit("vlaue", "value"),
            edit("vlaue", "value"),
            edit("key: vlaue", "k: v"),
            edit("x", "y"),
        ];
        assert_eq!(
            apply_edits(text, &edits),
            ("key: value\nother: y\n".to_string(), 1)
        );
    }

    #[test]
    fn masked_sources_have_the_locations_of_the_file() {
        let masked = source("password: ****\nkye: a\n");
        let edit = Edit::new(at(&masked, "kye"), "key");
        assert_eq!(edit.range_in("password: äöüß\nkye: a\n"), Some(19..22));
        assert_eq!(edit.range_in("password: äöüß\nkey: a\n"), None);
        assert_eq!(edit.range_in("password: äöüß\n\nkye: a\n"), None);
    }
}
