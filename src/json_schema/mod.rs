//! JSON Schema (draft 7) for the files of a workspace, for completion and validation in editors.
//!
//! Each schema is generated from the one that the loader uses for the same file.

mod claim;
mod kind;
mod values;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::chart::{Available, Cache};
use crate::diag::Diagnostics;
use crate::engine::ENGINES;
use crate::load::{self, ClaimKind};
pub use crate::schema::Form;
use crate::schema::JsonSchema;
use crate::tree::Files;

/// The path of the schema for editors, relative to the workspace.
pub const FILE: &str = ".pleach/schema.json";

/// The comment by which a file names its schema for yaml-language-server and others. `location` is the path from the file to the
/// schema.
pub fn modeline(location: &str) -> String {
    format!("# yaml-language-server: $schema={location}\n")
}

/// The dialect that all editors support.
const DIALECT: &str = "http://json-schema.org/draft-07/schema#";

/// The schemas of all files of one workspace.
#[derive(Debug)]
pub struct Schemas {
    kinds: Vec<std::sync::Arc<ClaimKind>>,
    /// The values of its charts by the name of their definition.
    charts: BTreeMap<String, Json>,
    /// The definitions of a chart's versions as one `$ref`, by the chart's name.
    references: BTreeMap<String, String>,
}

impl Schemas {
    /// The claim kinds and charts of the workspace at the root of `files`; without a workspace, the built-in kinds.
    pub fn read(files: &dyn Files, cache: Option<Cache>, faults: &mut Diagnostics) -> Schemas {
        let kinds = load::kinds(files, faults);
        // Without a workspace there are no charts; an error in `pleach.yaml` has been reported with the kinds.
        let charts = load::charts_of(files, cache);
        let available = charts.map_or_else(|_| Vec::new(), |it| it.available());
        let (charts, references) = definitions(&available);
        Schemas {
            kinds,
            charts,
            references,
        }
    }

    /// One schema for every file, which distinguishes documents by their `kind`.
    pub fn all(&self, form: Form) -> Json {
        let mut definitions = self.charts.clone();
        let mut conditions = Vec::new();
        let (mut names, mut versions) = (Vec::new(), Vec::new());
        for kind in &self.kinds {
            let name = definition_name(&kind.name, &kind.api_versions, &definitions);
            let reference = json!({"$ref": format!("#/definitions/{name}")});
            let others = self.kinds.iter().filter(|it| it.name != kind.name);
            let is_shared = others
                .clone()
                .any(|it| kind.names().any(|name| it.has_name(name)));
            let condition = claim::condition(kind, is_shared);
            conditions.push(json!({"if": condition, "then": reference}));
            definitions.insert(name, claim::schema(kind, form, &self.references));
            names.extend(kind.names().map(str::to_string));
            versions.extend(kind.api_versions.iter().cloned());
        }
        for (name, schema) in own_documents("#/definitions/") {
            let reference = json!({"$ref": format!("#/definitions/{name}")});
            let condition = json!({"properties": {"kind": {"const": name}}, "required": ["kind"]});
            conditions.push(json!({"if": condition, "then": reference}));
            definitions.insert(name.to_string(), schema);
            names.push(name.to_string());
        }
        versions.push("pleach.dev/v1".to_string());
        for list in [&mut names, &mut versions] {
            list.sort();
            list.dedup();
        }
        json!({
            "$schema": DIALECT,
            "title": "A document of a pleach workspace",
            "type": "object",
            "properties": {
                "apiVersion": {"enum": versions, "description": "The group and version of the kind."},
                "kind": {"enum": names, "description": "What the document is: a claim of a kind, or one of pleach's own files."},
            },
            "required": ["apiVersion", "kind"],
            "allOf": conditions,
            "definitions": definitions,
        })
    }

    /// The schema of one kind: a claim kind by any of its names, or `Environment`, `Workspace`, `ClaimKind` or `Policy`.
    pub fn get(&self, name: &str, form: Form) -> Option<Json> {
        let own = own_documents("#").into_iter().find(|it| it.0 == name);
        let schema = match own {
            Some((_, schema)) => schema,
            None => {
                let kind = self.kinds.iter().find(|it| it.has_name(name))?;
                claim::schema(kind, form, &self.references)
            }
        };
        Some(self.rooted(schema))
    }

    /// The schema of the values of a chart, by its name; of each version if several are pinned.
    pub fn of_chart(&self, name: &str) -> Option<Json> {
        let reference = self.references.get(name)?;
        Some(self.rooted(json!({"$ref": reference})))
    }

    /// All names that [`get`](Schemas::get) accepts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let kinds = self.kinds.iter().flat_map(|it| it.names());
        kinds.chain(OWN)
    }

    /// The names of the charts.
    pub fn chart_names(&self) -> impl Iterator<Item = &str> {
        self.references.keys().map(String::as_str)
    }

    fn rooted(&self, schema: Json) -> Json {
        let mut root = Map::from_iter([("$schema".to_string(), DIALECT.into())]);
        if let Json::Object(keywords) = schema {
            // In draft 7, keywords next to a `$ref` are ignored.
            match keywords.contains_key("$ref") {
                true => root.extend([("allOf".to_string(), json!([keywords]))]),
                false => root.extend(keywords),
            }
        }
        let used = values::used(&root, &self.charts);
        if !used.is_empty() {
            let existing = root.entry("definitions").or_insert_with(|| json!({}));
            if let Some(existing) = existing.as_object_mut() {
                existing.extend(used);
            }
        }
        Json::Object(root)
    }
}

/// The kinds of pleach's own files.
const OWN: [&str; 4] = ["ClaimKind", "Environment", "Policy", "Workspace"];

/// Their schemas. `location` is their path: the root, or the folder of definitions.
fn own_documents(location: &str) -> [(&'static str, Json); 4] {
    let none = BTreeMap::new();
    let made = |schema| JsonSchema::new(Form::Whole, &none).document(schema);
    let location = match location {
        "#" => "#".to_string(),
        folder => format!("{folder}{}", OWN[0]),
    };
    let claim_kind = kind::schema(made(load::claim_kind_schema()), &location);
    let environment = made(ENGINES.schema());
    let workspace = made(load::workspace_schema());
    [
        (OWN[0], claim_kind),
        (OWN[1], environment),
        (OWN[2], made(load::policy_schema())),
        (OWN[3], workspace),
    ]
}

/// The name of a kind's definition. Kinds of one name differ in their versions.
fn definition_name(name: &str, versions: &[String], known: &BTreeMap<String, Json>) -> String {
    match known.contains_key(name) {
        false => name.to_string(),
        true => format!("{name}.{}", versions.join(".").replace('/', ".")),
    }
}

/// The values of charts: one definition per version, and for each name one that accepts any of its versions.
fn definitions(charts: &[Available]) -> (BTreeMap<String, Json>, BTreeMap<String, String>) {
    let (mut definitions, mut references) = (BTreeMap::new(), BTreeMap::new());
    for versions in charts.chunk_by(|a, b| a.name == b.name) {
        let mut any = Vec::new();
        for chart in versions {
            let name = format!("chart {} {}", chart.name, chart.version);
            let reference = values::reference(&name);
            if let Some(schema) = values::schema(chart, &reference) {
                definitions.insert(name, schema);
                any.push(reference);
            }
        }
        let Some(name) = versions.first().map(|it| &it.name) else {
            continue;
        };
        let reference = match any.as_slice() {
            [] => continue,
            [one] => one.clone(),
            several => {
                let all: Vec<Json> = several.iter().map(|it| json!({"$ref": it})).collect();
                let title = format!("chart {name}");
                definitions.insert(title.clone(), json!({"anyOf": all}));
                values::reference(&title)
            }
        };
        references.insert(name.clone(), reference);
    }
    (definitions, references)
}
