//! Texts of diagnostics: `tests/report/*.txt`, and the law that no text and no span makes a report panic.
//!
//! A case has the user's files, a section `diagnostics`, and a section for each format with the text it must give.
//! A diagnostic is a line `severity code: message` with lines `at`, `label`, `related` and `help` below it; a place is
//! `path "the text there"`.

use std::sync::Arc;

use pleach::diag::{Diagnostic, Diagnostics, Severity, Source, Span};
use pleach::report::{Format, View, report};
use pleach::tree::{Tree, TreePath};
use proptest::prelude::*;

use crate::cases;

const CODES: [&str; 3] = ["unknown-claim-field", "two-owners", "floating-version"];

#[test]
fn cases_look_as_they_should() {
    cases::run("tests/report", |case| {
        let diagnostics = diagnostics(case);
        for format in Format::ALL {
            let text = report(&diagnostics, *format, &plain());
            case.insert(TreePath::new(format.name()).unwrap(), text.into_bytes());
        }
    });
}

fn plain() -> View<'static> {
    View {
        display: &|path| path.to_string(),
        color: false,
    }
}

fn diagnostics(case: &Tree) -> Diagnostics {
    let text = case.get(&TreePath::new("diagnostics").unwrap()).unwrap();
    let mut list: Vec<Diagnostic> = Vec::new();
    for line in str::from_utf8(text).unwrap().lines() {
        let (word, rest) = line.split_once(' ').unwrap();
        match word {
            "error" | "warning" | "note" => list.push(begin(word, rest)),
            _ => {
                let it = list.pop().unwrap();
                list.push(more(it, word, rest, case));
            }
        }
    }
    let mut diagnostics = Diagnostics::default();
    diagnostics.extend(list);
    diagnostics
}

fn begin(severity: &str, rest: &str) -> Diagnostic {
    let (code, message) = rest.split_once(": ").unwrap();
    let code = CODES.iter().find(|it| **it == code).unwrap();
    let mut it = Diagnostic::error(code, message);
    it.severity = match severity {
        "error" => Severity::Error,
        "warning" => Severity::Warning,
        _ => Severity::Note,
    };
    it
}

fn more(it: Diagnostic, word: &str, rest: &str, case: &Tree) -> Diagnostic {
    match word {
        "at" => it.at(place(rest, case).0),
        "label" => it.label(rest.to_string()),
        "related" => {
            let (span, words) = place(rest, case);
            it.related(span, words)
        }
        "help" => it.help(rest),
        word => panic!("no such line: {word}"),
    }
}

/// `path "the text there" words`; `$` for the end of the file.
fn place(rest: &str, case: &Tree) -> (Span, String) {
    let (path, rest) = rest.split_once(" \"").unwrap();
    let (needle, words) = rest.split_once('"').unwrap();
    let path = TreePath::new(path).unwrap();
    let text = str::from_utf8(case.get(&path).unwrap()).unwrap();
    let needle = needle.replace("\\n", "\n").replace("\\t", "\t");
    let range = match &*needle {
        "$" => text.len()..text.len(),
        needle => text.find(needle).map(|at| at..at + needle.len()).unwrap(),
    };
    (
        Span::new(&Source::new(path.clone(), text), range),
        words.trim().to_string(),
    )
}

proptest! {
    #[test]
    fn no_text_and_no_span_panics(
        text in "(\\PC|[\t\r\n\u{0}\u{200d}\u{1b}é漢]){0,60}",
        words in "(\\PC|[\t\r\n]){0,12}",
        spans in prop::collection::vec((0u32..80, 0u32..80), 1..4),
        color: bool,
    ) {
        let source = Source::new(TreePath::new("a.yaml").unwrap(), text);
        let spans: Vec<Span> = spans.iter().map(|it| wild(&source, *it)).collect();
        let mut it = Diagnostic::error("two-owners", words.clone()).at(&spans[0]).label(words.clone());
        for span in &spans[1..] {
            it = it.related(span, words.clone());
        }
        let diagnostics = Diagnostics::from(it.help(words.clone()));
        for format in Format::ALL {
            let view = View { color, ..plain() };
            let text = report(&diagnostics, *format, &view);
            prop_assert!(!text.is_empty());
            if *format == Format::Json {
                let json: serde_json::Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(json["diagnostics"][0]["message"].as_str(), Some(&*words));
            }
        }
    }
}

/// Any two numbers: reversed, inside a character, after the end.
fn wild(source: &Arc<Source>, (start, end): (u32, u32)) -> Span {
    Span {
        source: source.clone(),
        start,
        end,
    }
}

#[test]
fn long_lines_are_cut() {
    let text = format!(
        "a: {}needle{}\n",
        "x".repeat(5_000_000),
        "y".repeat(5_000_000)
    );
    let short = format!("a: {}needle{}\n", "x".repeat(500), "y".repeat(500));
    for text in [text, short] {
        let at = text.find("needle").unwrap();
        let source = Source::new(TreePath::new("a.yaml").unwrap(), text);
        let it = Diagnostic::error("two-owners", "x").at(Span::new(&source, at..at + 6));
        let text = report(&it.into(), Format::Human, &plain());
        assert!(text.len() < 1000, "{}", text.len());
        assert!(text.contains(&format!("a.yaml:1:{}", at + 1)), "{text}");
    }
}
