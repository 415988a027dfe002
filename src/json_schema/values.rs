//! The schema of a chart's values: its `values.schema.json`, or one derived from its `values.yaml`.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::chart::Available;
use crate::diag::Source;
use crate::schema::as_json;
use crate::tree::TreePath;
use crate::yaml::{Node, comment_above, parse_one};

/// The maximum depth of described values: deeper ones are seldom set by hand, and some charts nest without limit.
const DEPTH_MAX: usize = 12;

/// A `$ref` to a definition of the root.
pub(super) fn reference(name: &str) -> String {
    format!("#/definitions/{}", name.replace(' ', "%20"))
}

/// The schema of the values that a claim can set for a chart; `None` if the chart's files do not describe them.
pub(super) fn schema(chart: &Available, own: &str) -> Option<Json> {
    let text = |name: &str| {
        let bytes = chart.files.get(&TreePath::root().child(name))?;
        std::str::from_utf8(bytes).ok()
    };
    if let Some(mut schema) =
        text("values.schema.json").and_then(|it| serde_json::from_str(it).ok())
    {
        adapt(&mut schema, own);
        return Some(schema);
    }
    let source = Source::internal("values.yaml", text("values.yaml")?);
    let node = parse_one(&source).ok()?;
    node.as_mapping()?;
    Some(described(&node, 0))
}

/// The schema derived from values: names, defaults and comments, but no types, because a chart may accept several.
fn described(node: &Node, depth: usize) -> Json {
    let mut out = Map::new();
    match node.as_mapping().filter(|_| depth < DEPTH_MAX) {
        Some(mapping) => {
            let fields = mapping.iter().filter_map(|it| {
                let mut field = described(&it.value, depth + 1);
                if let (Some(keywords), Some(comment)) =
                    (field.as_object_mut(), comment_above(it.key.span()))
                {
                    keywords.insert("description".into(), comment.into());
                }
                Some((it.key.as_str()?.to_string(), field))
            });
            let fields: Map<String, Json> = fields.collect();
            out.insert("properties".into(), fields.into());
        }
        None if !node.is_null() => drop(out.insert("default".into(), as_json(node))),
        None => {}
    }
    Json::Object(out)
}

/// Converts the schema of all values of a chart to the schema of the values that a claim sets, at its path among other definitions.
///
/// A claim only contains overrides, so nothing is required, and conditions on required fields are left out.
fn adapt(schema: &mut Json, own: &str) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(|it| adapt(it, own)),
        Json::Object(keywords) => {
            remove_requirements(keywords);
            match keywords.get("$ref").and_then(Json::as_str) {
                Some(local) if local.starts_with('#') => {
                    let moved = format!("{own}{}", local.trim_start_matches('#'));
                    keywords.insert("$ref".into(), moved.into());
                }
                // References to other documents are not fetched.
                Some(_) => drop(keywords.remove("$ref")),
                None => {}
            }
            for (keyword, value) in keywords.iter_mut() {
                let is_data = ["default", "enum", "const", "examples"].contains(&keyword.as_str());
                // The keys of these are names of fields or definitions.
                let is_map = ["properties", "patternProperties", "definitions", "$defs"];
                match value {
                    _ if is_data => {}
                    Json::Object(fields) if is_map.contains(&keyword.as_str()) => {
                        fields.iter_mut().for_each(|it| adapt(it.1, own));
                    }
                    value => adapt(value, own),
                }
            }
        }
        _ => {}
    }
}

/// Removes the keywords that demand fields, and those that only apply to a whole document.
fn remove_requirements(keywords: &mut Map<String, Json>) {
    for keyword in [
        "$schema",
        "$id",
        "id",
        "if",
        "then",
        "else",
        "not",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "minProperties",
        "unevaluatedProperties",
    ] {
        keywords.remove(keyword);
    }
    if keywords.get("required").is_some_and(Json::is_array) {
        keywords.remove("required");
    }
    for keyword in ["oneOf", "anyOf"] {
        let demands_fields = |it: &Json| it.to_string().contains("\"required\":[");
        if keywords.get(keyword).is_some_and(demands_fields) {
            keywords.remove(keyword);
        }
    }
}

/// The definitions that a schema refers to, transitively.
pub(super) fn used(
    root: &Map<String, Json>,
    definitions: &BTreeMap<String, Json>,
) -> Map<String, Json> {
    let mut found = Map::new();
    let mut open = vec![json!(root).to_string()];
    while let Some(text) = open.pop() {
        for (name, definition) in definitions {
            if !found.contains_key(name) && text.contains(&format!("\"{}", reference(name))) {
                open.push(definition.to_string());
                found.insert(name.clone(), definition.clone());
            }
        }
    }
    found
}
