//! The parameters that generators give to templates.

use pleach_helm::value::{Str, Value};
use serde_json::{Map, Value as Json};

use crate::yaml::{Kind, Node, View};

/// Names and values. Where templates are no Go templates, names have dots and all values are texts.
pub(super) type Parameters = Map<String, Json>;

/// A node as JSON, its numbers as Go's decoder for interfaces has them.
pub(super) fn json(node: &Node) -> Json {
    match node.view() {
        View::Mapping(mapping) => Json::Object(fields(mapping)),
        View::Sequence(items) => Json::Array(items.iter().map(json).collect()),
        View::Scalar(text) => match node.kind() {
            Kind::Null => Json::Null,
            Kind::Bool => Json::Bool(node.as_bool().unwrap_or(false)),
            Kind::Int => match node.as_int() {
                Some(value) => Json::from(value),
                None => number(text),
            },
            Kind::Float => number(text),
            _ => Json::String(text.to_string()),
        },
    }
}

fn number(text: &str) -> Json {
    text.parse::<f64>().map_or(Json::Null, Json::from)
}

fn fields(mapping: &crate::yaml::Mapping) -> Parameters {
    let entries = mapping.iter();
    entries
        .map(|it| (it.key.as_str().unwrap_or("").to_string(), json(&it.value)))
        .collect()
}

/// The fields of a mapping; none of anything else.
pub(super) fn of_mapping(node: &Node) -> Parameters {
    node.as_mapping().map(fields).unwrap_or_default()
}

/// A JSON value for Go templates: numbers are floats there.
pub(super) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(0.0)),
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(value).collect()),
        Json::Object(map) => {
            let entries = map.iter();
            Value::map(entries.map(|(key, it)| (Str::from(key.as_str()), value(it))))
        }
    }
}

/// A node as Go templates see it that get it as JSON.
pub(in crate::deploy) fn template_value(node: &Node) -> Value {
    value(&json(node))
}

/// All leaves by their dotted names, as texts.
pub(super) fn flattened(parameters: &Parameters) -> Parameters {
    let mut flat = Parameters::new();
    for (key, value) in parameters {
        flatten(key, value, &mut flat);
    }
    flat
}

fn flatten(prefix: &str, json: &Json, flat: &mut Parameters) {
    match json {
        Json::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(&format!("{prefix}.{key}"), value, flat);
            }
        }
        Json::Array(items) if !items.is_empty() => {
            for (at, value) in items.iter().enumerate() {
                flatten(&format!("{prefix}.{at}"), value, flat);
            }
        }
        leaf => _ = flat.insert(prefix.to_string(), Json::String(shown(leaf))),
    }
}

pub(super) fn shown(json: &Json) -> String {
    match json {
        Json::Null => "<nil>".to_string(),
        Json::String(text) => text.clone(),
        Json::Array(_) => "[]".to_string(),
        Json::Object(_) => "map[]".to_string(),
        other => other.to_string(),
    }
}

/// A text as a name of DNS: what Argo CD's `normalize` gives.
pub(super) fn normalized(name: &str) -> String {
    let lower = name.to_lowercase();
    let plain = |it: char| match it {
        'a'..='z' | '0'..='9' | '-' | '.' => it,
        _ => '-',
    };
    let name: String = lower.chars().map(plain).take(253).collect();
    name.trim_matches(['-', '.']).to_string()
}

/// Lays parameters over others: maps in both are merged, all else is replaced.
pub(super) fn merge(base: &mut Parameters, over: &Parameters) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Json::Object(base)), Json::Object(over)) => merge(base, over),
            _ => _ = base.insert(key.clone(), value.clone()),
        }
    }
}
