//! Compares the validator's verdicts with those of a real API server. The number of wrong verdicts may only shrink.
//!
//! The corpus is in a folder beside the project. Its format is described in `../shared/conformance/api/README.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use pleach::diag::Source;
use pleach::validate::{Catalog, Encoding, Verdict};
use pleach::yaml::{Node, parse};
use serde_json::Value;

/// The minor version of the Kubernetes server that gave the verdicts.
const MINOR: u32 = 34;

/// How many of the 3,843 verdicts may be wrong. Lower it when fewer are wrong.
///
/// Most of them are right for Kubernetes 1.36, or for a request without `dryRun`.
const WRONG_MAX: usize = 7;

/// A wrong verdict.
struct Wrong {
    /// Whether the server accepts the object.
    is_accepted: bool,
    rule: String,
    kind: String,
    line: String,
}

#[test_with::path("../shared/conformance/api")]
#[test]
fn verdicts_agree_with_the_api_server() {
    let cases = cases();
    assert!(!cases.is_empty(), "no cases in ../shared/conformance/api");
    let catalog = Catalog::new(Some(MINOR));
    let wrong: Vec<Wrong> = cases.iter().filter_map(|it| wrong(it, &catalog)).collect();
    let rate = 100.0 * wrong.len() as f64 / cases.len() as f64;
    let report = report(&wrong);
    println!(
        "{} of {} verdicts wrong ({rate:.2} %)\n{report}",
        wrong.len(),
        cases.len()
    );
    assert!(
        wrong.len() <= WRONG_MAX,
        "{} wrong, at most {WRONG_MAX} expected\n{report}",
        wrong.len()
    );
}

fn wrong(case: &Value, catalog: &Catalog) -> Option<Wrong> {
    let text = |key: &str| case[key].as_str().unwrap_or("").to_owned();
    let is_accepted = text("verdict") == "accepted";
    let faults = faults_of(case, catalog);
    (is_accepted != faults.is_empty()).then(|| Wrong {
        is_accepted,
        rule: text("rule"),
        kind: text("kind"),
        line: match is_accepted {
            true => format!("{}: {}", text("id"), faults.join("; ")),
            false => format!("{}: {}", text("id"), text("message")),
        },
    })
}

/// The faults that the validator finds in an object.
fn faults_of(case: &Value, catalog: &Catalog) -> Vec<String> {
    let (text, encoding) = match case["text"].as_str() {
        Some(text) => (text.to_owned(), Encoding::Yaml),
        None => (case["object"].to_string(), Encoding::Json),
    };
    let documents = match parse(&Source::internal("object", text)) {
        Ok(documents) => documents,
        Err(faults) => return faults.iter().map(|it| it.message.clone()).collect(),
    };
    let objects: Vec<Node> = documents.into_iter().filter(|it| !it.is_null()).collect();
    let [object] = objects.as_slice() else {
        return vec!["not one document".to_owned()];
    };
    let old = case["old"].is_object().then(|| {
        let source = Source::internal("old", case["old"].to_string());
        parse(&source).unwrap().remove(0)
    });
    match catalog.validate_change(object, old.as_ref(), encoding) {
        Verdict::UnknownKind => vec!["unknown kind".to_owned()],
        Verdict::Checked(findings) => findings
            .into_iter()
            .filter(|it| !it.is_behind_operator)
            .map(|it| it.diagnostic.message)
            .collect(),
    }
}

/// Counts by rule and by kind, then each case.
fn report(wrong: &[Wrong]) -> String {
    let mut report = String::new();
    for (is_accepted, title) in [(false, "false accepts"), (true, "false rejections")] {
        let of = || wrong.iter().filter(|it| it.is_accepted == is_accepted);
        _ = writeln!(report, "{title}: {}", of().count());
        for (name, key) in [
            (
                "rule",
                (|it: &Wrong| it.rule.clone()) as fn(&Wrong) -> String,
            ),
            ("kind", |it| it.kind.clone()),
        ] {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            of().for_each(|it| *counts.entry(key(it)).or_default() += 1);
            let counts: Vec<String> = counts
                .iter()
                .map(|(key, count)| format!("{key} {count}"))
                .collect();
            _ = writeln!(report, "  by {name}: {}", counts.join(", "));
        }
        of().for_each(|it| _ = writeln!(report, "    {}", it.line));
    }
    report
}

fn cases() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/api");
    let files = walkdir::WalkDir::new(folder).sort_by_file_name();
    let files = files.into_iter().filter_map(Result::ok);
    let texts = files
        .filter(|it| it.file_name() == "cases.jsonl")
        .map(|it| std::fs::read_to_string(it.path()).unwrap());
    let cases = |text: String| -> Vec<Value> {
        text.lines()
            .map(|it| serde_json::from_str(it).unwrap())
            .collect()
    };
    texts.flat_map(cases).collect()
}
