//! `kind.yaml`, with the schema of claims that is in it.

use serde_json::{Map, Value as Json, json};

use crate::schema::schema_keywords;

/// The name of the definition of a schema of claims.
const NAME: &str = "schemaOfClaims";

/// Describes the keywords of `spec.schema`. `at` is the path of the document's schema.
pub(super) fn schema(mut document: Json, at: &str) -> Json {
    let reference = json!({"$ref": format!("{at}/definitions/{NAME}")});
    let location = document.pointer_mut("/properties/spec/properties/schema");
    if let Some(Json::Object(location)) = location {
        location.insert("allOf".into(), json!([reference]));
    }
    if let Json::Object(root) = &mut document {
        root.insert("definitions".into(), json!({NAME: keywords(&reference)}));
    }
    document
}

/// A structural schema, with the keywords that the reader of kinds supports.
fn keywords(own: &Json) -> Json {
    let mut fields = Map::new();
    for keyword in schema_keywords() {
        fields.insert(keyword.to_string(), json!({}));
    }
    let is_whole = json!({"type": "integer", "minimum": 0});
    let known = [
        (
            "type",
            json!({"enum": ["object", "array", "string", "integer", "number", "boolean"]}),
        ),
        ("description", json!({"type": "string"})),
        (
            "properties",
            json!({"type": "object", "additionalProperties": own}),
        ),
        ("items", own.clone()),
        (
            "additionalProperties",
            json!({"anyOf": [{"type": "boolean"}, own]}),
        ),
        ("not", own.clone()),
        ("allOf", json!({"type": "array", "items": own})),
        ("anyOf", json!({"type": "array", "items": own})),
        ("oneOf", json!({"type": "array", "items": own})),
        (
            "required",
            json!({"type": "array", "items": {"type": "string"}}),
        ),
        ("enum", json!({"type": "array"})),
        ("nullable", json!({"type": "boolean"})),
        ("uniqueItems", json!({"type": "boolean"})),
        ("minLength", is_whole.clone()),
        ("maxLength", is_whole.clone()),
        ("minItems", is_whole.clone()),
        ("maxItems", is_whole.clone()),
        ("minProperties", is_whole.clone()),
        ("maxProperties", is_whole),
        (
            "x-kubernetes-list-type",
            json!({"enum": ["atomic", "set", "map"]}),
        ),
    ];
    fields.extend(known.map(|it| (it.0.to_string(), it.1)));
    json!({
        "type": "object",
        "properties": fields,
        // Other keywords with this prefix belong to Kubernetes and have no effect here.
        "patternProperties": {"^x-([^p]|p[^l])": {}},
        "additionalProperties": false,
    })
}
