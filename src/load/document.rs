//! One YAML file of a workspace to its documents.

use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, Source, Span};
use crate::schema::{Schema, validate};
use crate::template::is_reserved;
use crate::tree::{Files, TreePath};
use crate::yaml::{Node, parse, parse_one};

/// Reads a text file. Errors: `unreadable-file`, `not-utf8`, `reserved-character`.
pub(super) fn read_text(files: &dyn Files, path: &TreePath) -> Result<Arc<Source>, Diagnostic> {
    let bytes = files.read(path).map_err(|error| {
        Diagnostic::error(
            "unreadable-file",
            format!("`{path}` can't be read: {error}"),
        )
    })?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let readable = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let source = Source::new(path.clone(), readable);
        let end = source.text.len();
        let fault = Diagnostic::error("not-utf8", "the file holds bytes that are no UTF-8");
        let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        fault.at(Span::new(&source, end..end)).help(match is_utf16 {
            true => "the file is UTF-16: save it as UTF-8",
            false => "save the file as UTF-8",
        })
    })?;
    let source = Source::new(path.clone(), text);
    match text.char_indices().find(|(_, c)| is_reserved(*c)) {
        Some((at, c)) => {
            let fault = Diagnostic::error(
                "reserved-character",
                format!(
                    "the character U+{:X} is reserved for the program's own use",
                    c as u32
                ),
            );
            Err(fault
                .at(Span::new(&source, at..at + c.len_utf8()))
                .help("remove it: it is a private character that no font shows"))
        }
        None => Ok(source),
    }
}

/// All documents of a file; empty ones are left out.
pub(super) fn read_documents(files: &dyn Files, path: &TreePath) -> Result<Vec<Node>, Diagnostics> {
    let source = read_text(files, path)?;
    Ok(parse(&source)?
        .into_iter()
        .filter(|node| !node.is_null())
        .collect())
}

/// A file that holds one document, checked against its schema.
pub(super) fn read_checked(
    files: &dyn Files,
    path: &TreePath,
    schema: &Schema,
    root: &str,
) -> Result<Node, Diagnostics> {
    let source = read_text(files, path)?;
    let node = parse_one(&source)?;
    if node.is_null() {
        let fault = Diagnostic::error(
            "empty-file",
            format!("the file is empty; expected `kind: {root}`"),
        );
        return Err(fault
            .at(Span::new(&source, 0..0))
            .help(format!(
                "begin with `apiVersion: pleach.dev/v1` and `kind: {root}`"
            ))
            .into());
    }
    let mut faults = Diagnostics::default();
    faults.extend(validate(&node, schema, root));
    if faults.has_errors() {
        Err(faults)
    } else {
        Ok(node)
    }
}

/// A schema that comes with the program.
pub(super) fn own_schema(name: &str, text: &str) -> Schema {
    let source = Source::internal(name, text);
    let node = parse_one(&source).expect("the program's own schemas are YAML, which a test holds");
    Schema::parse(&node).expect("the program's own schemas are schemas, which a test holds")
}

/// Whether an `apiVersion` is one of Kubernetes' own groups: the core group, or one without a dot or below `k8s.io`.
pub fn is_kubernetes_api(api_version: &str) -> bool {
    match api_version.split_once('/') {
        None => api_version.starts_with('v'),
        Some((group, _)) => !group.contains('.') || group.ends_with(".k8s.io"),
    }
}
