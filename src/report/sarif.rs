//! SARIF 2.1.0, for code scanning services.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::danger::DANGERS;
use crate::diag::{Diagnostic, Diagnostics, Edit, Fix, Severity, Span};
use crate::yaml::hex;

use super::serialize::to_json_lines;
use super::{View, region};

/// One run, with one result per line.
pub fn sarif(diagnostics: &Diagnostics, view: &View<'_>) -> String {
    let mut rules: BTreeMap<&str, usize> = diagnostics.iter().map(|it| (it.code, 0)).collect();
    rules.values_mut().enumerate().for_each(|(at, it)| *it = at);
    let results = diagnostics.iter().map(|it| result(it, &rules, view));
    let driver = Driver {
        name: "pleach",
        information_uri: env!("CARGO_PKG_REPOSITORY"),
        version: env!("CARGO_PKG_VERSION"),
        rules: rules.keys().map(|code| rule(code)).collect(),
    };
    let run = Run {
        tool: Tool { driver },
        column_kind: "unicodeCodePoints",
        results: results.collect(),
    };
    let log = Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [run],
    };
    to_json_lines(&log, 4)
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    column_kind: &'static str,
    results: Vec<Finding<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    information_uri: &'static str,
    version: &'static str,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_description: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_description: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<Text<'a>>,
}

#[derive(Serialize)]
struct Text<'a> {
    text: Cow<'a, str>,
}

impl<'a> Text<'a> {
    fn new(text: impl Into<Cow<'a, str>>) -> Text<'a> {
        Text { text: text.into() }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding<'a> {
    rule_id: &'a str,
    rule_index: usize,
    level: &'static str,
    message: Text<'a>,
    locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<ReportFix<'a>>,
    partial_fingerprints: Fingerprints,
}

#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "pleach/v1")]
    own: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportFix<'a> {
    description: Text<'a>,
    artifact_changes: Vec<ArtifactChange<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange<'a> {
    artifact_location: Artifact,
    replacements: [Replacement<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Replacement<'a> {
    deleted_region: Region,
    inserted_content: Text<'a>,
}

impl Artifact {
    fn new(span: &Span, view: &View<'_>) -> Artifact {
        let uri = uri(&(view.display)(span.path()));
        Artifact { uri }
    }
}

impl Region {
    fn new(span: &Span) -> Region {
        let (start, end) = region(span);
        Region {
            start_line: start.line,
            start_column: start.column,
            end_line: end.line,
            end_column: end.column,
        }
    }
}

/// A rule, with its manual page if it has one.
fn rule(code: &str) -> Rule<'_> {
    let danger = DANGERS.iter().find(|it| it.code == code);
    Rule {
        id: code,
        short_description: danger.map(|it| Text::new(it.summary)),
        full_description: danger.map(|it| Text::new(it.summary)),
        help: danger.map(|it| Text::new(it.explain)),
    }
}

fn result<'a>(it: &'a Diagnostic, rules: &BTreeMap<&str, usize>, view: &View<'_>) -> Finding<'a> {
    let related = it.related.iter();
    let related = related.map(|(span, text)| location(span, Some(text), view));
    let location = it.span.iter().map(|span| location(span, None, view));
    let path = it.span.as_ref().map(|it| (view.display)(it.path()));
    let path = path.unwrap_or_default();
    let digest = Sha256::digest(format!("{path}\n{}\n{}", it.code, it.message));
    Finding {
        rule_id: it.code,
        rule_index: rules.get(it.code).copied().unwrap_or(0),
        level: match it.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        },
        message: Text::new(super::github::message_with_help(it)),
        locations: location.collect(),
        related_locations: related.collect(),
        fixes: it.fixes.iter().map(|it| fix(it, view)).collect(),
        partial_fingerprints: Fingerprints {
            own: hex(digest.get(..16).unwrap_or(&digest)),
        },
    }
}

/// A fix, which services offer at the line.
fn fix<'a>(fix: &'a Fix, view: &View<'_>) -> ReportFix<'a> {
    let changes = fix.edits.iter().map(|Edit { span, text }| ArtifactChange {
        artifact_location: Artifact::new(span, view),
        replacements: [Replacement {
            deleted_region: Region::new(span),
            inserted_content: Text::new(text),
        }],
    });
    ReportFix {
        description: Text::new(&fix.help),
        artifact_changes: changes.collect(),
    }
}

fn location<'a>(span: &Span, text: Option<&'a String>, view: &View<'_>) -> Location<'a> {
    Location {
        physical_location: PhysicalLocation {
            artifact_location: Artifact::new(span, view),
            region: Region::new(span),
        },
        message: text.map(Text::new),
    }
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
