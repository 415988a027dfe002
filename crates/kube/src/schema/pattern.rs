//! Patterns: Go's RE2 dialect, said in the regex crate's.

use std::sync::{Arc, OnceLock};

use regex::Regex;

/// A pattern of a schema, compiled when it is first needed: a CRD has hundreds, a build looks at few.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Arc<str>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Pattern {
        Pattern {
            text: text.into(),
            regex: OnceLock::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a pattern at all.
    pub(crate) fn is_valid(&self) -> bool {
        self.regex().is_some()
    }

    /// Whether the text has a match anywhere. A pattern that is none holds for everything, as for the API server.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex().is_none_or(|regex| regex.is_match(text))
    }

    /// The first matches in a text; `None` where the pattern is none.
    pub(crate) fn find(&self, text: &str, limit: usize) -> Option<Vec<String>> {
        let found = self.regex()?.find_iter(text).take(limit);
        Some(found.map(|it| it.as_str().to_owned()).collect())
    }

    fn regex(&self) -> Option<&Regex> {
        let compile = || Regex::new(&translate(&self.text)).ok();
        self.regex.get_or_init(compile).as_ref()
    }
}

/// Where the two dialects differ: `\d`, `\w`, `\s` are ASCII in Go; a class has no operators and no classes inside but
/// `[:name:]`; and a brace that begins no repetition is just a brace.
fn translate(pattern: &str) -> String {
    let mut text = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    let mut class_start = None;
    while let Some(first) = rest.chars().next() {
        let mut taken = first.len_utf8();
        match first {
            '\\' => {
                let escaped = rest.get(1..).and_then(|it| it.chars().next());
                taken += escaped.map_or(0, char::len_utf8);
                match ascii_class(escaped, class_start.is_some()) {
                    Some(class) => text.push_str(class),
                    None => text.push_str(&rest[..taken]),
                }
            }
            '[' if class_start.is_none() => {
                let negated = rest.starts_with("[^");
                taken += usize::from(negated);
                text.push_str(&rest[..taken]);
                class_start = Some(text.len());
            }
            '[' if rest.starts_with("[:") => match rest.find(":]") {
                Some(end) => {
                    taken = end + 2;
                    text.push_str(&rest[..taken]);
                }
                None => text.push_str("\\["),
            },
            '[' => text.push_str("\\["),
            // A bracket right at the start of a class is a member of it.
            ']' if class_start == Some(text.len()) => text.push_str("\\]"),
            ']' => {
                class_start = None;
                text.push(']');
            }
            '&' | '~' if class_start.is_some() => text.extend(['\\', first]),
            // Two in a row are an operator in the one dialect, and in the other the end of a range or its start.
            '-' if class_start == Some(text.len()) => text.push_str("\\-"),
            '-' if class_start.is_some() && rest.starts_with("--") => {
                taken = 2;
                text.push_str("-\\-");
            }
            '{' if class_start.is_none() && !is_repetition(rest) => text.push_str("\\{"),
            _ => text.push(first),
        }
        rest = rest.get(taken..).unwrap_or("");
    }
    text
}

fn ascii_class(letter: Option<char>, inside: bool) -> Option<&'static str> {
    Some(match (letter?, inside) {
        ('d', false) => "[0-9]",
        ('d', true) => "0-9",
        ('D', _) => "[^0-9]",
        ('w', false) => "[0-9A-Za-z_]",
        ('w', true) => "0-9A-Za-z_",
        ('W', _) => "[^0-9A-Za-z_]",
        ('s', false) => "[\\t\\n\\f\\r ]",
        ('s', true) => "\\t\\n\\f\\r ",
        ('S', _) => "[^\\t\\n\\f\\r ]",
        _ => return None,
    })
}

/// `{2}`, `{2,}`, `{2,3}`.
fn is_repetition(text: &str) -> bool {
    let Some((inner, _)) = text.get(1..).and_then(|it| it.split_once('}')) else {
        return false;
    };
    let (min, max) = inner.split_once(',').unwrap_or((inner, ""));
    let digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    !min.is_empty() && digits(min) && digits(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialect() {
        for (pattern, yes, no) in [
            (r"^\d+$", "12", "१२"),
            (r"^[\w.-]+$", "a_b.c-d", "ä"),
            (r"^[^[]+$", "a", "["),
            (r"^[]a]+$", "]a", "b"),
            (r"^[a&&b]+$", "&", "c"),
            (r"^[+--]$", ",", "."),
            (r"^{a}$", "{a}", "a"),
            (r"^a{2,}$", "aaa", "a"),
            (r"^[[:alpha:]]+$", "abc", "1"),
            (r"^a\/b$", "a/b", "a"),
        ] {
            let pattern = Pattern::new(pattern);
            assert!(pattern.is_valid(), "{}", pattern.text());
            assert!(pattern.matches(yes), "{} on {yes}", pattern.text());
            assert!(!pattern.matches(no), "{} on {no}", pattern.text());
        }
        assert!(!Pattern::new("a(").is_valid());
    }
}
