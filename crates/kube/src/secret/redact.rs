//! The ranges of secrets in a file.

use std::ops::Range;
use std::sync::Arc;

use pleach_yaml::diag::{Source, Span};
use pleach_yaml::{Node, Style, parse_with_duplicates};

use super::locations::{Visitor, walk};
use super::references::is_reference;
use super::shapes::{merged, secret_parts, secret_parts_of_code};
use super::template;

/// The text of a file with a replacement for each secret. A secret of several lines is replaced as a whole.
pub fn redact(source: &Arc<Source>, replacement: impl Fn(&str) -> String) -> String {
    let (mut out, mut done) = (String::with_capacity(source.text.len()), 0);
    for part in secret_ranges(source) {
        let text = source.text.get(part.clone()).unwrap_or("");
        let blank = text.len() - text.trim_start().len();
        let (before, value) = text.split_at(blank);
        let value = value.trim_end();
        out.push_str(source.text.get(done..part.start).unwrap_or(""));
        out.push_str(before);
        if !value.is_empty() {
            out.push_str(&replacement(value));
        }
        done = part.start + blank + value.len();
    }
    out.push_str(source.text.get(done..).unwrap_or(""));
    out
}

/// The ranges of the secrets in a source, in order.
pub(super) fn secret_ranges(source: &Arc<Source>) -> Vec<Range<usize>> {
    let (ranges, guessed) = certain_and_guessed_ranges(source);
    merged([ranges, guessed].concat())
}

/// The ranges of the secrets in a source, and for invalid YAML also the ranges of values that may be secret.
pub(super) fn certain_and_guessed_ranges(
    source: &Arc<Source>,
) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
    let text = &source.text;
    if source.is_template() {
        return (ranges_in_template(source), Vec::new());
    }
    if let Some(ranges) = ranges_in_yaml(source) {
        return (ranges, Vec::new());
    }
    let guessed = ranges_in_lines(text);
    let parts = secret_parts(text);
    let is_all = parts.first().is_some_and(|it| *it == (0..text.len()));
    match is_all && !guessed.is_empty() {
        true => (Vec::new(), guessed),
        false => (parts, guessed),
    }
}

fn ranges_in_template(source: &Arc<Source>) -> Vec<Range<usize>> {
    let text = &source.text;
    let ranges = ranges_in_yaml(source).unwrap_or_else(|| {
        let mut ranges = template::ranges_in_data(text);
        ranges.extend(secret_parts_of_code(text));
        ranges
    });
    template::without_code(text, ranges)
}

/// The ranges of the secrets; `None` if the source is not valid YAML.
fn ranges_in_yaml(source: &Arc<Source>) -> Option<Vec<Range<usize>>> {
    let text = &source.text;
    let (documents, _) = parse_with_duplicates(source).ok()?;
    let mut ranges = ranges_in(&documents, 0);
    ranges.extend(ranges_in_comments(text));
    Some(merged(ranges))
}

fn ranges_in_comments(text: &str) -> Vec<Range<usize>> {
    let (mut ranges, mut at) = (Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        if let Some(comment) = line.find('#') {
            let start = at + comment;
            let parts = secret_parts(line.get(comment..).unwrap_or(""));
            ranges.extend(parts.iter().map(|it| start + it.start..start + it.end));
        }
        at += line.len();
    }
    ranges
}

/// The maximum depth of texts embedded in texts. Deeper ones count as secret.
const EMBEDDED_MAX: usize = 4;

fn ranges_in(documents: &[Node], depth: usize) -> Vec<Range<usize>> {
    let ranges = Vec::new();
    let mut found = Found { ranges, depth };
    for document in documents {
        walk(document, &mut found);
    }
    found.ranges
}

struct Found {
    ranges: Vec<Range<usize>>,
    /// The number of texts that the current text is embedded in.
    depth: usize,
}

impl Found {
    /// Adds the range of a scalar, without the header of a block.
    fn push(&mut self, node: &Node) {
        let span = node.span();
        let (mut range, text) = (span.range(), span.text());
        if matches!(node.style(), Style::Literal | Style::Folded) {
            range.start += text.find('\n').unwrap_or(0);
        }
        self.ranges.push(range);
    }
}

impl Visitor for Found {
    fn whole(&mut self, node: &Node) -> Node {
        self.push(node);
        Node::null()
    }

    fn text(&mut self, node: &Node, text: &str) -> Option<Node> {
        let parts = secret_parts(text);
        if parts.is_empty() {
            return None;
        }
        let is_all = parts.first().is_some_and(|it| *it == (0..text.len()));
        let span = node.span();
        if is_all {
            self.embedded(node);
        } else if span.text().contains(text) {
            let before = span.text().find(text).unwrap_or(0);
            let start = span.start as usize + before;
            let shift = |it: &Range<usize>| start + it.start..start + it.end;
            self.ranges.extend(parts.iter().map(shift));
        } else {
            let locations = lines_of(node);
            let ranges = parts.iter().map(|part| locations(part.clone()));
            self.ranges.extend(ranges);
        }
        None
    }

    fn part(&mut self, node: &Node, part: Range<usize>) -> Node {
        let (span, text) = (node.span(), node.as_str().unwrap_or(""));
        match span.text().find(text) {
            Some(before) => {
                let start = span.start as usize + before;
                self.ranges.push(start + part.start..start + part.end);
            }
            None => self.push(node),
        }
        Node::null()
    }
}

impl Found {
    /// Adds the secrets of an embedded text: for the manifest of a Secret only its values, if they have a location in the file.
    fn embedded(&mut self, node: &Node) {
        let inner = node.embedded_source();
        let documents = match self.depth < EMBEDDED_MAX {
            true => parse_with_duplicates(&inner).map(|it| it.0),
            false => Ok(Vec::new()),
        };
        // If it is not a manifest, it is a document with a single scalar.
        let mut manifests = documents.unwrap_or_default();
        manifests.retain(|it| !it.is_scalar());
        let ranges = ranges_in(&manifests, self.depth + 1);
        if ranges.is_empty() {
            return self.push(node);
        }
        let location = lines_of(node);
        self.ranges.extend(ranges.into_iter().map(location));
    }
}

/// Maps a range of a scalar's text to the file.
fn lines_of(node: &Node) -> impl Fn(Range<usize>) -> Range<usize> {
    let inner = node.embedded_source();
    let whole = node.span().range();
    move |range| {
        let span = Span::new(&inner, range.clone()).outermost().range();
        // The mapping is per line.
        let end = Span::new(&inner, range.end..range.end).outermost().range();
        match span.start < whole.start || span.end > whole.end || span.is_empty() {
            true => whole.clone(),
            false => span.start..span.end.max(end.start),
        }
    }
}

/// For invalid YAML: the ranges of all values in documents that may contain Secrets.
fn ranges_in_lines(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let marks = ["secret", "stringdata"];
    if !marks.iter().any(|it| lower.contains(it)) {
        return Vec::new();
    }
    let (mut ranges, mut at) = (Vec::new(), 0);
    for line in text.split_inclusive('\n') {
        ranges.extend(value_in_line(line).map(|it| at + it.start..at + it.end));
        at += line.len();
    }
    ranges
}

/// The value in a line: what follows the key, or the whole line. `None` if it cannot be secret.
pub(super) fn value_in_line(line: &str) -> Option<Range<usize>> {
    let bare = line.trim_end();
    let content = bare.trim_start_matches([' ', '\t', '-']);
    let indent = bare.len() - content.len();
    let key = content.find([':', '=']).map(|it| it + 1);
    let name = key.and_then(|it| content.get(..it - 1)).unwrap_or("");
    let value = content.get(key.unwrap_or(0)..).unwrap_or("");
    let is_open = matches!(
        name.trim_matches(['"', '\'']),
        "apiVersion" | "kind" | "name" | "namespace" | "type" | "metadata"
    );
    let is_mark = value.trim().is_empty() || matches!(value.trim(), "|" | "|-" | ">" | ">-");
    let is_conflict = ["<<<<<<<", "=======", ">>>>>>>", "|||||||", "---"]
        .iter()
        .any(|it| bare.starts_with(it));
    let is_known = is_open || is_mark || is_conflict || is_reference(value);
    let begin = indent + key.unwrap_or(0) + (value.len() - value.trim_start().len());
    (!is_known && !content.starts_with('#')).then_some(begin..bare.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redacted(text: &str) -> String {
        redact(&Source::internal("test", text), |_| "***".to_string())
    }

    #[test]
    fn a_document_that_is_a_secret_itself() {
        let key = "-----BEGIN RSA PRIVATE KEY-----\nabcdefgh\n-----END RSA PRIVATE KEY-----\n";
        assert!(!redacted(key).contains("abcdefgh"));
        assert!(!redacted(&format!("a: |\n  {}", key.replace('\n', "\n  "))).contains("abcdefgh"));
    }

    #[test]
    fn manifests_in_manifests_are_hidden_at_any_depth() {
        let mut text = "kind: Secret\nstringData: {a: opensesame}\n".to_string();
        for _ in 0..60 {
            let inner = text.replace('\n', "\n  ");
            text = format!(
                "kind: Secret\nmetadata:\n  annotations:\n    b: |\n      {}\n",
                inner.replace('\n', "\n    ")
            );
        }
        assert!(!redacted(&text).contains("opensesame"));
    }
}
