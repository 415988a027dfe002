//! GitLab's Code Quality report: a JSON list that a merge request shows as findings that are new or fixed.

use crate::layout::WORKSPACE;
use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::yaml::hex;

use super::serialize::to_json_lines;
use super::{View, region};

/// One diagnostic per line. GitLab requires a location: a finding without one is put at the top of the workspace's file.
pub fn gitlab(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let findings = diagnostics.iter().map(|it| one(it, view, &mut seen));
    to_json_lines(&findings.collect::<Vec<Finding<'_>>>(), 1)
}

#[derive(Serialize)]
struct Finding<'a> {
    description: &'a str,
    check_name: &'a str,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

fn one<'a>(it: &'a Diagnostic, view: &View<'_>, seen: &mut BTreeMap<String, usize>) -> Finding<'a> {
    let severity = match it.severity {
        Severity::Error => "critical",
        Severity::Warning => "minor",
        Severity::Note => "info",
    };
    let (path, line) = match &it.span {
        Some(span) => ((view.display)(span.path()), region(span).0.line),
        None => (WORKSPACE.to_string(), 1),
    };
    // Without the line, so that a finding that only moves is not new. Equal ones are numbered.
    let key = format!("{path}\n{}\n{}", it.code, it.message);
    let many = seen
        .entry(key.clone())
        .and_modify(|it| *it += 1)
        .or_insert(0);
    let digest = Sha256::digest(format!("{key}\n{many}"));
    let fingerprint = hex(digest.get(..16).unwrap_or(&digest));
    Finding {
        description: &it.message,
        check_name: it.code,
        fingerprint,
        severity,
        location: Location {
            path,
            lines: Lines { begin: line },
        },
    }
}
