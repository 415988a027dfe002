//! Nodes as JSON.

use pleach_yaml::{Kind, Node, View};
use serde_json::Value as Json;

/// A node as JSON. A number that JSON cannot represent becomes a string.
pub fn as_json(node: &Node) -> Json {
    match node.view() {
        View::Mapping(mapping) => {
            let entries = mapping.iter();
            let key = |it: &Node| it.as_str().unwrap_or("").to_string();
            Json::Object(
                entries
                    .map(|it| (key(&it.key), as_json(&it.value)))
                    .collect(),
            )
        }
        View::Sequence(items) => items.iter().map(as_json).collect(),
        View::Scalar(text) => match node.kind() {
            Kind::Null => Json::Null,
            Kind::Bool => node.as_bool().unwrap_or(false).into(),
            Kind::Int => node.as_int().map_or_else(|| text.into(), Json::from),
            Kind::Float => node.as_float().map_or_else(|| text.into(), Json::from),
            _ => text.into(),
        },
    }
}
