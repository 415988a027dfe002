//! The objects of one file.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use serde::de::IgnoredAny;

use super::find::{Candidate, unreadable};
use crate::check::COMMENT;
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::object::Object;
use crate::tree::{Files, TreePath};
use crate::yaml::{Node, parse, parse_within, text_source};

/// The content of a file.
#[derive(Default)]
pub(super) struct FileContent {
    pub(super) objects: Vec<Object>,
    /// Its text, if it contains allow comments.
    pub(super) source: Option<Arc<Source>>,
    pub(super) found: Diagnostics,
}

/// Reads a file. If it was not named explicitly, documents that are not objects are skipped.
pub(super) fn read_file(files: &dyn Files, file: &Candidate) -> FileContent {
    let bytes = match files.read(&file.path) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(&file.path, &error).into(),
    };
    let has = |word: &str| memmem::find(&bytes, word.as_bytes()).is_some();
    if !file.is_named && !is_utf16(&bytes) && !has("apiVersion") && !has("kind") {
        return FileContent::default();
    }
    match text_source(&file.path, &bytes) {
        Ok(source) => read(&source, file.is_named),
        Err(fault) => fault.into(),
    }
}

/// Whether a file is UTF-16, as PowerShell writes it. It is reported even if it was not named explicitly.
fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff])
}

/// Reads a text that must contain objects.
pub(super) fn read_text(source: &Arc<Source>) -> FileContent {
    read(source, true)
}

/// The text of a file, if it contains allow comments.
pub(super) fn commented(files: &dyn Files, path: &TreePath) -> Option<Arc<Source>> {
    let bytes = files.read(path).ok()?;
    memmem::find(&bytes, COMMENT.as_bytes())?;
    text_source(path, &bytes).ok()
}

impl From<Diagnostic> for FileContent {
    fn from(fault: Diagnostic) -> FileContent {
        FileContent {
            found: fault.into(),
            ..FileContent::default()
        }
    }
}

fn read(source: &Arc<Source>, is_named: bool) -> FileContent {
    let documents = match documents(source) {
        Ok(documents) => documents,
        Err(faults) => {
            let found = faults.into_iter().map(|it| with_help(it, source));
            return FileContent {
                found: found.collect(),
                ..FileContent::default()
            };
        }
    };
    let mut reading = FileContent {
        source: source.text.contains(COMMENT).then(|| source.clone()),
        ..FileContent::default()
    };
    for document in documents.into_iter().filter(|it| !it.is_null()) {
        if is_object(&document) {
            collect_objects(document, &mut reading.objects);
        } else if is_named {
            reading.found.push(no_object(&document));
        }
    }
    reading
}

/// The documents of a text: YAML, or a sequence of JSON values, as `jq` prints them.
fn documents(source: &Arc<Source>) -> Result<Vec<Node>, Diagnostics> {
    match json_values(&source.text) {
        Some(parts) if parts.len() > 1 => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(parse_within(source, part)?);
            }
            Ok(all)
        }
        _ => parse(source),
    }
}

/// The ranges of JSON values; `None` if the text is not JSON.
fn json_values(text: &str) -> Option<Vec<Range<usize>>> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    let (mut parts, mut start) = (Vec::new(), 0);
    while let Some(value) = values.next() {
        value.ok()?;
        let end = values.byte_offset();
        parts.push(start..end);
        start = end;
    }
    Some(parts)
}

/// Whether a document is meant to be an object. If it has `metadata`, one of `apiVersion` and `kind` may be missing, which is an error.
fn is_object(document: &Node) -> bool {
    let has = |key: &str| document.get(key).is_some();
    match (has("apiVersion"), has("kind")) {
        (true, true) => true,
        (true, false) | (false, true) => has("metadata"),
        (false, false) => false,
    }
}

fn no_object(document: &Node) -> Diagnostic {
    let fault = Diagnostic::error(
        "no-object",
        "the document is not a Kubernetes object: it has no `apiVersion` and `kind`",
    );
    let span = document.span();
    let fault = fault.at(span.start());
    fault.help("add them, or pass only files with manifests")
}

/// Adds an object, or the items of a List.
fn collect_objects(node: Node, objects: &mut Vec<Object>) {
    let object = Object::new(node);
    let items = object.node.get("items");
    let is_list = object.kind().ends_with("List")
        && object.name().is_empty()
        && items.is_some_and(|it| it.as_sequence().is_some());
    if !is_list {
        objects.push(object);
        return;
    }
    let entries = object.node.into_mapping();
    let items = entries.and_then(|mut it| it.remove("items"));
    let items = items.and_then(|it| it.value.into_sequence());
    let items = items.into_iter().flatten();
    items.for_each(|it| collect_objects(it, objects));
}

/// Helm templates are the most common reason for invalid YAML.
fn with_help(fault: Diagnostic, source: &Source) -> Diagnostic {
    match source.text.contains("{{") {
        true => fault
            .help("if it is a template of a chart, run `pleach template CHART | pleach check -`"),
        false => fault,
    }
}
