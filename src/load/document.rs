//! Reads the documents of a YAML file of a workspace.

use std::sync::Arc;

use crate::diag::{Class, Diagnostic, Diagnostics, Source, Span};
pub(super) use crate::schema::own_schema;
use crate::schema::{Schema, validate};
use crate::secret::find_secrets;
use crate::tree::{Files, FilesError, TreePath};
use crate::yaml::text_source;
use crate::yaml::{Node, parse_one};

/// Reads a text file. Errors: `unreadable-file`, `not-utf8`, `reserved-character`.
pub(super) fn read_text(files: &dyn Files, path: &TreePath) -> Result<Arc<Source>, Diagnostic> {
    let bytes = files.read(path).map_err(|it| unreadable(path, &it))?;
    text_source(path, &bytes)
}

/// The error for a file or folder of the workspace that cannot be read.
pub(super) fn unreadable(path: &TreePath, error: &FilesError) -> Diagnostic {
    let help = match error {
        FilesError::Outside => "copy the target of the link into the workspace",
        FilesError::BrokenLink => "restore the target of the link, or delete the link",
        _ => "make it a regular file of at most 64 MiB, or a folder, that you can read",
    };
    let message = format!("cannot read `{path}`: {error}");
    let fault = Diagnostic::error("unreadable-file", message).class(Class::Unreadable);
    let start = Span::of_file(path);
    fault.at(start).help(help)
}

/// Reads a file with a single document and validates it with a schema. `kind` is the kind of the document, for messages.
pub(super) fn read_checked(
    files: &dyn Files,
    path: &TreePath,
    schema: &Schema,
    kind: &str,
) -> Result<Node, Diagnostics> {
    let source = read_text(files, path)?;
    let mut node = parse_one(&source)?;
    node.settle_as_data();
    if node.is_null() {
        let fault = Diagnostic::error(
            "empty-file",
            format!("the file is empty; expected `kind: {kind}`"),
        );
        return Err(fault
            .at(Span::new(&source, 0..0))
            .help(format!(
                "begin with `apiVersion: pleach.dev/v1` and `kind: {kind}`"
            ))
            .into());
    }
    let mut faults = Diagnostics::default();
    faults.extend(validate(&node, schema, kind));
    if faults.has_errors() {
        Err(faults)
    } else {
        Ok(node)
    }
}

/// Whether an `apiVersion` belongs to Kubernetes: the core group, a group without a dot, or a group below `k8s.io`.
pub fn is_kubernetes_api(api_version: &str) -> bool {
    match api_version.split_once('/') {
        None => api_version.starts_with('v'),
        Some((group, _)) => !group.contains('.') || group.ends_with(".k8s.io"),
    }
}

/// Reports credentials in a file of the workspace, which would be committed to Git and copied to the rendered tree. Errors:
/// `plain-secret`.
pub(super) fn plain_secrets(node: &Node) -> Diagnostics {
    let faults = find_secrets(node).into_iter().map(|secret| {
        let message = "the value contains a credential that would be committed to Git";
        let is_address = secret.as_str().is_some_and(|it| it.contains("://"));
        Diagnostic::error("plain-secret", message)
            .at(secret)
            .help(match is_address {
                true => "remove it from the address: Flux and Argo CD read credentials of repositories from Secrets",
                false => "remove it; variables of Flux can come from a Secret: `substituteFrom: [{kind: Secret, name: …}]`",
            })
    });
    faults.collect()
}
