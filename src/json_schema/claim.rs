//! A claim of one kind.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::load::{CLAIM_NAME, CLAIM_NAME_MAX, ClaimKind, Spelling};
use crate::schema::{Form, JsonSchema};

/// The schema of claims of a kind.
pub(super) fn schema(kind: &ClaimKind, form: Form, charts: &BTreeMap<String, String>) -> Json {
    let writer = JsonSchema::new(form, charts);
    let writer = writer.with_snake_case(kind.spelling == Spelling::Protojson);
    let mut schema = writer.document(&kind.schema);
    let Some(root) = schema.as_object_mut() else {
        return schema;
    };
    root.insert("title".into(), kind.name.as_str().into());
    if !kind.description.is_empty() {
        root.insert("description".into(), kind.description.as_str().into());
    }
    let mut required: Vec<String> = ["apiVersion", "kind", "metadata"]
        .map(str::to_string)
        .into();
    let more = root.get("required").and_then(Json::as_array);
    let more = more.into_iter().flatten().filter_map(Json::as_str);
    required.extend(more.map(str::to_string));
    required.sort();
    required.dedup();
    root.insert("required".into(), json!(required));
    if let Some(Json::Object(fields)) = root.get_mut("properties") {
        let versions =
            json!({"enum": kind.api_versions, "description": "The group and version of the kind."});
        fields.insert("apiVersion".into(), versions);
        let names: Vec<&str> = kind.names().collect();
        fields.insert("kind".into(), json!({"enum": names}));
        let name = fields
            .get_mut("metadata")
            .and_then(|it| it.get_mut("properties"));
        if let Some(Json::Object(metadata)) = name {
            let name = json!({
                "type": "string",
                "description": "Name of the claim, of its folder and of what is deployed for it.",
                "pattern": CLAIM_NAME,
                "maxLength": CLAIM_NAME_MAX,
            });
            metadata.insert("name".into(), name);
        }
        if let Some(Json::Object(metadata)) = fields.get_mut("metadata") {
            metadata.insert("required".into(), json!(["name"]));
        }
    }
    schema
}

/// Whether a document is a claim of a kind. If another kind has the same name, the version distinguishes them.
pub(super) fn condition(kind: &ClaimKind, is_shared: bool) -> Json {
    let names: Vec<&str> = kind.names().collect();
    match is_shared {
        false => json!({"properties": {"kind": {"enum": names}}, "required": ["kind"]}),
        true => json!({
            "properties": {"kind": {"enum": names}, "apiVersion": {"enum": kind.api_versions}},
            "required": ["kind", "apiVersion"],
        }),
    }
}
