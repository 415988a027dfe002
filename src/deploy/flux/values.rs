//! The values of a HelmRelease: `valuesFrom` in order, then `values`, then entries with `targetPath`.

use base64::Engine;

use super::super::cluster_state::ClusterState;
use super::super::sync::{flag, items, text};
use crate::diag::{Diagnostic, Diagnostics};
use crate::object::Object;
use crate::tree::TreePath;
use crate::yaml::{Node, emit_kustomize, parse_one};
use pleach_helm::values::{Values, merge, parse, set};
use pleach_helm::{HelmError, HelmVersion};
use serde_json::Value as Json;

/// The target of a reference.
enum Content {
    /// The text, and the field that contains it if it is not encoded.
    Text(String, Option<Node>),
    /// The target is not in the repository, or is encrypted.
    Unseen(&'static str),
    /// The target does not exist and is optional.
    Absent,
}

/// Values, and the documents that they were read from; later ones take precedence.
pub(super) type Written = (Values, Vec<Node>);

/// The values of a release. Unknown values are left out, with a warning at their line. Errors: values that are not YAML.
pub(super) fn values(
    release: &Object,
    cluster_state: &ClusterState,
    version: HelmVersion,
    diagnostics: &mut Diagnostics,
) -> Result<Written, Diagnostic> {
    let mut inline = match release.node.at_keys(&["spec", "values"]) {
        Some(node) => from_node(node, version)?,
        None => Values::new(),
    };
    let (mut result, mut written) = (Values::new(), Vec::new());
    for reference in items(&release.node, &["spec", "valuesFrom"]) {
        let (content, field) = match content(release, reference, cluster_state) {
            Content::Text(content, field) => (content, field),
            Content::Absent => continue,
            Content::Unseen(why) => {
                diagnostics.push(not_in_repository(release, reference, why));
                continue;
            }
        };
        let fault = |error: HelmError| invalid_values(reference, &error);
        match text(reference, &["targetPath"]) {
            "" => {
                let path = TreePath::root().child("<values>");
                let parsed = parse(content.as_bytes(), &path, version).map_err(fault)?;
                merge(&mut result, parsed);
                let document = field.and_then(|it| parse_one(&it.embedded_source()).ok());
                written.extend(document);
            }
            path => {
                let shared = aliased_paths(&result, &inline);
                merge(&mut result, inline.clone());
                let is_literal = flag(reference, &["literal"]);
                set_at(&mut result, path, &content, is_literal, version).map_err(fault)?;
                for path in shared {
                    copy_changes(&result, &mut inline, &path);
                }
            }
        }
    }
    merge(&mut result, inline);
    written.extend(release.node.at_keys(&["spec", "values"]).cloned());
    Ok((result, written))
}

fn invalid_values(reference: &Node, error: &HelmError) -> Diagnostic {
    let name = text(reference, &["name"]);
    let message = format!("values of {name}: {}", error.message);
    Diagnostic::error("invalid-value", message).at(reference)
}

/// The paths at which a merge uses a map or list of `inline` itself. The controller modifies these in place when it sets a
/// `targetPath`, so the change also appears in `spec.values`, which is merged again at the end.
fn aliased_paths(result: &Values, inline: &Values) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (key, value) in inline {
        match (result.get(key), value) {
            (Some(Json::Object(below)), Json::Object(value)) => {
                let paths = aliased_paths(below, value).into_iter();
                found.extend(paths.map(|mut path| {
                    path.insert(0, key.clone());
                    path
                }));
            }
            (_, Json::Object(_) | Json::Array(_)) => found.push(vec![key.clone()]),
            _ => {}
        }
    }
    found
}

/// Copies the value at a path of `result` to `inline`, if it is still the same map or list.
fn copy_changes(result: &Values, inline: &mut Values, path: &[String]) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let (Some(changed), Some(value)) = (result.get(first), inline.get_mut(first)) else {
        return;
    };
    match (changed, value) {
        (Json::Object(changed), Json::Object(value)) if !rest.is_empty() => {
            copy_changes(changed, value, rest);
        }
        (Json::Object(changed), Json::Object(value)) => value.clone_from(changed),
        // A list that grows is a new one.
        (Json::Array(changed), Json::Array(value)) if changed.len() == value.len() => {
            value.clone_from(changed);
        }
        _ => {}
    }
}

/// A node as values.
pub(in crate::deploy) fn from_node(
    node: &Node,
    version: HelmVersion,
) -> Result<Values, Diagnostic> {
    if node.is_null() || node.is_empty_collection() {
        return Ok(Values::new());
    }
    let text = emit_kustomize(node)?;
    let path = TreePath::root().child("<values>");
    parse(text.as_bytes(), &path, version)
        .map_err(|it| Diagnostic::error("invalid-value", it.message).at(node))
}

/// Sets one value as `--set` does; in quotes, or literally, as a text.
fn set_at(
    values: &mut Values,
    path: &str,
    value: &str,
    is_literal: bool,
    version: HelmVersion,
) -> Result<(), HelmError> {
    if is_literal {
        let mut escaped = String::new();
        for character in value.chars() {
            if matches!(character, '\\' | ',' | '[' | ']' | '{' | '}') {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        return set(values, &format!("{path}={escaped}"), true, version);
    }
    let is_quoted = |quote: char| value.starts_with(quote) && value.ends_with(quote);
    match is_quoted('\'') || is_quoted('"') {
        true => {
            let inner = value.trim_matches(['\'', '"']);
            set(values, &format!("{path}={inner}"), true, version)
        }
        false => set(values, &format!("{path}={value}"), false, version),
    }
}

fn content(release: &Object, reference: &Node, cluster_state: &ClusterState) -> Content {
    let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
    let is_optional = flag(reference, &["optional"]);
    let Some(source) = cluster_state.find(kind, release.namespace(), name) else {
        return match is_optional {
            true => Content::Absent,
            false => Content::Unseen("is not in the repository"),
        };
    };
    let key = match text(reference, &["valuesKey"]) {
        "" => "values.yaml",
        key => key,
    };
    let is_secret = source.kind() == "Secret";
    if source.node.get("sops").is_some() {
        return Content::Unseen("is encrypted");
    }
    let field = |field: &str| {
        let value = source.node.at_keys(&[field, key])?;
        value.as_str().map(|_| value)
    };
    let plain = match is_secret {
        true => field("stringData"),
        false => field("data"),
    };
    let bytes = || {
        // The controller does not read `binaryData` of ConfigMaps.
        let encoded: String = field(Some("data").filter(|_| is_secret)?)?
            .as_str()?
            .split_whitespace()
            .collect();
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded);
        String::from_utf8(decoded.ok()?).ok()
    };
    let plain = plain.map(|it| (it.as_str().unwrap_or("").to_string(), Some(it.clone())));
    match plain.or_else(|| Some((bytes()?, None))) {
        Some((text, field)) => Content::Text(text, field),
        None if is_optional => Content::Absent,
        None => Content::Unseen("does not have the key"),
    }
}

fn not_in_repository(release: &Object, reference: &Node, why: &str) -> Diagnostic {
    let (kind, name) = (text(reference, &["kind"]), text(reference, &["name"]));
    let message = format!(
        "{kind} `{name}` {why}: {} is shown without its values",
        release.id()
    );
    let at = reference.get("name").unwrap_or(reference);
    Diagnostic::warning("unseen-value", message).at(at)
}
