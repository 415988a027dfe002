//! A chart's version as the lock has it.

use crate::chart::{Charts, Found, LOCK, Request, is_exact};
use crate::diag::{Diagnostic, Diagnostics};
use crate::yaml::Node;

/// The intent with the exact version of its chart, where something says which that is.
///
/// Findings: `floating-version` for a range that nothing pins, `stale-pin` for a lock that has only other versions.
pub(super) fn pinned(intent: &Node, charts: &Charts<'_>, diagnostics: &mut Diagnostics) -> Node {
    let mut intent = intent.clone();
    let plain = intent
        .at_keys(&["spec", "insecure"])
        .and_then(Node::as_bool);
    let Some(chart) = intent.at_keys_mut(&["spec", "chart"]) else {
        return intent;
    };
    match version(chart, plain == Some(true), charts) {
        Ok(Some(version)) => {
            let at = chart.get("version").unwrap_or(chart).span().clone();
            if let Some(chart) = chart.as_mapping_mut() {
                chart.insert("version", Node::string(version).at(at));
            }
        }
        Ok(None) => {}
        Err(fault) => diagnostics.push(fault),
    }
    intent
}

fn version(chart: &Node, plain: bool, charts: &Charts<'_>) -> Result<Option<String>, Diagnostic> {
    let text = |key: &str| chart.get(key).and_then(Node::as_str).unwrap_or("");
    let written = chart.get("version").filter(|it| !it.is_null());
    let at = written.unwrap_or(chart);
    let mut request = Request::new(text("repository"), text("name"), Some(text("version")));
    request.digest = Some(text("digest"))
        .filter(|it| !it.is_empty())
        .map(str::to_string);
    request.plain = plain;
    request.span = Some(at.span().clone());
    if request.range().is_none() {
        let message = format!(
            "`{}` is no version and no range of versions",
            text("version")
        );
        let fault = Diagnostic::error("invalid-value", message).at(at);
        return Err(fault.help("write a version such as `1.2.3`, or a range such as `>=1.2.0`"));
    }
    let versions = match charts.version(&request) {
        Found::Version(version) => return Ok(Some(version)),
        Found::Nothing(versions) => versions,
    };
    let is_fixed = written.and_then(Node::as_str).is_some_and(is_exact) || request.digest.is_some();
    let name = &request.name;
    if !versions.is_empty() {
        let message = format!(
            "`{LOCK}` has `{name}` {}, which is not what this asks for",
            versions.join(", ")
        );
        let fault = Diagnostic::warning("stale-pin", message).at(at);
        return Err(fault.help("run `pleach vendor`, which pins what claims ask for"));
    }
    if is_fixed {
        return Ok(None);
    }
    let message = match written {
        Some(_) => format!(
            "`{}` means another version of `{name}` whenever one is published",
            text("version")
        ),
        None => format!("no version is given: each newly published one of `{name}` is installed"),
    };
    let fault = Diagnostic::warning("floating-version", message).at(at);
    Err(fault.help("run `pleach vendor`, which pins it, or write an exact version"))
}

/// Says which entries of the lock nothing asks for.
pub fn unused_pins(charts: &Charts<'_>) -> impl Iterator<Item = Diagnostic> {
    charts.unused().into_iter().map(|pin| {
        let message = format!("no claim asks for `{}` {}", pin.name, pin.requested);
        let fault = Diagnostic::warning("unused-pin", message);
        let fault = match &pin.span {
            Some(span) => fault.at(span),
            None => fault,
        };
        fault.help("run `pleach vendor`, which removes the entry")
    })
}
