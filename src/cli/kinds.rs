//! `pleach kinds`: all claim kinds, or the fields of one.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use clap_complete::ArgValueCandidates;

use super::session::{self, Session};
use super::{Global, Outcome, output};
use pleach::diag::{Diagnostics, nearest};
use pleach::load::{self, ClaimKind};
use pleach::schema::Schema;
use pleach::tree::Tree;
use pleach::yaml::Node;

/// The width if standard output is not a terminal.
const COLUMNS: usize = 100;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The kind whose fields to print
    #[arg(value_name = "KIND", add = ArgValueCandidates::new(super::completions::kinds))]
    kind: Option<String>,
}

pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<Outcome> {
    let mut diagnostics = Diagnostics::default();
    let (kinds, outcome) = match Session::find(global)? {
        Some(session) => {
            let kinds = load::kinds(&session.files, &mut diagnostics);
            let outcome = session.report(&diagnostics);
            (kinds, outcome)
        }
        None => (
            load::kinds(&Tree::new(), &mut diagnostics),
            session::report(&diagnostics, global, &ToString::to_string),
        ),
    };
    match &arguments.kind {
        None => output::text(&list(&kinds, output::columns()))?,
        Some(name) => output::text(&outline(
            find(&kinds, name)?,
            output::columns().unwrap_or(COLUMNS),
        ))?,
    }
    Ok(outcome)
}

fn find<'a>(kinds: &'a [Arc<ClaimKind>], name: &str) -> Result<&'a ClaimKind> {
    if let Some(kind) = kinds.iter().find(|it| it.has_name(name)) {
        return Ok(kind);
    }
    let known: Vec<&str> = kinds.iter().flat_map(|it| it.names()).collect();
    match nearest(name, known.iter().copied()) {
        Some(nearest) => bail!("unknown claim kind `{name}`; did you mean `{nearest}`?"),
        None => bail!(
            "unknown claim kind `{name}`; known kinds: {}",
            known.join(", ")
        ),
    }
}

/// A kind's names, versions and group, and its description: on one line, or in a terminal below.
fn list(kinds: &[Arc<ClaimKind>], columns: Option<usize>) -> String {
    let rows = kinds.iter().map(|it| {
        let names: Vec<&str> = it.names().collect();
        (names.join(", "), it.api_versions.join(", "), it)
    });
    let rows: Vec<_> = rows.collect();
    let wide = |of: fn(&(String, String, &Arc<ClaimKind>)) -> usize| {
        rows.iter().map(of).max().unwrap_or(0)
    };
    let (names_wide, versions_wide) = (wide(|it| it.0.len()), wide(|it| it.1.len()));
    let mut text = String::new();
    for (names, versions, kind) in &rows {
        let names = bold(&format!("{names:names_wide$}"));
        let group = kind.group.folder();
        let description = first_sentence(&kind.description);
        let _ = match columns {
            None => writeln!(
                text,
                "{names}  {versions:versions_wide$}  {group:14}  {description}"
            ),
            Some(columns) => {
                let lines = wrap(description, columns.saturating_sub(4)).join("\n    ");
                writeln!(
                    text,
                    "{names}  {versions:versions_wide$}  {group}\n    {lines}"
                )
            }
        };
    }
    text
}

fn first_sentence(text: &str) -> &str {
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    text.get(..end).unwrap_or(text)
}

fn outline(kind: &ClaimKind, columns: usize) -> String {
    let mut outline = Outline {
        text: format!("{}\n", bold(&kind.name)),
        columns,
    };
    outline.wrapped(0, &kind.description);
    outline.fact("also called", &kind.aliases);
    outline.fact("apiVersion", &kind.api_versions);
    outline.fact("group", &[kind.group.folder().to_string()]);
    for key in ["provides", "requires"] {
        for capability in capabilities(kind, key) {
            outline.fact(key, &[capability]);
        }
    }
    let outputs = kind.outputs.iter().map(|it| it.0.clone());
    outline.fact("outputs", &outputs.collect::<Vec<_>>());
    outline.text.push('\n');
    // The common fields of claims are left out.
    outline.fields(0, &kind.schema, &["apiVersion", "kind"]);
    outline.text
}

/// CRDs that a kind provides or requires, each with its condition.
fn capabilities(kind: &ClaimKind, key: &str) -> Vec<String> {
    let items = kind.spec.get(key).and_then(Node::as_sequence);
    let describe = |item: &Node| {
        let word = |key: &str| item.get(key).and_then(Node::as_str);
        let name = match (word("name"), word("names")) {
            (Some(name), _) => name.to_string(),
            (None, Some(names)) => format!("those of {names}"),
            (None, None) => return None,
        };
        Some(match word("when") {
            Some(when) => format!("{name} when {when}"),
            None => name,
        })
    };
    items
        .unwrap_or_default()
        .iter()
        .filter_map(describe)
        .collect()
}

/// An indented text, wrapped.
struct Outline {
    text: String,
    columns: usize,
}

impl Outline {
    fn fact(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.wrapped(0, &format!("{name}: {}", values.join(", ")));
        }
    }

    /// The fields of a map, or of the items of a list or a free map.
    fn fields(&mut self, depth: usize, schema: &Schema, without: &[&str]) {
        for (name, field) in schema.properties().filter(|it| !without.contains(&it.0)) {
            let required = schema.required().any(|it| it == name);
            self.field(depth, name, field, required);
        }
        if let Some(inner) = schema.items().or(schema.additional()) {
            self.fields(depth, inner, &[]);
        }
    }

    fn field(&mut self, depth: usize, name: &str, field: &Schema, required: bool) {
        let mut details = vec![type_of(field)];
        details.extend(required.then(|| "required".to_string()));
        details.extend(default_of(field));
        details.extend(allowed(field));
        details.extend(bounds(field));
        details.extend(aliases(field));
        details.retain(|it| !it.is_empty());
        let indent = depth * 2;
        let _ = write!(self.text, "{:indent$}{}", "", bold(name));
        let details = details.join(", ");
        let first = indent + name.chars().count() + 2;
        let lines = wrap(&details, self.columns.saturating_sub(first));
        for (at, line) in lines.iter().enumerate() {
            let before = if at == 0 { 2 } else { first };
            let _ = write!(
                self.text,
                "{}{:before$}{line}",
                if at == 0 { "" } else { "\n" },
                ""
            );
        }
        self.text.push('\n');
        self.wrapped(indent + 4, field.description().unwrap_or(""));
        self.fields(depth + 1, field, &[]);
    }

    fn wrapped(&mut self, indent: usize, text: &str) {
        for line in wrap(text, self.columns.saturating_sub(indent)) {
            let _ = writeln!(self.text, "{:indent$}{line}", "");
        }
    }
}

/// `string`, `list of object`, `map of string`, `string or object`.
fn type_of(schema: &Schema) -> String {
    let inner = |inner: Option<&Schema>, word: &str| match inner.map(type_of) {
        Some(inner) if !inner.is_empty() => format!("{word} of {inner}"),
        _ => word.to_string(),
    };
    match schema.type_name() {
        "" => {
            let mut types: Vec<String> = schema.alternatives().map(type_of).collect();
            types.dedup();
            types.join(" or ")
        }
        "array" => inner(schema.items(), "list"),
        "object" if schema.additional().is_some() => inner(schema.additional(), "map"),
        "object" if schema.preserves_unknown() => "any map".to_string(),
        "object" => "map".to_string(),
        name => name.to_string(),
    }
}

fn default_of(schema: &Schema) -> Option<String> {
    if let Some(default) = schema.default() {
        // An empty map is there only so that the fields in it have their defaults.
        let is_frame = default.is_empty_collection() && schema.properties().next().is_some();
        return (!is_frame).then(|| format!("default {}", value(default)));
    }
    let conditional = schema.conditional_default()?;
    Some(format!(
        "default {} when {}",
        value(&conditional.value),
        conditional.when.as_str().unwrap_or("")
    ))
}

fn allowed(schema: &Schema) -> Option<String> {
    let values: Vec<String> = schema.allowed_values().iter().map(value).collect();
    (!values.is_empty()).then(|| format!("one of {}", values.join(" | ")))
}

fn bounds(schema: &Schema) -> Option<String> {
    match schema.bounds() {
        (None, None) => None,
        (Some(least), None) => Some(format!("at least {least}")),
        (None, Some(most)) => Some(format!("at most {most}")),
        (Some(least), Some(most)) => Some(format!("{least} to {most}")),
    }
}

fn aliases(schema: &Schema) -> Option<String> {
    let names: Vec<&str> = schema.aliases().collect();
    (!names.is_empty()).then(|| format!("also `{}`", names.join("`, `")))
}

fn value(node: &Node) -> String {
    match node.as_str() {
        Some("") | None => format!("{node:?}"),
        Some(text) => text.to_string(),
    }
}

/// Breaks a text at spaces. A word that is too long gets its own line.
fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let wide = word.chars().count() + 1;
        match lines.last_mut() {
            Some(line) if line.chars().count() + wide <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

fn bold(text: &str) -> String {
    format!("\x1b[1m{text}\x1b[0m")
}
