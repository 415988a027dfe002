//! SARIF 2.1.0, as code scanning services read it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::danger::DANGERS;
use crate::diag::{Diagnostic, Diagnostics, Edit, Fix, Severity, Span};

use super::json::quoted;
use super::{View, region};

/// One run, one result a line.
pub fn sarif(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let mut rules: BTreeMap<&str, usize> = diagnostics.iter().map(|it| (it.code, 0)).collect();
    rules.values_mut().enumerate().for_each(|(at, it)| *it = at);
    let results: Vec<String> = diagnostics
        .iter()
        .map(|it| result(it, &rules, view))
        .collect();
    let rules: Vec<String> = rules.keys().map(|code| rule(code)).collect();
    format!(
        "{{\"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\", \"version\": \"2.1.0\", \"runs\": [{{\"tool\": {{\"driver\": {{\"name\": \"pleach\", \"informationUri\": {}, \"version\": {}, \"rules\": [{}]}}}}, \"columnKind\": \"unicodeCodePoints\", \"results\": [{}]}}]}}\n",
        quoted(env!("CARGO_PKG_REPOSITORY")),
        quoted(env!("CARGO_PKG_VERSION")),
        lines(&rules),
        lines(&results)
    )
}

fn lines(items: &[String]) -> String {
    match items {
        [] => String::new(),
        items => format!("\n{}\n", items.join(",\n")),
    }
}

/// A rule, with its manual page where it has one.
fn rule(code: &str) -> String {
    let words = DANGERS.iter().find(|it| it.code == code).map(|it| {
        let text = |text: &str| format!("{{\"text\": {}}}", quoted(text));
        let (short, full) = (text(it.summary), text(it.explain));
        format!(", \"shortDescription\": {short}, \"fullDescription\": {short}, \"help\": {full}")
    });
    format!("{{\"id\": {}{}}}", quoted(code), words.unwrap_or_default())
}

fn result(it: &Diagnostic, rules: &BTreeMap<&str, usize>, view: &View<'_>) -> String {
    let level = match it.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let place = it.span.as_ref().map(|span| location(span, None, view));
    let related = it
        .related
        .iter()
        .map(|(span, words)| location(span, Some(words), view));
    let related: Vec<String> = related.collect();
    let related = match &*related {
        [] => String::new(),
        related => format!(", \"relatedLocations\": [{}]", related.join(", ")),
    };
    let fixes: Vec<String> = it.fixes.iter().map(|it| fix(it, view)).collect();
    let fixes = match &*fixes {
        [] => String::new(),
        fixes => format!(", \"fixes\": [{}]", fixes.join(", ")),
    };
    let path = it
        .span
        .as_ref()
        .map(|it| (view.display)(it.path()))
        .unwrap_or_default();
    let digest = Sha256::digest(format!("{path}\n{}\n{}", it.code, it.message));
    let digest: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        "{{\"ruleId\": {}, \"ruleIndex\": {}, \"level\": \"{level}\", \"message\": {{\"text\": {}}}, \"locations\": [{}]{related}{fixes}, \"partialFingerprints\": {{\"pleach/v1\": \"{digest}\"}}}}",
        quoted(it.code),
        rules.get(it.code).copied().unwrap_or(0),
        quoted(&super::github::words(it)),
        place.unwrap_or_default()
    )
}

/// A fix, as a service offers it beside the line.
fn fix(fix: &Fix, view: &View<'_>) -> String {
    let changes = fix.edits.iter().map(|Edit { span, text }| {
        let (start, end) = region(span);
        format!(
            "{{\"artifactLocation\": {{\"uri\": {}}}, \"replacements\": [{{\"deletedRegion\": {{\"startLine\": {}, \"startColumn\": {}, \"endLine\": {}, \"endColumn\": {}}}, \"insertedContent\": {{\"text\": {}}}}}]}}",
            quoted(&uri(&(view.display)(span.path()))),
            start.line,
            start.column,
            end.line,
            end.column,
            quoted(text)
        )
    });
    format!(
        "{{\"description\": {{\"text\": {}}}, \"artifactChanges\": [{}]}}",
        quoted(&fix.help),
        changes.collect::<Vec<_>>().join(", ")
    )
}

fn location(span: &Span, words: Option<&str>, view: &View<'_>) -> String {
    let (start, end) = region(span);
    let words = words.map(|it| format!(", \"message\": {{\"text\": {}}}", quoted(it)));
    format!(
        "{{\"physicalLocation\": {{\"artifactLocation\": {{\"uri\": {}}}, \"region\": {{\"startLine\": {}, \"startColumn\": {}, \"endLine\": {}, \"endColumn\": {}}}}}{}}}",
        quoted(&uri(&(view.display)(span.path()))),
        start.line,
        start.column,
        end.line,
        end.column,
        words.unwrap_or_default()
    )
}

/// A path as a relative reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
