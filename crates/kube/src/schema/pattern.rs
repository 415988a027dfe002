//! Patterns of schemas, in Go's syntax (RE2).

use std::sync::{Arc, OnceLock};

use pleach_re2::Regexp;

/// A pattern of a schema, compiled on first use, because a CRD has hundreds and few are needed.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Arc<str>,
    regexp: OnceLock<Option<Regexp>>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Pattern {
        Pattern {
            text: text.into(),
            regexp: OnceLock::new(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is a valid pattern.
    pub(crate) fn is_valid(&self) -> bool {
        self.regexp().is_some()
    }

    /// Whether the pattern matches anywhere in the text. An invalid pattern matches everything, as in the API server.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regexp().is_none_or(|it| it.is_match(text.as_bytes()))
    }

    /// The first matches in a text; `None` if the pattern is invalid.
    pub(crate) fn find(&self, text: &str, limit: Option<usize>) -> Option<Vec<String>> {
        let found = self.regexp()?.find_all(text.as_bytes(), limit);
        let texts = found.into_iter().filter_map(|it| text.get(it));
        Some(texts.map(str::to_owned).collect())
    }

    fn regexp(&self) -> Option<&Regexp> {
        let compile = || Regexp::new(&self.text).ok();
        self.regexp.get_or_init(compile).as_ref()
    }
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
