//! YAML in YAML: a scalar whose text is a YAML document, such as an inline patch.

use std::sync::Arc;

use super::{Node, Style};
use crate::diag::Source;

impl Node {
    /// The text of a scalar as a source for the reader, with spans inside the scalar.
    ///
    /// In a literal block, each line has its own location. A quoted or folded scalar only has a location as a whole.
    pub fn embedded_source(&self) -> Arc<Source> {
        let text = self.as_str().unwrap_or("");
        Source::embedded(self.span().clone(), text, self.lines(text))
    }

    /// The same without the white space at both ends of the text.
    pub fn trimmed_source(&self) -> Arc<Source> {
        let text = self.as_str().unwrap_or("");
        let kept = text.trim_start();
        let (before, _) = text.split_at(text.len() - kept.len());
        // The locations of trimmed lines must be removed.
        let (dropped, indent) = match before.rsplit_once('\n') {
            Some((lines, indent)) => (lines.matches('\n').count() + 1, indent),
            None => (0, before),
        };
        let mut lines = self.lines(text);
        lines.drain(..dropped.min(lines.len()));
        if let Some(first) = lines.first_mut() {
            *first += u32::try_from(indent.len()).unwrap_or(0);
        }
        Source::embedded(self.span().clone(), kept.trim_end(), lines)
    }

    /// The position of each line of its text in the file, if known.
    fn lines(&self, text: &str) -> Vec<u32> {
        let span = self.span();
        match self.style() {
            Style::Literal => literal_lines(self, text),
            // Only for a single line whose text is a slice of the file.
            Style::Plain if span.text() == text => vec![span.start],
            _ => Vec::new(),
        }
    }
}

/// The positions of the lines of a literal block in the file. Empty if the file does not contain the text literally, as with tabs
/// or unusual line breaks.
fn literal_lines(node: &Node, text: &str) -> Vec<u32> {
    let file = &node.span().source().text;
    let start = node.span().start as usize;
    // The text begins on the line after `|` and its indicators and comment.
    let Some(header) = file.get(start..).and_then(|rest| rest.find('\n')) else {
        return Vec::new();
    };
    let mut at = start + header + 1;
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let Some(written) = file.get(at..) else {
            return lines;
        };
        let written = written.split_inclusive('\n').next().unwrap_or("");
        let content = written.trim_end_matches(['\n', '\r']);
        // The indentation is the difference in length of the lines.
        let indentation = content.len().saturating_sub(line.len());
        // A wrong location is worse than none: then, a diagnostic points to the whole value.
        if !content.ends_with(line) && !content.trim().is_empty() {
            return Vec::new();
        }
        lines.push(u32::try_from(at + indentation).unwrap_or(u32::MAX));
        at += written.len();
    }
    lines
}

#[cfg(test)]
mod tests {
    use crate::diag::{Source, Span};
    use crate::parse_one;
    use crate::tree::TreePath;

    #[test]
    fn locations_are_in_the_outer_file() {
        let check = |text: &str, word: &str, expected: &str| {
            let source = Source::new(TreePath::new("k.yaml").unwrap(), text);
            let node = parse_one(&source).unwrap();
            let node = node.get("patch").unwrap();
            for embedded in [node.embedded_source(), node.trimmed_source()] {
                let at = embedded.text.find(word).unwrap();
                let span = Span::new(&embedded, at..at + word.len()).outermost();
                assert_eq!(
                    (span.to_string().as_str(), span.text().contains(word)),
                    (expected, true)
                );
            }
        };
        check("patch: |2\n\n     x: here\n\n", "here", "k.yaml:3:9");
        check(
            "a: 1\npatch: |-\n    x: 1\n\n    y: here\nb: 2\n",
            "here",
            "k.yaml:5:8",
        );
        check(
            "patch: {x: here}\n"
                .replace('{', "'{")
                .replace('}', "}'")
                .as_str(),
            "here",
            "k.yaml:1:8",
        );
        check("patch: here\n", "here", "k.yaml:1:8");
    }
}
