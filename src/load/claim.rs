//! A claim: a document in an environment's folder whose kind is a claim kind.

use std::sync::Arc;

use super::document::is_kubernetes_api;
use super::engine::Engines;
use super::kind::{ClaimKind, Kinds};
use super::spelling::normalize_field_names;
use crate::diag::{Class, Diagnostic, Diagnostics, Edit, Span};
use crate::layout::BASE;
use crate::yaml::Node;

/// A claim as written in one document, with field names in the spelling of its kind.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The kind, with its schema and templates.
    pub kind: Arc<ClaimKind>,
    /// `metadata.name`, unique among all claims of an environment.
    pub name: String,
    /// The document as written, with field names in the spelling of the schema.
    pub node: Node,
}

impl Claim {
    /// The location of its name.
    pub fn span(&self) -> &Span {
        self.node
            .at_keys(&["metadata", "name"])
            .unwrap_or(&self.node)
            .span()
    }
}

/// Converts a document to a claim. `None` if it is invalid, which is reported.
pub(super) fn read(
    mut node: Node,
    environment: &str,
    kinds: &Kinds,
    engines: &Engines,
    diagnostics: &mut Diagnostics,
) -> Option<Claim> {
    // A kind that is invalid is already reported.
    if node
        .get("kind")
        .and_then(Node::as_str)
        .is_some_and(|kind| kinds.invalid.iter().any(|it| it == kind))
    {
        return None;
    }
    let kind = diagnostics.keep(find_kind(&node, environment, &kinds.valid))?;
    let errors_before = diagnostics.errors();
    normalize_field_names(&mut node, &kind, diagnostics);
    let name = diagnostics.keep(name_of(&node, &kind, engines))?;
    (diagnostics.errors() == errors_before).then_some(Claim { kind, name, node })
}

/// The kind of a document. Errors: `not-a-claim`, `unknown-claim-kind`.
fn find_kind(
    node: &Node,
    environment: &str,
    kinds: &[Arc<ClaimKind>],
) -> Result<Arc<ClaimKind>, Diagnostic> {
    const HELP: &str =
        "put only claims below `environments/`, and raw manifests in `overlays/<environment>/`";
    if node.as_mapping().is_none() {
        let message = format!("a claim must be a map, found {}", node.kind().description());
        let fault = Diagnostic::error("not-a-claim", message);
        return Err(fault.at(node.span().start()).help(HELP));
    }
    let field = |key: &str| {
        node.get(key)
            .filter(|it| it.as_string().is_some())
            .ok_or_else(|| {
                let fault = Diagnostic::error(
                    "not-a-claim",
                    format!(
                        "a claim requires `apiVersion`, `kind` and `metadata`; `{key}` is missing"
                    ),
                );
                fault.at(node.span().start()).help(HELP)
            })
    };
    let (api_version, kind) = (field("apiVersion")?, field("kind")?);
    let (version, name) = (
        api_version.as_str().unwrap_or(""),
        kind.as_str().unwrap_or(""),
    );
    let with_name: Vec<&Arc<ClaimKind>> = kinds.iter().filter(|it| it.has_name(name)).collect();
    if with_name.is_empty() {
        return Err(unknown_kind(kind, version, environment, kinds));
    }
    let has_version = |it: &&&Arc<ClaimKind>| it.api_versions.iter().any(|it| it == version);
    match with_name.iter().find(has_version) {
        Some(kind) => Ok(Arc::clone(kind)),
        None => Err(unknown_version(api_version, name, &with_name)),
    }
}

fn unknown_kind(
    kind: &Node,
    version: &str,
    environment: &str,
    kinds: &[Arc<ClaimKind>],
) -> Diagnostic {
    let name = kind.as_str().unwrap_or("");
    let message = format!("unknown claim kind `{name}`");
    let fault = Diagnostic::error("unknown-claim-kind", message).at(kind);
    let group = |version: &str| version.split_once('/').map(|it| it.0.to_string());
    let mut versions = kinds.iter().flat_map(|it| &it.api_versions);
    let has_claim_kinds = versions.any(|it| group(it) == group(version));
    if is_kubernetes_api(version) {
        fault.help(format!("put Kubernetes objects in `overlays/{environment}/` and list them under `resources` in its kustomization.yaml"))
    } else if !has_claim_kinds {
        fault.help(format!("`{version}` has no claim kinds; put objects for the cluster in `overlays/{environment}/` and list them under `resources` in its kustomization.yaml"))
    } else {
        let known = kinds.iter().flat_map(|it| it.names());
        fault.did_you_mean(name, known.clone()).help(format!(
            "known kinds: {}",
            known.collect::<Vec<_>>().join(", ")
        ))
    }
}

fn unknown_version(api_version: &Node, name: &str, kinds: &[&Arc<ClaimKind>]) -> Diagnostic {
    let version = api_version.as_str().unwrap_or("");
    let message = format!("`{name}` has no version `{version}`");
    let fault = Diagnostic::error("unknown-claim-kind", message).at(api_version);
    let mut other_versions = kinds.iter().flat_map(|it| &it.other_versions);
    if let Some((_, help)) = other_versions.find(|it| it.0 == version) {
        return fault.help(help.as_str());
    }
    let versions = kinds.iter().flat_map(|it| &it.api_versions);
    let versions: Vec<&str> = versions.map(String::as_str).collect();
    let help = format!("write `apiVersion: {}`", versions.join("` or `"));
    match versions.as_slice() {
        [only] => fault.fix(help, Edit::rename(api_version.span(), version, only)),
        _ => fault.help(help),
    }
}

/// A regular expression for the names of claims.
pub const NAME: &str = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
/// The maximum length of a claim's name.
pub const NAME_MAX: usize = 63;

/// `metadata.name` of a claim. Errors: `missing-field`, `invalid-value`, `reserved-name`.
fn name_of(node: &Node, kind: &ClaimKind, engines: &Engines) -> Result<String, Diagnostic> {
    let Some(name) = node.at_keys(&["metadata", "name"]) else {
        let fault = Diagnostic::error(
            "missing-field",
            format!("`{}` has no `metadata.name`", kind.name),
        )
        .class(Class::MissingField);
        return Err(fault
            .at(node.get("metadata").unwrap_or(node).span().start())
            .help("add a name"));
    };
    let text = name.as_string().unwrap_or("");
    match name_fault(text, engines) {
        None => Ok(text.to_string()),
        Some((code, message, help)) => Err(Diagnostic::error(code, message).at(name).help(help)),
    }
}

/// Why a name is invalid for a claim; `None` if it is valid.
pub fn fault_in_claim_name(name: &str, engines: &Engines) -> Option<String> {
    name_fault(name, engines).map(|it| it.1)
}

/// The code, message and help for an invalid name; `None` if it is valid.
fn name_fault(text: &str, engines: &Engines) -> Option<(&'static str, String, &'static str)> {
    const RESERVED: [&str; 3] = [BASE, "namespaces", "overlay"];
    let is_end = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_inner = |c: u8| is_end(c) || c == b'-' || c == b'.';
    let bytes = text.as_bytes();
    let is_valid = bytes.first().is_some_and(|it| is_end(*it))
        && bytes.last().is_some_and(|it| is_end(*it))
        && bytes.iter().all(|it| is_inner(*it));
    if !is_valid || text.len() > NAME_MAX {
        let message = "the name of a claim must be at most 63 lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit";
        let help = "it is used for a folder and a Flux Kustomization";
        return Some(("invalid-value", message.to_string(), help));
    }
    if RESERVED.contains(&text) || engines.reserves(text) {
        let message = format!("a claim cannot be named `{text}`");
        return Some(("reserved-name", message, "the name is reserved"));
    }
    None
}
