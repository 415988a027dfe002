//! GitLab's Code Quality report: a JSON list that a merge request shows as findings that are new or fixed.

use crate::layout::WORKSPACE;
use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::diag::{Diagnostic, Diagnostics, Severity};

use super::json::quoted;
use super::{View, region};

/// One diagnostic a line. GitLab takes no finding without a place: such a one is put to the top of the workspace's file.
pub fn gitlab(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let list: Vec<String> = diagnostics
        .iter()
        .map(|it| one(it, view, &mut seen))
        .collect();
    match &*list {
        [] => "[]\n".to_string(),
        list => format!("[\n{}\n]\n", list.join(",\n")),
    }
}

fn one(it: &Diagnostic, view: &View<'_>, seen: &mut BTreeMap<String, usize>) -> String {
    let severity = match it.severity {
        Severity::Error => "critical",
        Severity::Warning => "minor",
        Severity::Note => "info",
    };
    let (path, line) = match &it.span {
        Some(span) => ((view.display)(span.path()), region(span).0.line),
        None => (WORKSPACE.to_string(), 1),
    };
    // Without the line, so that a finding that only moves is no new one. Equal ones are counted.
    let key = format!("{path}\n{}\n{}", it.code, it.message);
    let many = seen
        .entry(key.clone())
        .and_modify(|it| *it += 1)
        .or_insert(0);
    let digest = Sha256::digest(format!("{key}\n{many}"));
    let fingerprint: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        "{{\"description\": {}, \"check_name\": {}, \"fingerprint\": \"{fingerprint}\", \"severity\": \"{severity}\", \"location\": {{\"path\": {}, \"lines\": {{\"begin\": {line}}}}}}}",
        quoted(&it.message),
        quoted(it.code),
        quoted(&path)
    )
}
