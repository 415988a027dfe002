//! Completion: fields, kinds, values, names of claims, values and versions of charts.

use std::collections::BTreeSet;
use std::ops::Range;

use super::cursor::{Cursor, CursorTarget};
use super::index::environment_of;
use super::reference::naming_fields;
use super::state::{DocumentKind, Workspace, dotted, field_path, schema_at};
use super::values::{ChartLocation, Shape, chart_location, document_node};
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
    /// The sort of item, which editors show as an icon.
    pub kind: ItemKind,
    /// The bytes that it replaces.
    pub range: Range<usize>,
    /// The text to insert in place of the range.
    pub text: String,
    /// Its type and default.
    pub detail: String,
    /// The description that the editor shows beside it.
    pub documentation: String,
    /// Whether it is listed before others.
    pub is_first: bool,
}

/// The sort of a completion item.
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
    let mut found = Completions {
        workspace,
        path,
        text: &text,
        cursor: &cursor,
        items: Vec::new(),
    };
    found.kinds();
    if let Some(document) = workspace.document_kind(path, &text, &cursor) {
        found.of_document(&document);
    } else {
        found.envelope();
    }
    found.items
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

    /// The kinds, and the versions of the kind that the document has.
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
                let own = super::state::root_value(document, "kind")
                    .and_then(|it| self.workspace.kind(it));
                let kinds = match own {
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

    /// The first fields of every document, if its kind is not yet known.
    fn envelope(&mut self) {
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

    fn of_document(&mut self, document: &DocumentKind) {
        let schema = document.schema();
        let cursor = self.cursor;
        let node = document_node(self.workspace, self.path, self.text, cursor);
        let values = node
            .as_ref()
            .and_then(|it| chart_location(self.workspace, schema, it, &cursor.path));
        if let Some(location) = values {
            return self.chart_values(&location);
        }
        let Some(here) = schema_at(schema, &cursor.path) else {
            return;
        };
        let is_key = matches!(cursor.target, CursorTarget::Key { .. });
        let is_in_map = here.properties().next().is_some();
        if is_key && is_in_map {
            return self.fields(here, node.as_ref());
        }
        if is_key && !matches!(cursor.path.last(), Some(Step::Index(_))) {
            return;
        }
        self.names(document, node.as_ref());
        self.allowed(here);
    }

    /// The fields of a map that do not exist yet.
    fn fields(&mut self, schema: &Schema, document: Option<&Node>) {
        let there = self.existing_keys(document);
        let mut names: Vec<&str> = Vec::new();
        for (name, field) in schema.properties() {
            let is_without_effect = field.effective_when().is_some_and(|it| {
                it.when.as_str() == Some("false") || it.when.as_bool() == Some(false)
            });
            if there.contains(name) || is_without_effect {
                continue;
            }
            names.push(name);
            let is_map = matches!(field.type_name(), "object" | "array");
            let text = self.with_colon(name, is_map, field.type_name() == "array");
            self.add(
                name,
                ItemKind::Field,
                text,
                facts(schema, name, field),
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
        let own = self.text.get(self.cursor.word()).unwrap_or("");
        let keys = map.and_then(Node::as_mapping).into_iter().flatten();
        let keys = keys.filter_map(|it| it.key.as_str());
        keys.filter(|it| *it != own).map(str::to_string).collect()
    }

    /// A key as written, if its value begins on the next line.
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

    fn allowed(&mut self, schema: &Schema) {
        for value in schema.allowed_values() {
            let text = written(value);
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
            let text = written(default);
            self.add(
                &text.clone(),
                ItemKind::Value,
                text,
                "default".to_string(),
                String::new(),
            );
        }
    }

    /// The names of what a field refers to.
    fn names(&mut self, document: &DocumentKind, node: Option<&Node>) {
        let location = dotted(&self.cursor.path);
        match document {
            DocumentKind::Own(_) => self.own_names(&location),
            DocumentKind::Claim(kind) => {
                self.claim_names(kind, &location, node);
                self.chart_facts(node);
            }
        }
    }

    fn own_names(&mut self, location: &str) {
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
                let own = environment_of(self.path).map(str::to_string);
                own.iter().for_each(|it| self.name(it, "the folder's name"));
            }
            _ => {}
        }
    }

    fn claim_names(&mut self, kind: &ClaimKind, location: &str, node: Option<&Node>) {
        let Some(environment) = environment_of(self.path) else {
            return;
        };
        let field = naming_fields(self.workspace, kind).into_iter();
        let mut field = field.filter(|it| dotted(it.path.steps()) == location);
        let claims = self.workspace.claims_of(environment);
        if let Some(field) = field.next() {
            let mut above = self.cursor.path.clone();
            above.pop();
            let given = node.and_then(|it| {
                it.at_path(&field_path(&above))?
                    .get("kind")?
                    .as_str()
                    .map(str::to_string)
            });
            let wanted = given.or(field.kind);
            let is_wanted = |it: &str| {
                wanted
                    .as_deref()
                    .and_then(|it| self.workspace.kind(it))
                    .is_none_or(|kind| kind.has_name(it))
            };
            let fitting: Vec<(&str, &str)> = claims
                .iter()
                .copied()
                .filter(|it| is_wanted(it.1))
                .collect();
            fitting
                .into_iter()
                .for_each(|(name, kind)| self.name(name, kind));
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
        for reference in &kind.references {
            let below = location
                .strip_prefix(&*reference.at)
                .and_then(|it| it.strip_prefix(".valueFrom."));
            match below {
                Some("kind") => {
                    let kinds: BTreeSet<&str> = claims.iter().map(|it| it.1).collect();
                    kinds.into_iter().for_each(|it| self.name(it, ""));
                }
                Some("fieldPath") => {
                    let mut above = self.cursor.path.clone();
                    above.pop();
                    let named = node.and_then(|it| {
                        it.at_path(&field_path(&above))?
                            .get("name")?
                            .as_str()
                            .map(str::to_string)
                    });
                    self.outputs(environment, named.as_deref());
                }
                _ => {}
            }
        }
    }

    fn outputs(&mut self, environment: &str, name: Option<&str>) {
        let Some(name) = name else { return };
        let kind = self
            .workspace
            .documents(environment, name)
            .find_map(|it| self.workspace.kind(&it.kind));
        for (output, _) in kind.iter().flat_map(|it| &it.outputs) {
            self.name(&format!("outputs.{output}"), &format!("of {name}"));
        }
    }

    /// The charts, repositories and versions in the lock, for a map that refers to a chart.
    fn chart_facts(&mut self, node: Option<&Node>) {
        let Some((Step::Key(last), above)) = self.cursor.path.split_last() else {
            return;
        };
        let Ok(lock) = Lock::read(&self.workspace.files) else {
            return;
        };
        let map = node.and_then(|it| it.at_path(&field_path(above)));
        let given = |key: &str| map.and_then(|it| it.get(key)).and_then(Node::as_str);
        let is_chart = matches!(above.last(), Some(Step::Key(key)) if &**key == "chart");
        if !is_chart {
            return;
        }
        for pin in &lock.pins {
            let fits = |key: &str, value: &str| {
                given(key).is_none_or(|it| it.trim_end_matches('/') == value)
            };
            match &**last {
                "name" => self.name(&pin.name, &format!("{} of {}", pin.version, pin.repository)),
                "repository" => self.name(&pin.repository, "in pleach.lock"),
                "version" if fits("name", &pin.name) && fits("repository", &pin.repository) => {
                    let detail = format!("pinned as {}", pin.version);
                    self.name(&pin.version, &detail);
                }
                _ => {}
            }
        }
    }

    fn name(&mut self, name: &str, detail: &str) {
        self.add(
            name,
            ItemKind::Name,
            name.to_string(),
            detail.to_string(),
            String::new(),
        );
    }

    fn chart_values(&mut self, location: &ChartLocation<'_>) {
        let detail = |shape: &Shape<'_>| match shape.default() {
            Some(default) => format!("{}: {}", location.chart, shortened(&default.to_string())),
            None => location.chart.clone(),
        };
        if matches!(self.cursor.target, CursorTarget::Key { .. }) {
            let node = document_node(self.workspace, self.path, self.text, self.cursor);
            let there = self.existing_keys(node.as_ref());
            for (name, shape) in location.shape.fields() {
                if !there.contains(name) {
                    let text = self.with_colon(name, shape.is_map(), false);
                    let words = shape.description().unwrap_or("").to_string();
                    self.add(name, ItemKind::Field, text, detail(&shape), words);
                }
            }
            return;
        }
        let shape = &location.shape;
        let booleans = match shape.type_name() == Some("boolean")
            || shape.default().is_some_and(|it| it.is_boolean())
        {
            true => vec!["true".to_string(), "false".to_string()],
            false => Vec::new(),
        };
        let text =
            |it: &serde_json::Value| it.as_str().map_or_else(|| it.to_string(), str::to_string);
        let allowed = shape.allowed().into_iter().map(text);
        let default = shape
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
pub(super) fn facts(parent: &Schema, name: &str, field: &Schema) -> String {
    let mut words: Vec<String> = Vec::new();
    words.extend(Some(field.type_name().to_string()).filter(|it| !it.is_empty()));
    if parent.required().any(|it| it == name) && field.default().is_none() {
        words.push("required".to_string());
    }
    let default = field.default().filter(|it| !it.is_empty_collection());
    words.extend(default.map(|it| format!("default {}", shortened(&as_json(it).to_string()))));
    words.join(", ")
}

/// A value that fits on a line.
pub(super) fn shortened(text: &str) -> String {
    const WIDTH: usize = 60;
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or("")),
        None => text.to_string(),
    }
}

/// A scalar as written, with quotes if it would otherwise have another type.
fn written(value: &Node) -> String {
    match value.as_string() {
        Some(text) if !crate::yaml::is_plain(text) => as_json(value).to_string(),
        _ => value.as_str().unwrap_or("").to_string(),
    }
}
