//! The Go type of `.Values` and of the dot itself: a map with methods.

use crate::HelmVersion;
use crate::functions::to_yaml;
use crate::template::{Context, FunctionError, Signature};
use crate::value::{Map, Method, NamedType, Type, Value};
use crate::values::coalesce::{scalar_at, table};

static VALUES_V3: NamedType = named("chartutil.Values", &V3_METHODS);
static VALUES_V4: NamedType = named("common.Values", &V4_METHODS);
static TYPE_V3: Type = Type::Named(&VALUES_V3);
static TYPE_V4: Type = Type::Named(&VALUES_V4);

const fn named(name: &'static str, methods: &'static [Method]) -> NamedType {
    NamedType {
        name,
        underlying: Type::Map(&Type::Any),
        methods,
        display: None,
        go_string: None,
    }
}

static V3_METHODS: [Method; 4] =
    methods(|context, receiver, arguments| table_of(context, receiver, arguments, &TYPE_V3));
static V4_METHODS: [Method; 4] =
    methods(|context, receiver, arguments| table_of(context, receiver, arguments, &TYPE_V4));

type Call = fn(&mut Context<'_>, &Value, &[Value]) -> Result<Value, FunctionError>;

const fn methods(table: Call) -> [Method; 4] {
    [
        method("AsMap", &[], as_map),
        method("PathValue", &[Type::String], path_value),
        method("Table", &[Type::String], table),
        method("YAML", &[], yaml),
    ]
}

const fn method(name: &'static str, parameters: &'static [Type], call: Call) -> Method {
    Method {
        name,
        signature: Signature::fixed(parameters),
        on_pointer: false,
        call,
    }
}

/// The type of values in a version of Helm.
pub(crate) fn values_type(version: HelmVersion) -> &'static Type {
    match version {
        HelmVersion::V3 => &TYPE_V3,
        HelmVersion::V4 => &TYPE_V4,
    }
}

/// A map with the type of values; its entries are shared.
pub(crate) fn as_values(map: &Map, version: HelmVersion) -> Value {
    Value::Map(map.retyped(values_type(version)))
}

fn receiver_map(receiver: &Value) -> Map {
    let map = receiver.as_map().cloned();
    map.unwrap_or_else(|| Map::new(Default::default()))
}

fn as_map(_: &mut Context<'_>, receiver: &Value, _: &[Value]) -> Result<Value, FunctionError> {
    let map = receiver_map(receiver);
    match map.is_empty() {
        true => Ok(Value::map([])),
        false => Ok(Value::Map(map.retyped(&Type::Map(&Type::Any)))),
    }
}

fn path(arguments: &[Value]) -> String {
    let path = arguments.first().and_then(Value::as_str);
    path.map_or_else(String::new, |it| it.to_lossy().into_owned())
}

fn table_of(
    _: &mut Context<'_>,
    receiver: &Value,
    arguments: &[Value],
    ty: &'static Type,
) -> Result<Value, FunctionError> {
    let found = table(&receiver_map(receiver), &path(arguments)).map_err(FunctionError::new)?;
    Ok(Value::Map(found.retyped(ty)))
}

fn path_value(
    _: &mut Context<'_>,
    receiver: &Value,
    arguments: &[Value],
) -> Result<Value, FunctionError> {
    let path = path(arguments);
    if path.is_empty() {
        return Err(FunctionError::new("YAML path cannot be empty"));
    }
    scalar_at(&receiver_map(receiver), &path).ok_or_else(|| {
        let key = path.rsplit('.').next().unwrap_or("");
        let key = crate::go::strconv::quote(key.as_bytes());
        FunctionError::new(format!("{key} is not a value"))
    })
}

fn yaml(_: &mut Context<'_>, receiver: &Value, _: &[Value]) -> Result<Value, FunctionError> {
    let mut text = to_yaml(receiver);
    text.push('\n');
    Ok(Value::string(text))
}
