//! JSON.

mod decode;
mod encode;

pub(super) use decode::json_kind;
pub(super) use encode::json_fields;

use super::{ANY, STRING, fail, text};
use crate::template::{Arguments, Context, Function, Returned};
use crate::value::{List, Map, Str, Value};

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

/// An error is in the map, under `Error`.
fn from_json(arguments: Arguments<'_>) -> Value {
    let (value, error) = match decode::decode(arguments.text(0)) {
        Ok(value) => (value, None),
        Err((value, error)) => (value, Some(error)),
    };
    let map = match value {
        Value::Map(map) => map,
        Value::Nil if error.is_none() => Map::nil(&super::MAP_TYPE),
        other => {
            let map = Map::new(Default::default());
            let words = format!(
                "json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
                decode::json_kind(&other)
            );
            _ = map.insert("Error", Value::from(error.clone().unwrap_or(words)));
            map
        }
    };
    if let Some(error) = error {
        _ = map.insert("Error", Value::from(error));
    }
    Value::Map(map)
}

/// An error is the only item.
fn from_json_array(arguments: Arguments<'_>) -> Value {
    let words = match decode::decode(arguments.text(0)) {
        Ok(Value::List(list)) => return Value::List(list),
        Ok(Value::Nil) => return Value::List(List::nil(&super::LIST_TYPE)),
        Ok(other) => format!(
            "json: cannot unmarshal {} into Go value of type []interface {{}}",
            decode::json_kind(&other)
        ),
        Err((_, error)) => error,
    };
    Value::list(vec![Value::String(Str::from(words))])
}
