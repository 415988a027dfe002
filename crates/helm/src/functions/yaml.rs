//! Functions on YAML: encoded through JSON as in sigs.k8s.io/yaml, or directly as in go-yaml 3; decoded as YAML 1.1.

use pleach_yaml::tree::TreePath;
use pleach_yaml::{Mapping, Node, Style, Tag, emit_go_yaml_v3, emit_sigs_yaml};
use serde_json::Value as Json;

use super::dates::time_of;
use super::semver::version;
use super::{ANY, STRING, text};
use crate::go::base64::encode_64;
use crate::go::strconv::{float_general, float_json};
use crate::go::unicode::runes;
use crate::go::yaml::{parse, to_json};
use crate::template::{Arguments, Context, Function, Returned};
use crate::value::{Map, Str, Struct, Type, Value};

/// The depth from which on a value is treated as containing itself.
const MAX_DEPTH: usize = 1000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("fromYaml", &[STRING], |_, it| Ok(from_yaml(it))),
    Function::fixed("fromYamlArray", &[STRING], |_, it| Ok(from_yaml_array(it))),
    // A value that cannot be encoded gives an empty string.
    Function::fixed("toYaml", &[ANY], |context, it| {
        let written = json_node(it.get(0), 0).and_then(|node| emit_sigs_yaml(&node).ok());
        without_line_end(context, written)
    }),
    Function::fixed("toYamlPretty", &[ANY], |context, it| {
        let written = go_node(it.get(0), 0).map(emit_go_yaml_v3);
        without_line_end(context, written)
    }),
];

/// `toYaml`, for methods of objects. A value that cannot be encoded gives an empty string.
pub(crate) fn to_yaml(value: &Value) -> String {
    let written = json_node(value, 0).and_then(|node| emit_sigs_yaml(&node).ok());
    let mut written = written.unwrap_or_default();
    if written.ends_with('\n') {
        written.pop();
    }
    written
}

fn without_line_end(context: &mut Context<'_>, written: Option<String>) -> Returned {
    let mut written = written.unwrap_or_default();
    context.charge(written.len())?;
    if written.ends_with('\n') {
        written.pop();
    }
    text(written)
}

/// The node of a value as `encoding/json` would encode it; `None` if it cannot be encoded.
fn json_node(value: &Value, depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match value {
        _ if value.is_nil() => Node::null(),
        Value::Bool(value) => Node::bool(*value),
        Value::Int(_, value) => number(value.to_string()),
        Value::Uint(_, value) => number(value.to_string()),
        Value::Float(value) if value.is_finite() => number(float_json(*value)),
        Value::String(text) => string(lossy(text)),
        Value::Bytes(bytes) => string(encode_64(bytes)),
        Value::List(list) => {
            let items = list.to_vec();
            let items: Option<Vec<Node>> =
                items.iter().map(|it| json_node(it, depth + 1)).collect();
            Node::sequence(items?)
        }
        Value::Map(map) => {
            let mut mapping = Mapping::new();
            for (key, value) in map.snapshot() {
                mapping.push(string(lossy(&key)), json_node(&value, depth + 1)?);
            }
            Node::mapping(mapping)
        }
        Value::Struct(object) | Value::Pointer(object) => match version(object) {
            Some(version) => string(version.to_string()),
            None => match time_of(value) {
                Some(time) => string(time.rfc_3339()),
                None => json_object(object, depth)?,
            },
        },
        _ => return None,
    })
}

fn json_object(object: &Struct, depth: usize) -> Option<Node> {
    let mut mapping = Mapping::new();
    for (name, value) in super::json::json_fields(object) {
        mapping.push(string(name), json_node(&value, depth + 1)?);
    }
    Some(Node::mapping(mapping))
}

/// A text with U+FFFD for each invalid byte.
fn lossy(text: &[u8]) -> String {
    runes(text).collect()
}

fn number(text: String) -> Node {
    Node::scalar(text, Style::Plain, Tag::None)
}

fn string(text: impl Into<std::sync::Arc<str>>) -> Node {
    Node::scalar(text, Style::DoubleQuoted, Tag::None)
}

/// The node of a value as go-yaml 3 would encode it; `None` if it cannot be encoded.
fn go_node(value: &Value, depth: usize) -> Option<Node> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match value {
        Value::Nil => Node::null(),
        Value::Bool(value) => Node::bool(*value),
        Value::Int(_, value) => number(value.to_string()),
        Value::Uint(_, value) => number(value.to_string()),
        Value::Float(value) => number(match float_general(*value).as_str() {
            "NaN" => ".nan".to_string(),
            "+Inf" => ".inf".to_string(),
            "-Inf" => "-.inf".to_string(),
            text => text.to_string(),
        }),
        Value::String(text) => go_string(text),
        Value::Bytes(bytes) => Node::sequence(bytes.iter().map(|it| number(it.to_string()))),
        Value::List(list) => {
            let items = list.to_vec();
            let items: Option<Vec<Node>> = items.iter().map(|it| go_node(it, depth + 1)).collect();
            Node::sequence(items?)
        }
        Value::Map(map) => {
            let mut mapping = Mapping::new();
            for (key, value) in map.snapshot() {
                mapping.push(go_string(&key), go_node(&value, depth + 1)?);
            }
            Node::mapping(mapping)
        }
        Value::Pointer(object) if object.is_nil() => Node::null(),
        Value::Struct(object) | Value::Pointer(object) => match time_of(value) {
            Some(time) => number(time.rfc_3339()),
            None => go_object(object, depth)?,
        },
        Value::Complex(..) => return None,
    })
}

/// Fields by their lower-case names, because the structs have no YAML tags.
fn go_object(object: &Struct, depth: usize) -> Option<Node> {
    let mut mapping = Mapping::new();
    if let Type::Struct(fields) = &object.ty().underlying {
        for (field, value) in fields.iter().zip(object.fields()) {
            let name = field.name.to_lowercase();
            mapping.push(go_string(name.as_bytes()), go_node(value, depth + 1)?);
        }
    }
    Some(Node::mapping(mapping))
}

/// A string; invalid UTF-8 becomes binary data.
fn go_string(text: &[u8]) -> Node {
    match std::str::from_utf8(text) {
        Ok(text) => Node::string(text),
        Err(_) => Node::scalar(encode_64(text), Style::Plain, Tag::Binary),
    }
}

/// A value of JSON as Go decodes it.
pub(super) fn from_json(json: Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => Value::Float(number.as_f64().unwrap_or(0.0)),
        Json::String(text) => Value::from(text),
        Json::Array(items) => Value::list(items.into_iter().map(from_json).collect()),
        Json::Object(map) => {
            let entries = map.into_iter();
            Value::map(entries.map(|(key, value)| (Str::from(key), from_json(value))))
        }
    }
}

/// The first document of a text.
///
/// Errors: Go's message.
fn decoded(arguments: Arguments<'_>) -> Result<Value, String> {
    let document = parse(arguments.text(0), &TreePath::root()).map_err(|it| it.message)?;
    match document {
        None => Ok(Value::Nil),
        Some(node) => to_json(&node).map(from_json).map_err(|it| it.message),
    }
}

fn mismatch(value: &Value, go_type: &str) -> String {
    let found = super::json::json_kind(value);
    format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type {go_type}"
    )
}

/// An error is returned in the map under `Error`.
fn from_yaml(arguments: Arguments<'_>) -> Value {
    let error = match decoded(arguments) {
        Ok(Value::Map(map)) => return Value::Map(map),
        Ok(Value::Nil) => return Value::Map(Map::new(Default::default())),
        Ok(other) => mismatch(&other, "map[string]interface {}"),
        Err(error) => error,
    };
    Value::map([(Str::from("Error"), Value::from(error))])
}

/// An error is returned as the only item.
fn from_yaml_array(arguments: Arguments<'_>) -> Value {
    let error = match decoded(arguments) {
        Ok(Value::List(list)) => return Value::List(list),
        Ok(Value::Nil) => return Value::list(Vec::new()),
        Ok(other) => mismatch(&other, "[]interface {}"),
        Err(error) => error,
    };
    Value::list(vec![Value::from(error)])
}
