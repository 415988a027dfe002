//! Replaces the version of a chart by the exact one in the lock.

use crate::chart::{Charts, Found, LOCK, Request, is_exact};
use crate::diag::{Class, Diagnostic, Diagnostics, Span};
use crate::yaml::Node;

/// Sets the exact version of an intent's chart, if the lock or an archive contains it.
///
/// Diagnostics: `floating-version` for a range without a pin, `stale-pin` if the lock only has other versions.
pub(super) fn pinned(intent: &Node, charts: &Charts<'_>, diagnostics: &mut Diagnostics) -> Node {
    let mut pinned = intent.clone();
    // The exact version is read from the opened chart.
    if intent.get("kind").and_then(Node::as_str) == Some("ChartApplication") {
        return pinned;
    }
    let Some(chart) = pinned.at_keys_mut(&["spec", "chart"]) else {
        return pinned;
    };
    let Some(request) = request(intent) else {
        return pinned;
    };
    if let Some((field, fault)) = request.fault() {
        diagnostics.push(fault.at(location(intent, chart.get(field).unwrap_or(chart).span())));
        return pinned;
    }
    let location = location(intent, chart.get("version").unwrap_or(chart).span());
    let version = match exact_version(&request, charts) {
        Ok(version) => version,
        Err(fault) => {
            diagnostics.push(fault.at(&location));
            None
        }
    };
    if let (Some(version), Some(chart)) = (version, chart.as_mapping_mut()) {
        let span = chart.get("version").map_or(&location, Node::span).clone();
        chart.insert("version", Node::string(version).at(span));
    }
    pinned
}

/// The location where users can change a version. If it comes from a built-in kind, which is not in the workspace, it is the claim.
fn location(intent: &Node, version: &Span) -> Span {
    match version.path().as_str().starts_with('<') {
        true => intent.span().clone(),
        false => version.clone(),
    }
}

/// The chart of an intent, if it has one.
pub(super) fn request(intent: &Node) -> Option<Request> {
    let chart = intent.at_keys(&["spec", "chart"])?;
    let text = |key: &str| chart.get(key).and_then(Node::as_str).unwrap_or("");
    let insecure = intent.at_keys(&["spec", "insecure"]);
    Some(Request {
        digest: Some(text("digest").to_string()).filter(|it| !it.is_empty()),
        plain: insecure.and_then(Node::as_bool) == Some(true),
        span: Some(location(
            intent,
            chart.get("version").unwrap_or(chart).span(),
        )),
        ..Request::new(text("repository"), text("name"), Some(text("version")))
    })
}

/// The exact version to use instead of the requested one; `None` if the requested one is already exact. Errors: `invalid-value`,
/// `stale-pin`, `floating-version`.
fn exact_version(request: &Request, charts: &Charts<'_>) -> Result<Option<String>, Diagnostic> {
    let (name, requested) = (&request.name, request.requested());
    if request.range().is_none() {
        let version = request.version.as_deref().unwrap_or("");
        let message = format!("invalid version or version range `{version}`");
        let fault = Diagnostic::error("invalid-value", message);
        return Err(fault.help("write a version such as `1.2.3`, or a range such as `>=1.2.0`"));
    }
    let found = charts.version(request);
    if request.is_local() {
        let message = format!(
            "a cluster cannot pull from `{}`, a folder of the workspace",
            request.repository
        );
        let fault = Diagnostic::error("invalid-value", message);
        return Err(fault.help("set the registry that the chart is published to; to read the chart from the folder, set `folder` under `spec.charts.sources` in `pleach.yaml`"));
    }
    let versions = match found {
        Found::Version(version) => return Ok(Some(version)),
        Found::Nothing(versions) => versions,
    };
    if !versions.is_empty() {
        let versions = versions.join(", ");
        let message =
            format!("`{LOCK}` has `{name}` {versions}, which does not match this version");
        let fault = Diagnostic::warning("stale-pin", message).class(Class::Pin);
        return Err(fault.help("run `pleach vendor` to update the pin"));
    }
    if is_exact(requested) || request.digest.is_some() {
        return Ok(None);
    }
    let message = match &request.version {
        Some(range) => {
            format!(
                "`{range}` is a range: a new version of `{name}` is installed as soon as it is published"
            )
        }
        None => format!(
            "no version is set: each new version of `{name}` is installed as soon as it is published"
        ),
    };
    let fault = Diagnostic::warning("floating-version", message).class(Class::Pin);
    Err(fault.help("run `pleach vendor` to pin it, or write an exact version"))
}

/// Reports entries of the lock that no claim uses. Warnings: `unused-pin`.
pub fn unused_pins(charts: &Charts<'_>) -> impl Iterator<Item = Diagnostic> {
    charts.unused().into_iter().map(|pin| {
        let message = format!("no claim uses `{}` {}", pin.name, pin.requested);
        let fault = Diagnostic::warning("unused-pin", message);
        let fault = match &pin.span {
            Some(span) => fault.at(span),
            None => fault,
        };
        fault.help("run `pleach vendor` to remove the entry")
    })
}
