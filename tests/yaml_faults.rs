//! The report of the YAML reader for each fault: `tests/yaml/faults.txt` contains texts, each followed by its report.
//!
//! `GOLDEN=update cargo test` accepts the current reports.

use std::fmt::Write;
use std::path::Path;

use pleach::diag::{Diagnostic, Source};
use pleach::tree::Tree;
use pleach::yaml::{emit_kustomize, parse};

fn report(fault: &Diagnostic) -> String {
    let mut report = format!("error[{}]: {}\n", fault.code, fault.message);
    if let Some(span) = &fault.span {
        let _ = writeln!(report, "  at {span} {:?}", span.text());
    }
    for (span, label) in &fault.related {
        let _ = writeln!(report, "  at {span} {:?}: {label}", span.text());
    }
    fault
        .help
        .iter()
        .for_each(|help| _ = writeln!(report, "  help: {help}"));
    report
}

fn faults(name: &str, text: &str) -> String {
    match parse(&Source::internal(name, text)) {
        Err(faults) => faults.iter().map(report).collect(),
        Ok(documents) => documents
            .iter()
            .filter_map(|it| emit_kustomize(it).err())
            .map(|it| report(&it))
            .collect(),
    }
}

#[test]
fn faults_have_these_messages() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yaml/faults.txt");
    let cases = Tree::from_text(&std::fs::read_to_string(&path).unwrap());
    let mut printed = Tree::new();
    for (path, text) in cases.iter().filter(|it| it.0.as_str().ends_with(".yaml")) {
        let report = faults(path.as_str(), std::str::from_utf8(text).unwrap());
        assert!(!report.is_empty(), "{path} has no fault");
        printed.insert(path.clone(), text.clone());
        let report_path = path
            .parent()
            .unwrap()
            .child(&format!("{}.report", path.name()));
        printed.insert(report_path, report.into_bytes());
    }
    if std::env::var_os("GOLDEN").is_some_and(|it| it == "update") {
        std::fs::write(&path, printed.to_text()).unwrap();
    }
    assert_same_lines(&printed.to_text(), &cases.to_text());
}

fn assert_same_lines(found: &str, expected: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}
