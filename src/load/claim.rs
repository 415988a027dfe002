//! A claim: a document in an environment's folder whose kind is a claim kind.

use std::sync::Arc;

use super::document::is_kubernetes_api;
use super::engine::Engines;
use super::kind::{ClaimKind, Kinds};
use super::spelling::normalise;
use crate::diag::{Class, Diagnostic, Diagnostics, Edit, Span};
use crate::layout::BASE;
use crate::yaml::Node;

/// A claim as written in one document, with field names in the spelling of its kind.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The kind, with its schema and templates.
    pub kind: Arc<ClaimKind>,
    /// `metadata.name`, unique among claims of the kind in an environment.
    pub name: String,
    /// The whole document as it was written.
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

/// Converts a document to a claim. Invalid documents are reported and left out.
pub(super) fn read(
    mut node: Node,
    environment: &str,
    kinds: &Kinds,
    engines: &Engines,
    diagnostics: &mut Diagnostics,
) -> Option<Claim> {
    // A kind that could not be read is already reported.
    if node
        .get("kind")
        .and_then(Node::as_str)
        .is_some_and(|kind| kinds.broken.iter().any(|it| it == kind))
    {
        return None;
    }
    let kind = diagnostics.keep(find_kind(&node, environment, &kinds.sound))?;
    let before = diagnostics.errors();
    normalise(&mut node, &kind, diagnostics);
    let name = diagnostics.keep(name_of(&node, &kind, engines))?;
    (diagnostics.errors() == before).then_some(Claim { kind, name, node })
}

fn find_kind(
    node: &Node,
    environment: &str,
    kinds: &[Arc<ClaimKind>],
) -> Result<Arc<ClaimKind>, Diagnostic> {
    let field = |key: &str| {
        node.get(key).filter(|it| it.as_string().is_some()).ok_or_else(|| {
            let fault = Diagnostic::error("not-a-claim", format!("a claim requires `apiVersion`, `kind` and `metadata`; `{key}` is missing"));
            fault.at(node.span().start()).help("put only claims below `environments/`, and raw manifests in `overlays/<environment>/`")
        })
    };
    let (api_version, kind) = (field("apiVersion")?, field("kind")?);
    let (version, name) = (
        api_version.as_str().unwrap_or(""),
        kind.as_str().unwrap_or(""),
    );
    let mut named = kinds.iter().filter(|it| it.has_name(name)).peekable();
    if named.peek().is_none() {
        let fault = Diagnostic::error("unknown-claim-kind", format!("unknown claim kind `{name}`"))
            .at(kind);
        let group = |version: &str| version.split_once('/').map(|it| it.0.to_string());
        let mut versions = kinds.iter().flat_map(|it| &it.api_versions);
        let is_of_claims = versions.any(|it| group(it) == group(version));
        return Err(if is_kubernetes_api(version) {
            fault.help(format!("put Kubernetes objects in `overlays/{environment}/` and list them under `resources` in its kustomization.yaml"))
        } else if !is_of_claims {
            fault.help(format!("`{version}` has no claim kinds; put objects for the cluster in `overlays/{environment}/` and list them under `resources` in its kustomization.yaml"))
        } else {
            let known = kinds.iter().flat_map(|it| it.names());
            fault.did_you_mean(name, known.clone()).help(format!(
                "known kinds: {}",
                known.collect::<Vec<_>>().join(", ")
            ))
        });
    }
    let versions: Vec<&str> = named
        .clone()
        .flat_map(|it| it.api_versions.iter().map(String::as_str))
        .collect();
    let instead = named
        .clone()
        .flat_map(|it| &it.other_versions)
        .find(|it| it.0 == version)
        .map(|it| it.1.clone());
    named
        .find(|it| it.api_versions.iter().any(|it| it == version))
        .cloned()
        .ok_or_else(|| {
            let fault = Diagnostic::error(
                "unknown-claim-kind",
                format!("`{name}` has no version `{version}`"),
            )
            .at(api_version);
            let words = format!("write `apiVersion: {}`", versions.join("` or `"));
            match (instead, versions.as_slice()) {
                (Some(instead), _) => fault.help(instead),
                (None, [only]) => fault.fix(words, Edit::rename(api_version.span(), version, only)),
                (None, _) => fault.help(words),
            }
        })
}

/// The names of claims, as a regular expression.
pub const NAME: &str = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
/// The maximum length of a claim's name.
pub const NAME_MAX: usize = 63;

/// `metadata.name`, which becomes the name of a folder and of a Flux Kustomization.
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

/// Code, message and note.
fn name_fault(text: &str, engines: &Engines) -> Option<(&'static str, String, &'static str)> {
    const RESERVED: [&str; 3] = [BASE, "namespaces", "overlay"];
    let label = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: u8| label(c) || c == b'-' || c == b'.';
    let bytes = text.as_bytes();
    let valid = bytes.first().is_some_and(|it| label(*it))
        && bytes.last().is_some_and(|it| label(*it))
        && bytes.iter().all(|it| inner(*it));
    if !valid || text.len() > NAME_MAX {
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
