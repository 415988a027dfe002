//! The reader: parses text to nodes with spans, like the Go port of libyaml.
//!
//! `scan` produces tokens, `scalar` and `block` their texts, `parse` follows the grammar, and `build` completes the nodes. Where
//! libyaml differs from the YAML specification, the reader follows libyaml, as the other tools do.

mod attach;
mod block;
mod build;
mod comments;
mod fault;
pub(crate) mod keys;
mod parse;
mod property;
mod scalar;
mod scan;

pub use attach::Comments;
pub use keys::duplicate_key;

use std::ops::Range;
use std::sync::Arc;

use self::attach::Attacher;
use self::build::Anchors;
use self::parse::Parser;
use self::scan::Scanner;
use super::Node;
use crate::diag::{Class, Diagnostic, Diagnostics, MERGE_CONFLICT, Source, Span, conflict_marker};

/// A document as its author wrote it.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its value. An alias is a plain scalar `*name`; merge keys and duplicate keys are kept, and a key may be a map or list.
    pub document: Node,
    /// Its comments, by node.
    pub comments: Comments,
}

/// The documents to read, and their form.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    All,
    First,
    /// The first document as written.
    Written,
    /// The first document as in go-yaml v2: of equal keys, including merged ones, the last entry takes precedence, and duplicates
    /// are not reported.
    GoYamlV2,
}

/// Reads all documents of a file, in order. An empty document is a null.
///
/// Aliases and merge keys are expanded. A missing value is a null with empty text and a location; inside `{…}` and `[…]`, it has
/// [`Style::Flow`](super::Style::Flow), because kustomize prints `""` there.
///
/// Errors: `yaml-syntax`, `duplicate-key` and `yaml-limit`, or only `merge-conflict`. All duplicate keys and the first syntax error
/// are reported.
pub fn parse(source: &Arc<Source>) -> Result<Vec<Node>, Diagnostics> {
    read(source, 0..source.text.len(), Mode::All).map(|it| it.0)
}

/// Reads the documents in a part of a file. Errors: as for [`parse`].
pub fn parse_within(source: &Arc<Source>, part: Range<usize>) -> Result<Vec<Node>, Diagnostics> {
    read(source, part, Mode::All).map(|it| it.0)
}

/// Reads the first document of a file without interpreting it, so that it can be written again. `None` if there is no document.
pub fn parse_as_written(source: &Arc<Source>) -> Result<Option<Written>, Diagnostics> {
    let (mut documents, comments) = read(source, 0..source.text.len(), Mode::Written)?;
    Ok(documents
        .pop()
        .map(|document| Written { document, comments }))
}

/// Reads the comments of the document that a node comes from; none if the node was not in a document.
pub fn comments_around(node: &Node) -> Comments {
    let span = node.span();
    let document = document_at(&span.source().text, span.start as usize);
    let read = read(span.source(), document, Mode::Written);
    read.map_or_else(|_| Comments::default(), |it| it.1)
}

/// The range of the document at a position, with the marker at its beginning.
fn document_at(text: &str, at: usize) -> Range<usize> {
    let is_marker = |at: &usize| {
        let rest = text.get(*at..).unwrap_or("");
        let rest = rest.strip_prefix("---");
        rest.is_some_and(|it| it.is_empty() || it.starts_with([' ', '\t', '\r', '\n']))
    };
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    let breaks = before.rmatch_indices('\n').map(|it| it.0 + 1);
    let start = breaks.chain([0]).find(is_marker).unwrap_or(0);
    let breaks = after.match_indices('\n').map(|it| at + it.0 + 1);
    start..{ breaks }.find(is_marker).unwrap_or(text.len())
}

/// Reads the first document of a text like go-yaml v2, which Helm uses; `None` if there is no document.
///
/// A mapping may contain duplicate keys, of which the last one is used. The entries of a merge key are at its position. A key may
/// be a map or list. Unquoted scalars are not resolved here; the rules differ from those of [`resolve`](super::resolve).
///
/// Errors: `yaml-syntax` and `yaml-limit`.
pub fn parse_as_go_yaml_v2(source: &Arc<Source>) -> Result<Option<Node>, Diagnostics> {
    parse_within_as_go_yaml_v2(source, 0..source.text.len())
}

/// Reads the first document in a part of a file like [`parse_as_go_yaml_v2`].
pub fn parse_within_as_go_yaml_v2(
    source: &Arc<Source>,
    part: Range<usize>,
) -> Result<Option<Node>, Diagnostics> {
    check_characters(source, part.clone())?;
    let scanner = Scanner::new(source, part, false);
    let anchors = Anchors::new(scanner.text.get(scanner.at..).unwrap_or(""));
    let (mut documents, faults) = Parser::new(scanner, anchors, Mode::GoYamlV2).documents();
    match faults.is_empty() {
        true => Ok(documents.pop()),
        false => Err(faults),
    }
}

/// Reads a file with one document; a file without any is a null. Empty documents after it are ignored: a final `---` is common.
pub fn parse_one(source: &Arc<Source>) -> Result<Node, Diagnostics> {
    let mut documents = parse(source)?;
    drop_empty_tail(&mut documents);
    match documents.len() {
        0 => Ok(Node::null().at(Span::new(source, 0..0))),
        1 => Ok(documents.remove(0)),
        _ => Err(
            Diagnostic::error("yaml-syntax", "expected one document, found several")
                .class(Class::SeveralDocuments)
                .at(documents[1].span().start())
                .help("move the documents after `---` to separate files")
                .into(),
        ),
    }
}

/// Removes empty documents after the first one.
fn drop_empty_tail(documents: &mut Vec<Node>) {
    while documents.len() > 1 && documents.last().is_some_and(Node::is_null) {
        documents.pop();
    }
}

/// Reads all documents like [`parse`], but accepts duplicate keys: both entries are in the map, and the diagnostics report them.
pub fn parse_with_duplicates(
    source: &Arc<Source>,
) -> Result<(Vec<Node>, Diagnostics), Diagnostics> {
    let only_duplicates = |it: &Diagnostics| it.iter().all(|it| it.class == Class::DuplicateKey);
    match parse(source) {
        // With any error, the reader returns no documents, so the file is read again in this rare case.
        Err(faults) if only_duplicates(&faults) => {
            let anchors = Anchors::new(&source.text);
            let scanner = Scanner::new(source, 0..source.text.len(), false);
            Ok(Parser::new(scanner, anchors, Mode::All).documents())
        }
        other => other.map(|documents| (documents, Diagnostics::default())),
    }
}

/// Reads a file with one document like [`parse_one`], but accepts duplicate keys.
pub fn parse_one_with_duplicates(source: &Arc<Source>) -> Result<(Node, Diagnostics), Diagnostics> {
    let (mut documents, duplicates) = parse_with_duplicates(source)?;
    drop_empty_tail(&mut documents);
    match documents.len() {
        1 => Ok((documents.remove(0), duplicates)),
        _ => parse_one(source).map(|node| (node, duplicates)),
    }
}

/// Reads a file like kustomize: the text is first split at `---` lines, and only the first document of each part is read, so a
/// document after `...` is ignored. Parts without a document, and nulls, are skipped.
pub fn parse_as_kustomize(source: &Arc<Source>) -> Result<Vec<Node>, Diagnostics> {
    let (mut documents, mut faults) = (Vec::new(), Diagnostics::default());
    let mut piece = 0..0;
    for line in source.text.split_inclusive('\n') {
        let start = piece.end;
        piece.end += line.len();
        // kyaml splits with the pattern `\n---.*\n`, so a marker on the first line, or without a line break at the end of the file,
        // does not split.
        let cuts = start > piece.start && line.starts_with("---") && line.ends_with('\n');
        if !cuts {
            continue;
        }
        let rest = line[3..].trim();
        if rest.is_empty() || rest.starts_with('#') {
            gather(source, piece.start..start, &mut documents, &mut faults);
            piece.start = piece.end;
        } else {
            let fault =
                Diagnostic::error("yaml-syntax", "kustomize allows only a comment after `---`");
            faults.push(
                fault
                    .at(Span::new(source, start..piece.end))
                    .help("begin the document on the next line"),
            );
        }
    }
    gather(source, piece, &mut documents, &mut faults);
    if faults.is_empty() {
        Ok(documents)
    } else {
        Err(faults)
    }
}

fn gather(
    source: &Arc<Source>,
    piece: Range<usize>,
    documents: &mut Vec<Node>,
    faults: &mut Diagnostics,
) {
    // Spans are relative to the whole file.
    match read(source, piece, Mode::First) {
        Ok((read, _)) => documents.extend(read.into_iter().filter(|it| !it.is_null())),
        Err(more) => faults.extend(more),
    }
}

/// The documents, and with [`Mode::Written`] the comments of the first one.
fn read(
    source: &Arc<Source>,
    range: Range<usize>,
    mode: Mode,
) -> Result<(Vec<Node>, Comments), Diagnostics> {
    check_characters(source, range.clone())?;
    let attacher = (mode == Mode::Written)
        .then(|| Attacher::new(comments::find(source, range.clone()), source));
    let scanner = Scanner::new(source, range, attacher.is_some());
    let anchors = Anchors::new(scanner.text.get(scanner.at..).unwrap_or(""));
    let mut parser = Parser::new(scanner, anchors, mode);
    parser.attacher = attacher;
    let (documents, faults) = parser.documents();
    // Before other errors, because a marker causes many that do not explain the problem.
    if let Some(conflict) = conflict(source, &documents, &faults) {
        return Err(conflict.into());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok((documents, parser.comments))
}

/// The error for conflict markers, if there are syntax errors or a document is a marker.
fn conflict(source: &Arc<Source>, documents: &[Node], faults: &Diagnostics) -> Option<Diagnostic> {
    let is_marker = |it: &Node| it.as_str().is_some_and(|it| it.starts_with("<<<<<<< "));
    // A file with markers nearly always has errors, so valid files are not searched.
    if faults.is_empty() && !documents.iter().any(is_marker) {
        return None;
    }
    let marker = conflict_marker(source.text.as_bytes())?;
    let message = "the file contains merge conflict markers";
    let help = "merge the two sides; write generated files again with `pleach render --force`";
    let fault = Diagnostic::error(MERGE_CONFLICT, message)
        .class(Class::MergeConflict)
        .at(Span::new(source, marker));
    Some(fault.help(help))
}

/// Rejects characters that are not allowed in YAML: nearly all control characters.
fn check_characters(source: &Arc<Source>, range: Range<usize>) -> Result<(), Diagnostics> {
    if u32::try_from(source.text.len()).is_err() {
        let fault =
            Diagnostic::error("yaml-limit", "the file is larger than 4 GiB").class(Class::Limit);
        return Err(fault
            .at(Span::new(source, 0..0))
            .help("split the file")
            .into());
    }
    let text = source.text.get(range.clone()).unwrap_or("");
    // For nearly all files, these two passes are enough.
    let control = |byte: u8| {
        (byte < b' ') & (byte != b'\n') & (byte != b'\t') & (byte != b'\r') | (byte == 0x7f)
    };
    let suspect = text
        .bytes()
        .fold(false, |found, byte| found | control(byte));
    // The forbidden non-ASCII characters begin with these bytes: U+0080 to U+009F, and U+FFFE and U+FFFF.
    let mut leads = memchr::memchr2_iter(0xC2, 0xEF, text.as_bytes());
    let refused = |at: usize| {
        text.get(at..)
            .and_then(|it| it.chars().next())
            .is_some_and(|c| !is_allowed(c))
    };
    if !suspect && !leads.any(refused) {
        return Ok(());
    }
    let Some((at, c)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) else {
        return Ok(());
    };
    let at = range.start + at;
    let message = format!(
        "the control character U+{:04X} is not allowed in YAML",
        c as u32
    );
    Err(Diagnostic::error("yaml-syntax", message)
        .at(Span::new(source, at..at + c.len_utf8()))
        .help("remove it, or write it as an escape in double quotes")
        .into())
}

fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Style};

    fn source(text: &str) -> Arc<Source> {
        Source::internal("t.yaml", text)
    }

    /// Compares parsed documents in Rust's debug format.
    fn check(text: &str, expected: &str) {
        let documents = parse(&source(text)).expect(text);
        let shown: Vec<String> = documents.iter().map(|it| format!("{it:?}")).collect();
        assert_eq!(shown.join(" --- "), expected, "{text:?}");
    }

    #[test]
    fn block_texts() {
        check(
            "a: |\n  b\n   c\n\n\nd: >-\n  e\n  f\n\n  g\n",
            r#"{"a": "b\n c\n", "d": "e f\ng"}"#,
        );
        check(
            "a: |+\n  b\n\n\nc: |2-\n    d\n",
            r#"{"a": "b\n\n\n", "c": "  d"}"#,
        );
        check(
            "a: |\n  without a line break at the end",
            r#"{"a": "without a line break at the end"}"#,
        );
    }

    #[test]
    fn quoted_and_plain_texts_over_several_lines() {
        check(
            "a: \"b\nc  \n\n d\\\n  e\"\nf: 'g\n\n\n  h'\n",
            r#"{"a": "b c\nde", "f": "g\n\nh"}"#,
        );
        check(
            "a: b\n  c\n\n  d # e\nf: g#h:i\n",
            r#"{"a": "b c\nd", "f": "g#h:i"}"#,
        );
    }

    #[test]
    fn line_breaks_and_marks_of_all_kinds() {
        check(
            "\u{feff}a: b\r\nc: |\r\n  d\r\n  e\r\n",
            r#"{"a": "b", "c": "d\ne\n"}"#,
        );
        check(
            "a: b\u{85}c: 'd\u{2028}e'\rf: g\u{2029}",
            "{\"a\": \"b\", \"c\": \"d\\u{2028}e\", \"f\": \"g\"}",
        );
    }

    #[test]
    fn documents_with_and_without_markers() {
        check(
            "a\n---\n# none\n---\nb\n...\n...\n%TAG !e! tag:yaml.org,2002:\n--- !e!str 1\n",
            r#""a" ---  --- "b" --- "1""#,
        );
        check("# nothing\n", "");
    }

    #[test]
    fn aliases_and_merge_keys_are_expanded() {
        let text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 5\nw: *y\n";
        check(
            text,
            r#"{"x": {"a": 1, "b": 2}, "y": {"b": 3, "c": 4}, "z": {"a": 5, "b": 2, "c": 4}, "w": {"b": 3, "c": 4}}"#,
        );
        check("'<<': a\n", r#"{"<<": "a"}"#);
    }

    #[test]
    fn missing_values_are_nulls_in_their_location() {
        let source = source("a:\nb: {c: , d}\n? e\n");
        let node = parse_one(&source).expect("valid");
        let location = |keys: &[&str]| {
            node.at_keys(keys)
                .map(|it| (it.kind(), it.style(), it.span().range()))
        };
        assert_eq!(location(&["a"]), Some((Kind::Null, Style::Plain, 2..2)));
        assert_eq!(
            location(&["b", "c"]),
            Some((Kind::Null, Style::Flow, 10..10))
        );
        assert_eq!(
            location(&["b", "d"]),
            Some((Kind::Null, Style::Flow, 13..13))
        );
        assert_eq!(location(&["e"]), Some((Kind::Null, Style::Plain, 19..19)));
    }

    #[test]
    fn locations_are_those_of_tags_signs_and_brackets() {
        let source = source("a: &x !!str b # c\nd: |\n  e\n\nf:\n- {g: h}\n");
        let written = parse_as_written(&source).expect("valid").expect("there");
        let text = |keys: &[&str]| written.document.at_keys(keys).map(|it| it.span().text());
        assert_eq!(text(&["a"]), Some("&x !!str b"));
        assert_eq!(text(&["d"]), Some("|\n  e"));
        assert_eq!(text(&["f"]), Some("- {g: h}"));
        let comments = written
            .document
            .get("a")
            .and_then(|it| written.comments.of(it));
        assert_eq!(comments.map(|it| it.line.as_str()), Some("# c"));
    }

    #[test]
    fn go_yaml_v2_lets_the_last_entry_win() {
        let text =
            "a: &x {b: 1}\nc: {b: 2, <<: *x}\nd: {<<: [{e: 1}, {e: 2}], b: 3}\na: 4\n---\n: }";
        let document = parse_as_go_yaml_v2(&source(text))
            .expect("valid")
            .expect("there");
        assert_eq!(
            format!("{document:?}"),
            r#"{"a": {"b": 1}, "c": {"b": 2, "b": 1}, "d": {"e": 2, "e": 1, "b": 3}, "a": 4}"#
        );
        assert!(
            parse_as_go_yaml_v2(&source("# nothing\n"))
                .expect("valid")
                .is_none()
        );
    }

    #[test]
    fn kustomize_reads_each_document_separately() {
        let text = "---\na: 1\n...\nlost: 2\n--- # c\n# none\n---\nb: |\n  c\n";
        let documents = parse_as_kustomize(&source(text)).expect("valid");
        assert_eq!(format!("{documents:?}"), r#"[{"a": 1}, {"b": "c\n"}]"#);
    }
}
