//! The parsed files of a chart.

use std::sync::Arc;

use crate::semver::Version;
use pleach_kube::schema::Schema;
use pleach_yaml::diag::{Class, Diagnostic, Diagnostics};
use pleach_yaml::tree::{Files, FilesError, TreePath};
use pleach_yaml::{Mapping, Node, parse_one};

/// The metadata and values of a chart, with spans.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The parsed `Chart.yaml`, with locations.
    pub metadata: Node,
    /// `name` of `Chart.yaml`, which may differ from the name of the archive.
    pub name: String,
    /// `version` of `Chart.yaml`, parsed as SemVer.
    pub version: Version,
    /// `values.yaml`; an empty map if there is none.
    pub values: Node,
    /// `values-production.yaml`, if there is one.
    pub production: Option<Node>,
    /// `values.schema.json`, if it can be represented as a structural schema.
    pub schema: Option<Arc<Schema>>,
}

impl Chart {
    /// Reads the chart in a folder. Messages and spans show `location` as its path.
    pub(super) fn from_files(
        files: &dyn Files,
        folder: &TreePath,
        location: &TreePath,
    ) -> Result<Chart, Diagnostic> {
        let read = |name: &str| document(files, &folder.child(name), &location.child(name));
        let metadata = read("Chart.yaml")?.ok_or_else(|| {
            Diagnostic::error("invalid-chart", format!("`{location}` has no `Chart.yaml`"))
                .class(Class::InvalidChart)
        })?;
        let (name, version) = identity(&metadata)?;
        Ok(Chart {
            name,
            version,
            values: read("values.yaml")?.unwrap_or_else(|| Node::mapping(Mapping::new())),
            production: read("values-production.yaml")?,
            schema: read("values.schema.json")?.and_then(schema),
            metadata,
        })
    }
}

/// The schema of a chart's values; `None` if it uses keywords that structural schemas do not support.
fn schema(mut node: Node) -> Option<Arc<Schema>> {
    allow_unknown_fields(&mut node);
    Schema::parse_values(&node).ok().map(Arc::new)
}

/// Allows unknown fields, which JSON Schema does by default and structural schemas do not.
fn allow_unknown_fields(node: &mut Node) {
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(allow_unknown_fields);
    }
    let Some(mapping) = node.as_mapping_mut() else {
        return;
    };
    let has_fields = mapping
        .get("properties")
        .is_some_and(|it| it.as_mapping().is_some());
    if has_fields && !mapping.contains_key("additionalProperties") {
        mapping.insert("x-kubernetes-preserve-unknown-fields", true);
    }
    mapping
        .iter_mut()
        .for_each(|it| allow_unknown_fields(&mut it.value));
}

/// The name and version in `Chart.yaml`.
pub(super) fn identity(metadata: &Node) -> Result<(String, Version), Diagnostic> {
    let field = |key: &str| metadata.get(key).and_then(Node::as_str);
    let invalid = |message: &str, key: &str| {
        let fault =
            Diagnostic::error("invalid-chart", message.to_string()).class(Class::InvalidChart);
        fault.at(metadata.get(key).unwrap_or(metadata))
    };
    let name = field("name").filter(|it| !it.is_empty() && !it.contains('/'));
    let name = name.ok_or_else(|| invalid("the chart has no name", "name"))?;
    let version = field("version").and_then(|it| Version::parse(it).ok());
    let version =
        version.ok_or_else(|| invalid("the chart has no version in the form 1.2.3", "version"))?;
    Ok((name.to_string(), version))
}

/// A file with one document. `None` if it does not exist or is empty.
pub(super) fn document(
    files: &dyn Files,
    path: &TreePath,
    location: &TreePath,
) -> Result<Option<Node>, Diagnostic> {
    let bytes: Arc<[u8]> = match files.read(path) {
        Ok(bytes) => bytes,
        Err(FilesError::NotFound) => return Ok(None),
        Err(error) => {
            let message = format!("cannot read `{location}`: {error}");
            return Err(Diagnostic::error("unreadable-file", message).class(Class::Unreadable));
        }
    };
    let source = pleach_yaml::text_source(location, &bytes)?;
    let first = |faults: Diagnostics| faults.into_iter().next();
    let node = parse_one(&source).map_err(|faults| {
        let message = format!("`{location}` is not valid YAML");
        first(faults).unwrap_or_else(|| {
            Diagnostic::error("invalid-chart", message).class(Class::InvalidChart)
        })
    })?;
    if node.is_null() {
        return Ok(None);
    }
    match node.as_mapping() {
        Some(_) => Ok(Some(node)),
        None => {
            let fault = Diagnostic::error(
                "invalid-chart",
                format!("expected `{location}` to be a mapping"),
            )
            .class(Class::InvalidChart);
            Err(fault.at(&node))
        }
    }
}
