//! `Chart.yaml` as JSON: the config of a chart in a registry.

use serde_json::{Map, Value};

use pleach_yaml::{Entry, Kind, Node, View};

/// The config of a chart. The same `Chart.yaml` always gives the same bytes.
pub fn config(metadata: &Node) -> Vec<u8> {
    value(metadata).to_string().into_bytes()
}

fn value(node: &Node) -> Value {
    match node.view() {
        View::Mapping(mapping) => {
            let entry = |Entry { key, value: inner }: &Entry| {
                (key.as_str().unwrap_or("").to_string(), value(inner))
            };
            Value::Object(mapping.iter().map(entry).collect::<Map<_, _>>())
        }
        View::Sequence(items) => Value::Array(items.iter().map(value).collect()),
        View::Scalar(text) => match node.kind() {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(node.as_bool() == Some(true)),
            Kind::Int => node.as_int().map_or_else(|| text.into(), Value::from),
            Kind::Float => text
                .parse::<f64>()
                .map_or_else(|_| text.into(), Value::from),
            _ => text.into(),
        },
    }
}
