//! The values of users and charts, and how they are merged.

pub(crate) mod coalesce;
mod known;
pub(crate) mod schema;
pub(crate) mod strvals;
mod user;

pub use known::{KnownValues, UnknownValue};
pub use schema::SchemaFault;
pub use user::{UserValues, ValuesFile};

use pleach_yaml::tree::TreePath;
use serde_json::{Map as JsonMap, Number, Value as Json};

use crate::error::HelmError;
use crate::value::{Entries, Map, Str, Value};
use crate::version::HelmVersion;

/// Values from files and flags. Numbers are float64, except whole numbers of `--set`.
pub type Values = JsonMap<String, Json>;

/// Parses a values file, like [`UserValues`]. `path` is its path, for spans. Errors: Helm's message.
pub fn parse(bytes: &[u8], path: &TreePath, version: HelmVersion) -> Result<Values, HelmError> {
    let parsed = crate::source::parse_values(bytes, path, version);
    parsed.map_err(|error| HelmError::new(error.message).at(error.span))
}

/// Merges values over others: maps in both are merged, everything else is replaced, including nulls.
pub fn merge(base: &mut Values, over: Values) {
    crate::source::merge_maps(base, over);
}

/// Applies an argument of `--set`, or of `--set-string` if `is_string`. Errors: Helm's message.
pub fn set(
    values: &mut Values,
    argument: &str,
    is_string: bool,
    version: HelmVersion,
) -> Result<(), HelmError> {
    let flag = match is_string {
        true => strvals::Flag::String,
        false => strvals::Flag::Set,
    };
    strvals::set(argument, flag, version, values).map_err(HelmError::new)
}

/// JSON as a value for templates. Floats become float64, whole numbers int64.
pub(crate) fn to_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Value::int64(value),
            (None, value) => Value::Float(value.unwrap_or(0.0)),
        },
        Json::String(text) => Value::string(text.as_str()),
        Json::Array(items) => Value::list(items.iter().map(to_value).collect()),
        Json::Object(map) => Value::Map(to_map(map)),
    }
}

/// A JSON object as a map for templates.
pub(crate) fn to_map(map: &JsonMap<String, Json>) -> Map {
    let entries = map
        .iter()
        .map(|(key, value)| (Str::from(key.as_str()), to_value(value)));
    Map::new(entries.collect())
}

/// Values as JSON, for validation by a schema.
pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(_, value) => Json::from(*value),
        Value::Uint(_, value) => Json::from(*value),
        Value::Float(value) => Number::from_f64(*value).map_or(Json::Null, Json::Number),
        Value::String(text) => Json::String(text.to_lossy().into_owned()),
        Value::List(list) => Json::Array(list.to_vec().iter().map(to_json).collect()),
        Value::Map(map) => {
            let entries = map.snapshot().into_iter();
            let entry = |(key, value): (Str, Value)| (key.to_lossy().into_owned(), to_json(&value));
            Json::Object(entries.map(entry).collect())
        }
        _ => Json::Null,
    }
}

/// A deep copy of a map.
pub(crate) fn deep_copy(map: &Map) -> Map {
    let entries = map.snapshot().into_iter();
    let entries: Entries = entries
        .map(|(key, value)| (key, deep_copy_value(value)))
        .collect();
    Map::new(entries)
}

fn deep_copy_value(value: Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(deep_copy(&map)),
        Value::List(list) => Value::list(list.to_vec().into_iter().map(deep_copy_value).collect()),
        value => value,
    }
}

/// Whether a value is a map, which Helm's source calls a table (`istable`).
pub(crate) fn is_table(value: &Value) -> bool {
    matches!(value, Value::Map(_))
}
