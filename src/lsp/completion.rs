//! Completion of fields, kinds, values, names of claims, and values and versions of charts.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cursor::{Cursor, CursorTarget};
use super::index::environment_of;
use super::reference::reference_fields;
use super::state::{DocumentKind, Workspace, dotted, field_path, schema_at};
use super::values::{ChartLocation, ChartSchema, chart_location, document_node};
use crate::chart::Lock;
use crate::layout::BASE;
use crate::load::ClaimKind;
use crate::schema::{Schema, as_json};
use crate::tree::TreePath;
use crate::yaml::{Node, Step};

/// A text that the editor offers at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The label, which is compared with the typed text.
    pub label: String,
    /// The kind of item, which editors show as an icon.
    pub kind: ItemKind,
    /// The bytes that it replaces.
    pub range: Range<usize>,
    /// The text to insert in place of the range.
    pub text: String,
    /// A short description, such as its type and default.
    pub detail: String,
    /// The description that the editor shows beside it.
    pub documentation: String,
    /// Whether it is listed before others.
    pub is_first: bool,
}

/// The kind of a completion item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A field of a claim, an environment or `pleach.yaml`.
    Field,
    /// One of the values that a field allows.
    Value,
    /// The name of a claim, an environment or a chart of the workspace.
    Name,
    /// The name of a claim kind.
    Kind,
}

/// The completion items at a byte of a file.
pub fn completion(workspace: &Workspace, path: &TreePath, at: usize) -> Vec<Item> {
    let Some((text, cursor)) = workspace.cursor(path, at) else {
        return Vec::new();
    };
    let mut completions = Completions {
        workspace,
        path,
        text: &text,
        cursor: &cursor,
        items: Vec::new(),
    };
    completions.kinds();
    if let Some(document) = workspace.document_kind(path, &text, &cursor) {
        completions.document(&document);
    } else {
        completions.root_fields();
    }
    completions.items
}

struct Completions<'a> {
    workspace: &'a Workspace,
    path: &'a TreePath,
    text: &'a str,
    cursor: &'a Cursor,
    items: Vec<Item>,
}

impl Completions<'_> {
    fn add(
        &mut self,
        label: &str,
        kind: ItemKind,
        text: String,
        detail: String,
        documentation: String,
    ) {
        if self.items.iter().any(|it| it.label == label) {
            return;
        }
        self.items.push(Item {
            label: label.to_string(),
            kind,
            range: self.cursor.word(),
            text,
            detail,
            documentation,
            is_first: false,
        });
    }

    /// The values of `kind` and `apiVersion`.
    fn kinds(&mut self) {
        let [Step::Key(key)] = self.cursor.path.as_slice() else {
            return;
        };
        if !matches!(self.cursor.target, CursorTarget::Value { .. })
            || environment_of(self.path).is_none()
        {
            return;
        }
        let document = self.text.get(self.cursor.document.clone()).unwrap_or("");
        match &**key {
            "kind" => {
                for kind in &self.workspace.kinds {
                    let (name, versions) = (kind.name.as_str(), kind.api_versions.join(", "));
                    self.add(
                        name,
                        ItemKind::Kind,
                        name.to_string(),
                        versions,
                        kind.description.clone(),
                    );
                }
            }
            "apiVersion" => {
                let kind = super::state::root_value(document, "kind")
                    .and_then(|it| self.workspace.kind(it));
                let kinds = match kind {
                    Some(kind) => std::slice::from_ref(kind),
                    None => &self.workspace.kinds,
                };
                for version in kinds.iter().flat_map(|it| &it.api_versions) {
                    self.add(
                        version,
                        ItemKind::Value,
                        version.clone(),
                        String::new(),
                        String::new(),
                    );
                }
            }
            _ => {}
        }
    }

    /// The fields at the root of every claim, for a document whose kind is not yet known.
    fn root_fields(&mut self) {
        let is_root =
            self.cursor.path.is_empty() && matches!(self.cursor.target, CursorTarget::Key { .. });
        if !is_root || environment_of(self.path).is_none() {
            return;
        }
        for key in ["apiVersion", "kind", "metadata", "spec"] {
            self.add(
                key,
                ItemKind::Field,
                format!("{key}: "),
                String::new(),
                String::new(),
            );
        }
    }

    fn document(&mut self, document: &DocumentKind) {
        let schema = document.schema();
        let cursor = self.cursor;
        let node = document_node(self.workspace, self.path, self.text, cursor);
        let values = node
            .as_ref()
            .and_then(|it| chart_location(self.workspace, schema, it, &cursor.path));
        if let Some(location) = values {
            return self.chart_values(&location);
        }
        let Some(schema) = schema_at(schema, &cursor.path) else {
            return;
        };
        let is_key = matches!(cursor.target, CursorTarget::Key { .. });
        let is_in_map = schema.properties().next().is_some();
        if is_key && is_in_map {
            return self.fields(schema, node.as_ref());
        }
        if is_key && !matches!(cursor.path.last(), Some(Step::Index(_))) {
            return;
        }
        self.names(document, node.as_ref());
        self.allowed(schema);
    }

    /// The fields of a map that the document does not have yet.
    fn fields(&mut self, schema: &Schema, document: Option<&Node>) {
        let existing = self.existing_keys(document);
        for (name, field) in schema.properties() {
            let is_without_effect = field.effective_when().is_some_and(|it| {
                it.when.as_str() == Some("false") || it.when.as_bool() == Some(false)
            });
            if existing.contains(name) || is_without_effect {
                continue;
            }
            let is_collection = matches!(field.type_name(), "object" | "array");
            let text = self.with_colon(name, is_collection, field.type_name() == "array");
            self.add(
                name,
                ItemKind::Field,
                text,
                field_summary(schema, name, field),
                field.sentences(),
            );
        }
        let required: BTreeSet<&str> = schema.required().collect();
        for item in &mut self.items {
            item.is_first |= required.contains(item.label.as_str());
        }
    }

    /// The keys of the map around the cursor, except the one under it.
    fn existing_keys(&self, document: Option<&Node>) -> BTreeSet<String> {
        let map = document.and_then(|it| it.at_path(&field_path(&self.cursor.path)));
        let current = self.text.get(self.cursor.word()).unwrap_or("");
        let keys = map.and_then(Node::as_mapping).into_iter().flatten();
        let keys = keys.filter_map(|it| it.key.as_str());
        keys.filter(|it| *it != current)
            .map(str::to_string)
            .collect()
    }

    /// The text to insert for a key: with its colon, and for a collection in block style with the beginning of the next line. A key
    /// that has a value is inserted without a colon.
    fn with_colon(&self, name: &str, is_collection: bool, is_list: bool) -> String {
        let CursorTarget::Key {
            indent, has_value, ..
        } = &self.cursor.target
        else {
            return name.to_string();
        };
        match indent {
            _ if *has_value => name.to_string(),
            Some(indent) if is_collection => {
                let dash = if is_list { "- " } else { "" };
                format!("{name}:\n{}{dash}", " ".repeat(indent + 2))
            }
            _ => format!("{name}: "),
        }
    }

    /// The values that a field allows, and its default.
    fn allowed(&mut self, schema: &Schema) {
        for value in schema.allowed_values() {
            let text = scalar_text(value);
            let detail = match schema.default() {
                Some(default) if default.same_data(value) => "default".to_string(),
                _ => String::new(),
            };
            self.add(&text.clone(), ItemKind::Value, text, detail, String::new());
        }
        if schema.type_name() == "boolean" {
            for value in ["true", "false"] {
                self.add(
                    value,
                    ItemKind::Value,
                    value.to_string(),
                    String::new(),
                    String::new(),
                );
            }
        }
        if schema.allowed_values().is_empty()
            && let Some(default) = schema.default().filter(|it| it.is_scalar())
        {
            let text = scalar_text(default);
            self.add(
                &text.clone(),
                ItemKind::Value,
                text,
                "default".to_string(),
                String::new(),
            );
        }
    }

    /// The names that a field can refer to.
    fn names(&mut self, document: &DocumentKind, node: Option<&Node>) {
        let location = dotted(&self.cursor.path);
        match document {
            DocumentKind::Config(_) => self.config_names(&location),
            DocumentKind::Claim(kind) => {
                self.claim_names(kind, &location, node);
                self.pinned_charts(node);
            }
        }
    }

    /// The names that a field of `environment.yaml` or `pleach.yaml` can refer to.
    fn config_names(&mut self, location: &str) {
        match location {
            "spec.exclude" => {
                let base = self.workspace.index.of_environment(BASE);
                let base: BTreeSet<String> =
                    base.map(|it| format!("{}/{}", it.kind, it.name)).collect();
                base.into_iter().for_each(|it| self.name(&it, ""));
            }
            "spec.environments" => {
                let names: Vec<String> = self
                    .workspace
                    .environments
                    .iter()
                    .filter(|it| *it != BASE)
                    .cloned()
                    .collect();
                names.iter().for_each(|it| self.name(it, ""));
            }
            "metadata.name" => {
                let folder = environment_of(self.path).map(str::to_string);
                folder
                    .iter()
                    .for_each(|it| self.name(it, "the folder's name"));
            }
            _ => {}
        }
    }

    /// The value of a key in the map that contains the field under the cursor.
    fn sibling<'n>(&self, node: Option<&'n Node>, key: &str) -> Option<&'n str> {
        let (_, parent) = self.cursor.path.split_last()?;
        node?.at_path(&field_path(parent))?.get(key)?.as_str()
    }

    /// The names that a field of a claim can refer to.
    fn claim_names(&mut self, kind: &ClaimKind, location: &str, node: Option<&Node>) {
        let Some(environment) = environment_of(self.path) else {
            return;
        };
        let own_kind = kind;
        let mut fields = reference_fields(self.workspace, kind).into_iter();
        if let Some(field) = fields.find(|it| dotted(it.path.steps()) == location) {
            let kind = self.sibling(node, "kind").or(field.kind.as_deref());
            let kind = kind.and_then(|it| self.workspace.kind(it));
            // A claim cannot refer to itself.
            let own = node.and_then(|it| it.at_keys(&["metadata", "name"])?.as_str());
            let is_own = |name: &str, kind: &str| own == Some(name) && own_kind.has_name(kind);
            for (name, kind_name) in self.workspace.claims_of(environment) {
                if kind.is_none_or(|it| it.has_name(kind_name)) && !is_own(name, kind_name) {
                    self.name(name, kind_name);
                }
            }
        }
        if location == "metadata.name" && environment != BASE {
            let base: BTreeSet<(String, String)> = self
                .workspace
                .index
                .of_environment(BASE)
                .filter(|it| kind.has_name(&it.kind))
                .map(|it| (it.name.clone(), it.kind.clone()))
                .collect();
            base.iter()
                .for_each(|(name, kind)| self.name(name, &format!("{kind} of base")));
        }
        if location == "metadata.env" {
            self.name(environment, "the environment");
        }
        self.value_from(kind, location, node);
    }

    /// The values of `kind` and `fieldPath` in `valueFrom`.
    fn value_from(&mut self, kind: &ClaimKind, location: &str, node: Option<&Node>) {
        let Some(environment) = environment_of(self.path) else {
            return;
        };
        for reference in &kind.references {
            let field = location
                .strip_prefix(&*reference.at)
                .and_then(|it| it.strip_prefix(".valueFrom."));
            match field {
                Some("kind") => {
                    let claims = self.workspace.claims_of(environment);
                    let kinds: BTreeSet<&str> = claims.iter().map(|it| it.1).collect();
                    kinds.into_iter().for_each(|it| self.name(it, ""));
                }
                Some("fieldPath") => {
                    if let Some(name) = self.sibling(node, "name") {
                        self.outputs(environment, name);
                    }
                }
                _ => {}
            }
        }
    }

    /// The outputs of a claim.
    fn outputs(&mut self, environment: &str, name: &str) {
        let kind = self
            .workspace
            .documents(environment, name)
            .find_map(|it| self.workspace.kind(&it.kind));
        for (output, _) in kind.iter().flat_map(|it| &it.outputs) {
            self.name(&format!("outputs.{output}"), &format!("of {name}"));
        }
    }

    /// The charts, repositories and versions in the lock, for a map that refers to a chart.
    fn pinned_charts(&mut self, node: Option<&Node>) {
        let Some((Step::Key(field), parent)) = self.cursor.path.split_last() else {
            return;
        };
        let is_chart = matches!(parent.last(), Some(Step::Key(key)) if &**key == "chart");
        if !is_chart {
            return;
        }
        let Ok(lock) = Lock::read(&self.workspace.files) else {
            return;
        };
        let (name, repository) = (self.sibling(node, "name"), self.sibling(node, "repository"));
        for pin in &lock.pins {
            let is_same = |written: Option<&str>, value: &str| {
                written.is_none_or(|it| it.trim_end_matches('/') == value)
            };
            match &**field {
                "name" => self.name(&pin.name, &format!("{} of {}", pin.version, pin.repository)),
                "repository" => self.name(&pin.repository, "in pleach.lock"),
                "version" if is_same(name, &pin.name) && is_same(repository, &pin.repository) => {
                    let detail = format!("pinned as {}", pin.version);
                    self.name(&pin.version, &detail);
                }
                _ => {}
            }
        }
    }

    /// Adds a name.
    fn name(&mut self, name: &str, detail: &str) {
        self.add(
            name,
            ItemKind::Name,
            name.to_string(),
            detail.to_string(),
            String::new(),
        );
    }

    /// The fields or values at a location in the values of a chart.
    fn chart_values(&mut self, location: &ChartLocation<'_>) {
        let detail = |schema: &ChartSchema<'_>| match schema.default() {
            Some(default) => format!("{}: {}", location.chart, truncated(&default.to_string())),
            None => location.chart.clone(),
        };
        if matches!(self.cursor.target, CursorTarget::Key { .. }) {
            let node = document_node(self.workspace, self.path, self.text, self.cursor);
            let existing = self.existing_keys(node.as_ref());
            for (name, schema) in location.schema.fields() {
                if !existing.contains(name) {
                    let text = self.with_colon(name, schema.is_map(), false);
                    let description = schema.description().unwrap_or("").to_string();
                    self.add(name, ItemKind::Field, text, detail(&schema), description);
                }
            }
            return;
        }
        let schema = &location.schema;
        let booleans = match schema.type_name() == Some("boolean")
            || schema.default().is_some_and(|it| it.is_boolean())
        {
            true => vec!["true".to_string(), "false".to_string()],
            false => Vec::new(),
        };
        let text =
            |it: &serde_json::Value| it.as_str().map_or_else(|| it.to_string(), str::to_string);
        let allowed = schema.allowed().into_iter().map(text);
        let default = schema
            .default()
            .filter(|it| !it.is_array() && !it.is_object())
            .map(text);
        let all: Vec<String> = allowed.chain(booleans).chain(default).collect();
        for value in all.into_iter().filter(|it| !it.is_empty()) {
            self.add(
                &value.clone(),
                ItemKind::Value,
                value,
                location.chart.clone(),
                String::new(),
            );
        }
    }
}

/// The type of a field, whether it is required, and its default.
pub(super) fn field_summary(parent: &Schema, name: &str, field: &Schema) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(Some(field.type_name().to_string()).filter(|it| !it.is_empty()));
    if parent.required().any(|it| it == name) && field.default().is_none() {
        parts.push("required".to_string());
    }
    let default = field.default().filter(|it| !it.is_empty_collection());
    parts.extend(default.map(|it| format!("default {}", truncated(&as_json(it).to_string()))));
    parts.join(", ")
}

/// The beginning of a text, with `…` if it does not fit on a line.
fn truncated(text: &str) -> String {
    const WIDTH: usize = 60;
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
        None => text.to_string(),
    }
}

/// A scalar as written, with quotes if it would otherwise have another type.
fn scalar_text(value: &Node) -> String {
    match value.as_string() {
        Some(text) if !crate::yaml::is_plain(text) => as_json(value).to_string(),
        _ => value.as_str().unwrap_or("").to_string(),
    }
}
