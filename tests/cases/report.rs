//! Reports of diagnostics: `tests/report/*.txt`.
//!
//! A case has the user's files, a section `diagnostics`, and a section with the report in each format.
//! A diagnostic is a line `severity code: message` with lines `at`, `label`, `related`, `help` and `instead` (a replacement of the
//! text at `at`) below it; a place is `path "the text there"`.

use pleach::diag::{Diagnostic, Diagnostics, Edit, Severity, Source, Span};
use pleach::report::{Format, View, report};
use pleach::tree::{Tree, TreePath};

const CODES: [&str; 3] = ["unknown-claim-field", "two-owners", "floating-version"];

pub(crate) fn make(case: &mut Tree) {
    let view = View {
        display: &|path| path.to_string(),
        color: false,
    };
    let diagnostics = diagnostics(case);
    for format in Format::ALL {
        let text = report(&diagnostics, *format, &view);
        case.insert(TreePath::new(format.name()).unwrap(), text.into_bytes());
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
        "instead" => {
            let edit = it.span.clone().map(|at| Edit::new(at, rest));
            it.fix(format!("did you mean `{rest}`?"), edit)
        }
        word => panic!("no such line: {word}"),
    }
}

/// Reads `path "the text there" words`; `$` is the end of the file.
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
