//! Functions on JSON.

mod decode;
mod encode;

pub(super) use decode::json_kind;
pub(super) use encode::json_fields;

use super::{ANY, STRING, fail, text};
use crate::template::{Arguments, Context, Function};
use crate::value::{List, Map, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("fromJson", &[STRING], |_, it| Ok(from_json(it))),
    Function::fixed("fromJsonArray", &[STRING], |_, it| Ok(from_json_array(it))),
    Function::fixed("mustFromJson", &[STRING], |_, it| {
        decode::decode(it.text(0)).or_else(|(_, error)| fail(error))
    }),
    Function::fixed("mustToJson", &[ANY], |context, it| {
        encoded(context, it, true)?.or_else(fail).and_then(text)
    }),
    Function::fixed("mustToPrettyJson", &[ANY], |context, it| {
        pretty(context, it)?.or_else(fail).and_then(text)
    }),
    Function::fixed("mustToRawJson", &[ANY], |context, it| {
        encoded(context, it, false)?.or_else(fail).and_then(text)
    }),
    Function::fixed("toJson", &[ANY], |context, it| {
        text(encoded(context, it, true)?.unwrap_or_default())
    }),
    Function::fixed("toPrettyJson", &[ANY], |context, it| {
        text(pretty(context, it)?.unwrap_or_default())
    }),
    Function::fixed("toRawJson", &[ANY], |context, it| {
        encoded(context, it, false)?.or_else(fail).and_then(text)
    }),
];

type Encoded = Result<Result<Vec<u8>, String>, crate::template::FunctionError>;

fn encoded(context: &mut Context<'_>, arguments: Arguments<'_>, escapes_html: bool) -> Encoded {
    let encoded = encode::encode(arguments.get(0), escapes_html);
    context.charge(encoded.as_ref().map_or(0, Vec::len))?;
    Ok(encoded)
}

fn pretty(context: &mut Context<'_>, arguments: Arguments<'_>) -> Encoded {
    let encoded = encoded(context, arguments, true)?.map(|json| encode::indent(&json));
    context.charge(encoded.as_ref().map_or(0, Vec::len))?;
    Ok(encoded)
}

/// An error is returned in the map under `Error`.
fn from_json(arguments: Arguments<'_>) -> Value {
    let (value, error) = match decode::decode(arguments.text(0)) {
        Ok(value) => (value, None),
        Err((value, error)) => (value, Some(error)),
    };
    let error = match (&value, error) {
        (Value::Nil, None) => return Value::Map(Map::nil(&super::MAP_TYPE)),
        (Value::Map(_), None) => return value,
        (Value::Map(_) | Value::Nil, Some(error)) => error,
        (other, _) => mismatch(other, "map[string]interface {}"),
    };
    let map = match value {
        Value::Map(map) => map,
        _ => Map::new(Default::default()),
    };
    _ = map.insert("Error", Value::from(error));
    Value::Map(map)
}

/// An error is returned as the only item.
fn from_json_array(arguments: Arguments<'_>) -> Value {
    let error = match decode::decode(arguments.text(0)) {
        Ok(Value::List(list)) => return Value::List(list),
        Ok(Value::Nil) => return Value::List(List::nil(&super::LIST_TYPE)),
        Err((Value::Nil | Value::List(_), error)) => error,
        Ok(other) | Err((other, _)) => mismatch(&other, "[]interface {}"),
    };
    Value::list(vec![Value::from(error)])
}

fn mismatch(found: &Value, go_type: &str) -> String {
    let found = decode::json_kind(found);
    format!("json: cannot unmarshal {found} into Go value of type {go_type}")
}
