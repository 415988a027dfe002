//! The objects of one file.

use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use serde::de::IgnoredAny;

use super::find::{Candidate, unreadable};
use crate::check::ALLOW;
use crate::diag::{Diagnostic, Diagnostics, Source};
use crate::object::Object;
use crate::tree::{Files, TreePath};
use crate::yaml::{Node, parse, parse_within, text_source};

/// What a file has.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) objects: Vec<Object>,
    /// Its text, if it has comments that allow something.
    pub(super) source: Option<Arc<Source>>,
    pub(super) found: Diagnostics,
}

/// Reads a file. One that nobody named may have other data than objects.
pub(super) fn read_file(files: &dyn Files, file: &Candidate) -> Reading {
    let bytes = match files.read(&file.path) {
        Ok(bytes) => bytes,
        Err(error) => return unreadable(&file.path, &error).into(),
    };
    let has = |word: &str| memmem::find(&bytes, word.as_bytes()).is_some();
    if !file.is_named && !is_wide(&bytes) && !has("apiVersion") && !has("kind") {
        return Reading::default();
    }
    match text_source(&file.path, &bytes) {
        Ok(source) => read(&source, file.is_named),
        Err(fault) => fault.into(),
    }
}

/// Whether a text is in UTF-16, as PowerShell writes it: whatever it has, nobody can read it.
fn is_wide(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff])
}

/// Reads a text that somebody gave for objects.
pub(super) fn read_text(source: &Arc<Source>) -> Reading {
    read(source, true)
}

/// The text of a file if it has comments that allow something.
pub(super) fn commented(files: &dyn Files, path: &TreePath) -> Option<Arc<Source>> {
    let bytes = files.read(path).ok()?;
    memmem::find(&bytes, ALLOW.as_bytes())?;
    text_source(path, &bytes).ok()
}

impl From<Diagnostic> for Reading {
    fn from(fault: Diagnostic) -> Reading {
        Reading {
            found: fault.into(),
            ..Reading::default()
        }
    }
}

fn read(source: &Arc<Source>, is_named: bool) -> Reading {
    let documents = match documents(source) {
        Ok(documents) => documents,
        Err(faults) => {
            let found = faults.into_iter().map(|it| with_help(it, source));
            return Reading {
                found: found.collect(),
                ..Reading::default()
            };
        }
    };
    let mut reading = Reading {
        source: source.text.contains(ALLOW).then(|| source.clone()),
        ..Reading::default()
    };
    for document in documents.into_iter().filter(|it| !it.is_null()) {
        if is_object(&document) {
            gather(document, &mut reading.objects);
        } else if is_named {
            reading.found.push(no_object(&document));
        }
    }
    reading
}

/// The documents of a text: YAML, or JSON values one after the other, as `jq` prints them.
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

/// The places of JSON values; `None` for a text that is something else.
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

/// Whether a document is meant to be an object: only one of its marks may be forgotten.
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
        "the document is no Kubernetes object: it has no `apiVersion` and `kind`",
    );
    let span = document.span();
    let fault = fault.at(span.start());
    fault.help("add them, or name only files of manifests")
}

/// Takes an object, and the items of a list of them.
fn gather(node: Node, objects: &mut Vec<Object>) {
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
    items.for_each(|it| gather(it, objects));
}

/// Templates are the most common reason for text that is no YAML.
fn with_help(fault: Diagnostic, source: &Source) -> Diagnostic {
    match source.text.contains("{{") {
        true => fault.help("render templates first: `pleach template CHART | pleach check -`"),
        false => fault,
    }
}
