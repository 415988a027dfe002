//! The sources of rendered values: `tests/explain/*.txt`.
//!
//! A case is a workspace and a section `ask` with one question per line: `ENV KIND/NAME FIELD`, or `FILE:LINE` of the output. The
//! section `answers` contains the printed answers.

use pleach::diag::Diagnostics;
use pleach::provenance::{Provenance, Target, find_field};
use pleach::report::{Subject, human, provenance_json, provenance_text};
use pleach::secret::Salt;
use pleach::tree::{Tree, TreePath};

use crate::check::{VIEW, options};

pub(crate) fn make(case: &mut Tree) {
    let section = |name: &str| TreePath::new(name).unwrap();
    let asked = case.get(&section("ask")).unwrap().clone();
    let provenance = Provenance::new(case, options());
    let mut answers = String::new();
    let diagnostics: &Diagnostics = &provenance.compiled().diagnostics;
    if diagnostics.has_errors() {
        answers.push_str(&human(diagnostics, &VIEW));
    }
    for line in std::str::from_utf8(&asked).unwrap().lines() {
        if !answers.is_empty() {
            answers.push('\n');
        }
        answers.push_str(&format!("$ {line}\n{}", answer(&provenance, line)));
    }
    case.insert(section("answers"), answers.into_bytes());
}

fn answer(provenance: &Provenance<'_>, asked: &str) -> String {
    let words: Vec<&str> = asked.split(' ').collect();
    match words.as_slice() {
        [place] => {
            let (file, line) = place.rsplit_once(':').unwrap();
            let path = TreePath::new(file).unwrap();
            let text = provenance.compiled().tree.get(&path).unwrap();
            let text = std::str::from_utf8(text).unwrap();
            match provenance.at_line(&path, text, line.parse().unwrap()) {
                Ok(target) => shown(provenance, &target, ""),
                Err(reason) => format!("{reason:?}\n"),
            }
        }
        [environment, object, rest @ ..] => {
            let mut targets = provenance.named(environment, object);
            let Some(target) = targets.pop().filter(|_| targets.is_empty()) else {
                return format!("{} objects\n", targets.len());
            };
            let field = rest.first().unwrap_or(&"");
            match find_field(&target.object.node, field) {
                Ok(field) => {
                    let form = rest.get(1).copied().unwrap_or("");
                    shown(provenance, &Target { field, ..target }, form)
                }
                Err(missing) => format!("{missing:?}\n"),
            }
        }
        [] => String::new(),
    }
}

fn shown(provenance: &Provenance<'_>, target: &Target<'_>, form: &str) -> String {
    let values = provenance.explain(target.folder, target.object, &target.field);
    let subject = Subject {
        environment: target.origin.environment.as_deref(),
        claim: &target.origin.claim.title,
        object: target.object,
        values: &values,
        salt: &Salt::new(b"test"),
    };
    match form {
        "json" => provenance_json(&subject, &VIEW),
        _ => provenance_text(&subject, &VIEW)
            .replace("\u{1b}[1m", "")
            .replace("\u{1b}[0m", ""),
    }
}
