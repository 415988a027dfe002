//! Converts nodes to CEL values like the API server: with defaults, without nulls, and with escaped names.

use std::borrow::Cow;
use std::sync::Arc;

use cel_core::{MapKey, Timestamp, Value, ValueMap};

use crate::validate::decode::Encoding;
use crate::validate::json::{Json, integral};
use crate::validate::scalars;
use crate::validate::schema::{Additional, Format, Pool, Schema, Types};
use pleach_yaml::{Entry, Node};

/// Converts nodes to values.
#[derive(Clone, Copy)]
pub(super) struct Values<'p> {
    pub(super) pool: &'p Pool,
    pub(super) encoding: Encoding,
}

impl Values<'_> {
    /// The value of a node. Without a schema, it is the JSON value.
    pub(super) fn convert(self, node: &Node, schema: Option<&Schema>) -> Value {
        match Json::from_node(node) {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(value),
            Json::Int(value) => match i64::try_from(value) {
                Ok(value) if is_number(schema) => Value::Double(value as f64),
                Ok(value) => Value::Int(value),
                Err(_) => Value::Double(value as f64),
            },
            Json::Float(value) => self.float(value, schema),
            Json::String(text) => text_value(text, schema),
            Json::List(items) => {
                let each = schema
                    .and_then(|it| it.items.as_ref())
                    .map(|it| self.pool.get(it));
                let items: Vec<Value> = items.iter().map(|it| self.convert(it, each)).collect();
                Value::List(items.into())
            }
            Json::Map(map) => self.map(map.as_slice(), schema, false),
        }
    }

    fn float(self, value: f64, schema: Option<&Schema>) -> Value {
        // In JSON that is sent unchanged, `1.0` is not an integer.
        let is_integer = schema.is_some_and(|it| it.types == Types::Integer);
        match integral(value).filter(|_| self.encoding == Encoding::Yaml && !is_number(schema)) {
            Some(whole) => Value::Int(whole),
            None if is_integer => Value::error("invalid data, expected int, got float64"),
            None => Value::Double(value),
        }
    }

    /// The value of the object itself, with only the names of its metadata.
    pub(super) fn root(self, object: &Node, schema: &Schema) -> Value {
        let entries = object.as_mapping().map_or(&[][..], |it| it.as_slice());
        self.map(entries, Some(schema), true)
    }

    fn map(self, entries: &[Entry], schema: Option<&Schema>, is_root: bool) -> Value {
        let mut map = ValueMap::new();
        for Entry { key, value } in entries {
            let name = key.as_str().unwrap_or("");
            let is_resource = is_root || schema.is_some_and(|it| it.flags.embedded_resource);
            if is_resource && matches!(name, "apiVersion" | "kind" | "metadata") {
                map.insert(MapKey::String(name.into()), self.meta_field(name, value));
                continue;
            }
            let below = schema.and_then(|it| self.pool.child(it, name));
            if value.is_null() && below.is_some_and(|it| !it.flags.nullable) {
                continue;
            }
            // Fields that are not in the schema are not visible, except in maps.
            if below.is_some() || schema.is_none() || keeps(schema) {
                map.insert(
                    MapKey::String(key_of(name, schema).into()),
                    self.convert(value, below),
                );
            }
        }
        for (name, child) in schema.into_iter().flat_map(|it| it.properties.iter()) {
            let field = self.pool.get(child);
            let key = MapKey::String(key_of(name, schema).into());
            if let Some(default) = &field.default
                && !map.contains_key(&key)
            {
                map.insert(key, self.convert(default, Some(field)));
            }
        }
        Value::Map(Arc::new(map))
    }

    fn meta_field(self, name: &str, value: &Node) -> Value {
        if name != "metadata" {
            return Value::String(value.as_str().unwrap_or("").into());
        }
        let mut map = ValueMap::new();
        let text = |key| {
            value
                .get(key)
                .and_then(Node::as_str)
                .filter(|it| !it.is_empty())
        };
        // The server generates the name before it evaluates rules: the prefix, cut to 58 characters, and five more.
        let prefix = text("generateName");
        let made = prefix.map(|it| {
            it.chars()
                .take(58)
                .chain("xxxxx".chars())
                .collect::<String>()
        });
        let name = text("name").map(str::to_owned).or(made);
        for (key, text) in [("name", name), ("generateName", prefix.map(str::to_owned))] {
            if let Some(text) = text {
                map.insert(MapKey::String(key.into()), Value::String(text.into()));
            }
        }
        Value::Map(Arc::new(map))
    }
}

fn keeps(schema: Option<&Schema>) -> bool {
    // Preserved unknown fields have no type, so rules cannot see them; entries of free maps are visible.
    schema.is_some_and(|it| matches!(it.additional, Additional::Anything))
}

fn is_number(schema: Option<&Schema>) -> bool {
    schema.is_some_and(|it| it.types == Types::Number)
}

fn text_value(text: &str, schema: Option<&Schema>) -> Value {
    let plain = || Value::String(text.into());
    match schema.map(|it| it.format) {
        Some(Format::Byte) => {
            scalars::base64_decode(text).map_or_else(plain, |it| Value::Bytes(it.into()))
        }
        Some(Format::Duration) => match scalars::go_duration(text) {
            Some(nanos) => Value::Duration(cel_core::Duration::from_nanos(nanos)),
            None => plain(),
        },
        Some(Format::DateTime) => scalars::unix_time(text)
            .map_or_else(plain, |(seconds, nanos)| {
                Value::Timestamp(Timestamp::new(seconds, nanos))
            }),
        Some(Format::Date) => {
            let midnight = scalars::unix_time(&format!("{text}T00:00:00Z"));
            midnight.map_or_else(plain, |it| Value::Timestamp(Timestamp::new(it.0, it.1)))
        }
        _ => plain(),
    }
}

/// Names of fields as identifiers; keys of free maps unchanged.
fn key_of<'n>(name: &'n str, schema: Option<&Schema>) -> Cow<'n, str> {
    match schema.is_some_and(|it| it.properties.get(name).is_some()) {
        true => escaped(name),
        false => name.into(),
    }
}

/// `a-b` is `a__dash__b`, `namespace` is `__namespace__`.
pub(super) fn escaped(name: &str) -> Cow<'_, str> {
    if super::is_reserved(name) {
        return format!("__{name}__").into();
    }
    if !name.contains(['.', '-', '/']) && !name.contains("__") {
        return name.into();
    }
    let text = name.replace("__", "__underscores__");
    let text = text.replace('.', "__dot__").replace('-', "__dash__");
    text.replace('/', "__slash__").into()
}
