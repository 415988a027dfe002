//! Regular expressions of selectors, field paths and image names, in Go's syntax.

use pleach_re2::{Error, Regexp};
use pleach_yaml::diag::Diagnostic;

use super::record::Text;

/// The error for an invalid regular expression, with Go's message.
pub(super) fn invalid(text: &str, error: &Error) -> Diagnostic {
    let error = error.to_string();
    let reason = error
        .strip_prefix("error parsing regexp: ")
        .unwrap_or(&error);
    let message = format!("`{text}` is not a valid regular expression: {reason}");
    Diagnostic::error("bad-regular-expression", message).help(
        "this is a regular expression in Go's syntax (RE2); escape special characters with a backslash",
    )
}

/// A pattern that must match a whole string; an empty one matches everything.
pub(super) enum Pattern {
    Any,
    Exactly(Box<str>),
    /// Characters, with `None` for a dot, which matches any character: most patterns have this form.
    Dotted(Box<[Option<char>]>),
    Regexp(Regexp),
}

impl Pattern {
    /// Reads the pattern in a field of a selector.
    pub(super) fn read(field: &Text) -> Result<Pattern, Diagnostic> {
        let text = &**field;
        if text.is_empty() {
            return Ok(Pattern::Any);
        }
        if let Some(pattern) = Pattern::without_regexp(text) {
            return Ok(pattern);
        }
        // kustomize anchors patterns, so `web` does not select `web-2`.
        let regexp = Regexp::new(&format!("^(?:{text})$"));
        let regexp = regexp.map_err(|it| invalid(text, &it).at(field))?;
        Ok(Pattern::Regexp(regexp))
    }

    /// A pattern of only letters and dots. Most are, and compiling a regular expression takes longer than everything else in a selector.
    fn without_regexp(text: &str) -> Option<Pattern> {
        let is_literal = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '/' | ':');
        let (mut pattern, mut chars) = (Vec::new(), text.chars());
        while let Some(char) = chars.next() {
            pattern.push(match char {
                '.' => None,
                '\\' => Some(chars.next().filter(|it| *it == '.')?),
                char => Some(char).filter(|it| is_literal(*it)).map(Some)?,
            });
        }
        let exact: Option<String> = pattern.iter().copied().collect();
        Some(match exact {
            Some(exact) => Pattern::Exactly(exact.into()),
            None => Pattern::Dotted(pattern.into()),
        })
    }

    /// Whether it matches the whole text.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Exactly(expected) => **expected == *text,
            Pattern::Dotted(pattern) => {
                let mut chars = text.chars();
                let matches = |expected: &Option<char>| {
                    let char = chars.next();
                    char.is_some_and(|it| expected.map_or(it != '\n', |expected| expected == it))
                };
                pattern.iter().all(matches) && chars.next().is_none()
            }
            Pattern::Regexp(regexp) => regexp.is_match(text.as_bytes()),
        }
    }
}
