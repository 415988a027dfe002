//! What the reader says of each fault: `tests/yaml/faults.txt` has the texts and the words, in turn.
//!
//! `GOLDEN=update cargo test` accepts the words as they are.

use std::fmt::Write;
use std::path::Path;

use pleach::diag::{Diagnostic, Source};
use pleach::tree::Tree;
use pleach::yaml::{emit_kustomize, parse};

fn words(fault: &Diagnostic) -> String {
    let mut words = format!("error[{}]: {}\n", fault.code, fault.message);
    if let Some(span) = &fault.span {
        let _ = writeln!(words, "  at {span} {:?}", span.text());
    }
    for (span, label) in &fault.related {
        let _ = writeln!(words, "  at {span} {:?}: {label}", span.text());
    }
    fault
        .help
        .iter()
        .for_each(|help| _ = writeln!(words, "  help: {help}"));
    words
}

fn faults(name: &str, text: &str) -> String {
    match parse(&Source::internal(name, text)) {
        Err(faults) => faults.iter().map(words).collect(),
        Ok(documents) => documents
            .iter()
            .filter_map(|it| emit_kustomize(it).err())
            .map(|it| words(&it))
            .collect(),
    }
}

#[test]
fn faults_have_these_messages() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yaml/faults.txt");
    let cases = Tree::from_text(&std::fs::read_to_string(&path).unwrap());
    let mut printed = Tree::new();
    for (path, text) in cases.iter().filter(|it| it.0.as_str().ends_with(".yaml")) {
        let words = faults(path.as_str(), std::str::from_utf8(text).unwrap());
        assert!(!words.is_empty(), "{path} has no fault");
        printed.insert(path.clone(), text.clone());
        let answer = path
            .parent()
            .unwrap()
            .child(&format!("{}.says", path.name()));
        printed.insert(answer, words.into_bytes());
    }
    if std::env::var_os("GOLDEN").is_some_and(|it| it == "update") {
        std::fs::write(&path, printed.to_text()).unwrap();
    }
    pretty(&printed.to_text(), &cases.to_text());
}

fn pretty(found: &str, expected: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}
