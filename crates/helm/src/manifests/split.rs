//! Splits a rendered file into documents (Helm, `SplitManifests`).

use crate::HelmVersion;

/// A document of a rendered file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    /// Its text, trimmed as in Helm.
    pub(crate) text: &'a str,
    /// The offset in the file at which the text starts.
    pub(crate) start: usize,
}

/// The documents of a text in order; none for a text without content.
///
/// Helm splits by regular expressions, not by YAML syntax, so `---x` is a separator, and so is `---` at the start of a line in a
/// block scalar.
pub(crate) fn split(text: &str, version: HelmVersion) -> Vec<Document<'_>> {
    match version {
        HelmVersion::V3 => split_trimmed(text),
        HelmVersion::V4 => split_lines(text),
    }
}

/// Helm 3: splits the trimmed text at `(?:^|\s*\n)---\s*`, where `^` only matches at the start of the text. A separator includes
/// the white space after it, so of two consecutive `---` lines, the second belongs to a document.
fn split_trimmed(whole: &str) -> Vec<Document<'_>> {
    let text = whole.trim();
    let mut documents = Vec::new();
    let mut push = |document: &str| {
        // Go drops empty documents before it trims.
        if !document.is_empty() {
            documents.push(document_in(whole, document.trim()));
        }
    };
    let mut rest = text;
    if let Some(after) = text.strip_prefix("---") {
        rest = after.trim_start_matches(is_re2_space);
    }
    while let Some(at) = rest.find("\n---") {
        let (before, after) = rest.split_at(at);
        push(before.trim_end_matches(is_re2_space));
        let after = after.strip_prefix("\n---").unwrap_or(after);
        rest = after.trim_start_matches(is_re2_space);
    }
    push(rest);
    documents
}

/// Helm 4: splits at `(?m)^---[ \t]*`; documents keep their last line breaks.
fn split_lines(whole: &str) -> Vec<Document<'_>> {
    let text = whole.trim_start();
    let mut documents = Vec::new();
    let mut push = |document: &str| {
        let document = document.trim_start();
        if !document.is_empty() {
            documents.push(document_in(whole, document));
        }
    };
    let (mut start, mut from) = (0, 0);
    loop {
        let rest = text.get(from..).unwrap_or("");
        let at = match from == 0 && rest.starts_with("---") {
            true => Some(0),
            false => rest.find("\n---").map(|at| from + at + 1),
        };
        let Some(at) = at else {
            break push(text.get(start..).unwrap_or(""));
        };
        push(text.get(start..at).unwrap_or(""));
        let after = text.get(at + 3..).unwrap_or("");
        let spaces = after.len() - after.trim_start_matches([' ', '\t']).len();
        start = at + 3 + spaces;
        from = start;
    }
    documents
}

/// Whether a character matches `\s` in Go.
fn is_re2_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

/// The document with a text that is a part of the whole text.
fn document_in<'a>(whole: &'a str, part: &str) -> Document<'a> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    Document {
        text: whole.get(start..start + part.len()).unwrap_or(""),
        start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, version: HelmVersion, expected: &[&str]) {
        let documents = split(text, version);
        let texts: Vec<&str> = documents.iter().map(|it| it.text).collect();
        assert_eq!(texts, expected, "{text:?}");
        for document in documents {
            assert!(text[document.start..].starts_with(document.text));
        }
    }

    #[test]
    fn helm_3_trims_documents() {
        let check = |text, expected: &[&str]| check(text, HelmVersion::V3, expected);
        check("", &[]);
        check(" \n", &[]);
        check("a: 1\n", &["a: 1"]);
        check("---\na: 1\n  \n---\nb: 2\n\n", &["a: 1", "b: 2"]);
        check("a\n---x\nb", &["a", "x\nb"]);
        check("a\n ---\nb", &["a\n ---\nb"]);
        check("a\n---\n---\nb", &["a", "---\nb"]);
        check("---\n---\nb", &["---\nb"]);
        check("a\n---", &["a"]);
        check("a\n---\n# c\n---\nb", &["a", "# c", "b"]);
        check("a\r\n---\r\nb\r\n", &["a", "b"]);
    }

    #[test]
    fn helm_4_keeps_line_breaks_at_the_end() {
        let check = |text, expected: &[&str]| check(text, HelmVersion::V4, expected);
        check(" \n", &[]);
        check("a: 1\n", &["a: 1\n"]);
        check(
            "---\na: 1\n  \n---  \n\nb: 2\n\n",
            &["a: 1\n  \n", "b: 2\n\n"],
        );
        check("a\n---\n---\nb", &["a\n", "b"]);
        check("a\n---x\n ---\nb", &["a\n", "x\n ---\nb"]);
        check("a\n------\nb", &["a\n", "---\nb"]);
        check("a\n---", &["a\n"]);
    }
}
