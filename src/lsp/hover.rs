//! Hover texts for the field, kind, claim or value under the cursor.

use std::fmt::Write;
use std::ops::Range;

use super::completion::facts;
use super::cursor::CursorTarget;
use super::reference::{Site, named_at};
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
    if let Some(site) = named_at(workspace, path, at) {
        return hover(of_claim(workspace, &site)?);
    }
    let field = cursor.field(&text);
    let is_value = matches!(cursor.target, CursorTarget::Value { .. });
    let document = workspace.document_kind(path, &text, &cursor)?;
    if let (DocumentKind::Claim(kind), [Step::Key(key)], true) =
        (&document, field.as_slice(), is_value)
        && &**key == "kind"
    {
        return hover(of_kind(kind));
    }
    let schema = document.schema();
    if let Some(node) = document_node(workspace, path, &text, &cursor)
        && let Some(location) = chart_location(workspace, schema, &node, &field)
        && let Some((Step::Key(name), _)) = field.split_last()
        && location.shape.is_known()
        && schema_at(schema, &field).is_none_or(|it| it.values_of().is_none())
    {
        let mut words = format!("`{name}` of chart {}", location.chart);
        if let Some(default) = location.shape.default() {
            let _ = write!(words, ", default `{default}`");
        }
        words.extend(location.shape.description().map(|it| format!("\n\n{it}")));
        return hover(words);
    }
    let (Step::Key(name), above) = field.split_last()? else {
        return None;
    };
    let parent = schema_at(schema, above)?;
    hover(of_field(parent, name, schema_at(schema, &field)?))
}

fn of_field(parent: &Schema, name: &str, field: &Schema) -> String {
    let mut words = format!("`{name}`");
    let facts = facts(parent, name, field);
    if !facts.is_empty() {
        let _ = write!(words, ": {facts}");
    }
    let allowed = field.allowed_values().iter().filter_map(|it| it.as_str());
    let allowed: Vec<String> = allowed.map(|it| format!("`{it}`")).collect();
    if !allowed.is_empty() {
        let _ = write!(words, "\n\nOne of {}.", allowed.join(", "));
    }
    let sentences = field.sentences();
    if !sentences.is_empty() {
        let _ = write!(words, "\n\n{sentences}");
    }
    words
}

fn of_kind(kind: &ClaimKind) -> String {
    let versions = kind.api_versions.join("`, `");
    let mut words = format!(
        "`{}`: claims of `{versions}`, in {}",
        kind.name,
        kind.group.folder()
    );
    if !kind.description.is_empty() {
        let _ = write!(words, "\n\n{}", kind.description);
    }
    let outputs: Vec<String> = kind
        .outputs
        .iter()
        .map(|it| format!("`outputs.{}`", it.0))
        .collect();
    if !outputs.is_empty() {
        let _ = write!(
            words,
            "\n\nOther claims can refer to {}.",
            outputs.join(", ")
        );
    }
    words
}

/// The location of a claim, and its outputs.
fn of_claim(workspace: &Workspace, site: &Site) -> Option<String> {
    let documents: Vec<_> = workspace.documents(&site.environment, &site.name).collect();
    let first = documents.first()?;
    let mut words = format!("`{}/{}`", first.kind, first.name);
    let mut locations: Vec<String> = documents
        .iter()
        .map(|it| format!("`{}`", it.path))
        .collect();
    locations.dedup();
    let _ = write!(words, " in {}", locations.join(" over "));
    if site.environment == BASE {
        let environments = workspace.environments_of(&first.path, &site.name);
        if !environments.is_empty() {
            let _ = write!(words, "\n\nIn environments {}.", environments.join(", "));
        }
    }
    let kind = workspace.kind(&first.kind);
    words.extend(
        kind.map(|it| format!("\n\n{}", it.description))
            .filter(|it| it.len() > 2),
    );
    Some(words)
}
