//! Properties of reports: no text and no span causes a panic, and long lines are shortened.

use std::sync::Arc;

use pleach::diag::{Diagnostic, Diagnostics, Source, Span};
use pleach::report::{Format, View, report};
use pleach::secret::without_secrets;
use pleach::tree::TreePath;
use proptest::prelude::*;

fn plain() -> View<'static> {
    View {
        display: &|path| path.to_string(),
        color: false,
    }
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
        let spans: Vec<Span> = spans.iter().map(|it| unchecked_span(&source, *it)).collect();
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
                // Random characters can look like a password in an address.
                let shown = without_secrets(&words);
                prop_assert_eq!(json["diagnostics"][0]["message"].as_str(), Some(&*shown));
            }
        }
    }
}

/// A span with any two offsets: reversed, inside a character, or after the end.
fn unchecked_span(source: &Arc<Source>, (start, end): (u32, u32)) -> Span {
    Span::from_offsets(source, start, end)
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

#[test]
fn the_help_of_a_shortened_report_depends_on_the_findings() {
    let many = |last: Diagnostic| {
        let notes = (0..300).map(|at| Diagnostic::note("removed-claim", format!("note {at}")));
        notes.chain([last]).collect::<Diagnostics>()
    };
    let notes = many(Diagnostic::note("removed-claim", "one more"));
    let printed = report(&notes, Format::Human, &plain());
    assert!(
        printed.contains("only 200 of 301 findings are shown"),
        "{printed}"
    );
    assert!(
        printed.contains("`--format json` lists up to 2000"),
        "{printed}"
    );
    assert!(!printed.contains("fix these"), "{printed}");
    let errors = many(Diagnostic::error("missing-file", "an error"));
    let printed = report(&errors, Format::Human, &plain());
    assert!(printed.contains("fix these first"), "{printed}");
}
