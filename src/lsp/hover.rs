//! Hover texts for the field, kind, claim or value under the cursor.

use std::fmt::Write;
use std::ops::Range;

use super::completion::field_summary;
use super::cursor::CursorTarget;
use super::reference::{ClaimReference, reference_at};
use super::state::{DocumentKind, Workspace, schema_at};
use super::values::{chart_location, document_node};
use crate::layout::BASE;
use crate::load::ClaimKind;
use crate::schema::Schema;
use crate::tree::TreePath;
use crate::yaml::Step;

/// A text in Markdown, and the bytes that it describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// The text to show, as Markdown.
    pub text: String,
    /// The bytes that the text describes.
    pub range: Range<usize>,
}

/// The hover text at a byte of a file.
pub fn hover(workspace: &Workspace, path: &TreePath, at: usize) -> Option<Hover> {
    let (text, cursor) = workspace.cursor(path, at)?;
    let range = cursor.word();
    let hover = |text: String| {
        Some(Hover {
            text,
            range: range.clone(),
        })
    };
    if let Some(reference) = reference_at(workspace, path, at) {
        return hover(claim_text(workspace, &reference)?);
    }
    let field = cursor.field(&text);
    let is_value = matches!(cursor.target, CursorTarget::Value { .. });
    let document = workspace.document_kind(path, &text, &cursor)?;
    if let (DocumentKind::Claim(kind), [Step::Key(key)], true) =
        (&document, field.as_slice(), is_value)
        && &**key == "kind"
    {
        return hover(kind_text(kind));
    }
    let schema = document.schema();
    if let Some(node) = document_node(workspace, path, &text, &cursor)
        && let Some(location) = chart_location(workspace, schema, &node, &field)
        && let Some((Step::Key(name), _)) = field.split_last()
        && location.schema.is_known()
        && schema_at(schema, &field).is_none_or(|it| it.values_of().is_none())
    {
        let mut text = format!("`{name}` of chart {}", location.chart);
        if let Some(default) = location.schema.default() {
            let _ = write!(text, ", default `{default}`");
        }
        text.extend(location.schema.description().map(|it| format!("\n\n{it}")));
        return hover(text);
    }
    let (Step::Key(name), above) = field.split_last()? else {
        return None;
    };
    let parent = schema_at(schema, above)?;
    hover(field_text(parent, name, schema_at(schema, &field)?))
}

/// Describes a field of a claim or configuration file.
fn field_text(parent: &Schema, name: &str, field: &Schema) -> String {
    let mut text = format!("`{name}`");
    let summary = field_summary(parent, name, field);
    if !summary.is_empty() {
        let _ = write!(text, ": {summary}");
    }
    let allowed = field.allowed_values().iter().filter_map(|it| it.as_str());
    let allowed: Vec<String> = allowed.map(|it| format!("`{it}`")).collect();
    if !allowed.is_empty() {
        let _ = write!(text, "\n\nOne of {}.", allowed.join(", "));
    }
    let sentences = field.sentences();
    if !sentences.is_empty() {
        let _ = write!(text, "\n\n{sentences}");
    }
    text
}

/// Describes a claim kind.
fn kind_text(kind: &ClaimKind) -> String {
    let versions = kind.api_versions.join("`, `");
    let mut text = format!(
        "`{}`: claims of `{versions}`, in {}",
        kind.name,
        kind.group.folder()
    );
    if !kind.description.is_empty() {
        let _ = write!(text, "\n\n{}", kind.description);
    }
    let outputs: Vec<String> = kind
        .outputs
        .iter()
        .map(|it| format!("`outputs.{}`", it.0))
        .collect();
    if !outputs.is_empty() {
        let _ = write!(
            text,
            "\n\nOther claims can refer to {}.",
            outputs.join(", ")
        );
    }
    text
}

/// Describes a claim: its files, its environments, and the description of its kind.
fn claim_text(workspace: &Workspace, reference: &ClaimReference) -> Option<String> {
    let documents: Vec<_> = workspace
        .documents(&reference.environment, &reference.name)
        .collect();
    let first = documents.first()?;
    let mut text = format!("`{}/{}`", first.kind, first.name);
    let mut locations: Vec<String> = documents
        .iter()
        .map(|it| format!("`{}`", it.path))
        .collect();
    locations.dedup();
    let _ = write!(text, " in {}", locations.join(" over "));
    if reference.environment == BASE {
        let environments = workspace.environments_of(&first.path, &reference.name);
        if !environments.is_empty() {
            let _ = write!(text, "\n\nIn environments {}.", environments.join(", "));
        }
    }
    let kind = workspace.kind(&first.kind);
    text.extend(
        kind.map(|it| format!("\n\n{}", it.description))
            .filter(|it| it.len() > 2),
    );
    Some(text)
}
