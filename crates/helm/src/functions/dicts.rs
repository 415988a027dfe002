//! Functions on maps.

use super::convert::{to_text, type_name};
use super::merge::merge;
use super::{ANY, MAP, STRING, fail};
use crate::template::{Arguments, Context, Function, Returned};
use crate::value::{List, Map, Struct, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("deepCopy", &[ANY], deep_copy),
    Function::variadic("dict", &[ANY], dict),
    Function::variadic("dig", &[ANY], dig),
    Function::fixed("get", &[MAP, STRING], |_, it| {
        let found = it.map(0).get(it.text(1));
        Ok(found.unwrap_or_else(|| Value::string("")))
    }),
    Function::fixed("hasKey", &[MAP, STRING], |_, it| {
        Ok(Value::Bool(it.map(0).contains_key(it.text(1))))
    }),
    Function::variadic("keys", &[MAP], |_, it| {
        let maps = it.0.iter().filter_map(Value::as_map);
        Ok(Value::strings(maps.flat_map(Map::keys)))
    }),
    Function::variadic("merge", &[MAP, MAP], |context, it| {
        merge(context, it, false)
    }),
    Function::variadic("mergeOverwrite", &[MAP, MAP], |context, it| {
        merge(context, it, true)
    }),
    Function::fixed("mustDeepCopy", &[ANY], deep_copy),
    Function::variadic("mustMerge", &[MAP, MAP], |context, it| {
        merge(context, it, false)
    }),
    Function::variadic("mustMergeOverwrite", &[MAP, MAP], |context, it| {
        merge(context, it, true)
    }),
    Function::variadic("omit", &[MAP, STRING], |_, it| {
        let mut entries = it.map(0).snapshot();
        entries.retain(|(key, _)| !names(it).any(|name| name == &**key));
        Ok(Value::map(entries))
    }),
    Function::variadic("pick", &[MAP, STRING], |_, it| {
        let mut entries = it.map(0).snapshot();
        entries.retain(|(key, _)| names(it).any(|name| name == &**key));
        Ok(Value::map(entries))
    }),
    Function::variadic("pluck", &[STRING, MAP], |_, it| {
        let maps = it.rest(1).iter().filter_map(Value::as_map);
        Ok(Value::list(
            maps.filter_map(|map| map.get(it.text(0))).collect(),
        ))
    }),
    Function::fixed("set", &[MAP, STRING, ANY], |_, it| {
        match it.map(0).insert(it.string(1), it.get(2).clone()) {
            true => Ok(it.get(0).clone()),
            false => fail("assignment to entry in nil map"),
        }
    }),
    Function::fixed("unset", &[MAP, STRING], |_, it| {
        it.map(0).remove(it.text(1));
        Ok(it.get(0).clone())
    }),
    Function::fixed("values", &[MAP], |_, it| {
        let entries = it.map(0).snapshot();
        Ok(Value::list(entries.into_iter().map(|it| it.1).collect()))
    }),
];

/// The keys that follow a map.
fn names<'a>(arguments: Arguments<'a>) -> impl Iterator<Item = &'a [u8]> {
    arguments
        .rest(1)
        .iter()
        .filter_map(|it| it.as_str())
        .map(|it| &**it)
}

/// Alternating keys and values; a last key without a value gets an empty string.
fn dict(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    context.charge(arguments.len().saturating_mul(size_of::<Value>()))?;
    let pairs = arguments.0.chunks(2).map(|pair| match pair {
        [key, value] => (to_text(key), value.clone()),
        [key] => (to_text(key), Value::string("")),
        _ => Default::default(),
    });
    Ok(Value::map(pairs))
}

/// The value at a path in a map. The arguments are the keys, the default for a missing value, and the map.
fn dig(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let [keys @ .., default, map] = arguments.0 else {
        return fail("dig needs at least three arguments");
    };
    if keys.is_empty() {
        return fail("dig needs at least three arguments");
    }
    let conversion = |value: &Value, expected: &str| {
        let found = match value {
            Value::Nil => "nil".into(),
            value => type_name(value),
        };
        format!("interface conversion: interface {{}} is {found}, not {expected}")
    };
    let mut found = map.clone();
    let plain = |value: &Value| match value {
        Value::Map(map) if map.is_plain() => Ok(map.clone()),
        value => fail(conversion(value, "map[string]interface {}")),
    };
    plain(&found)?;
    if let Some(key) = keys.iter().find(|it| it.as_str().is_none()) {
        return fail(conversion(key, "string"));
    }
    for key in keys.iter().filter_map(Value::as_str) {
        match plain(&found)?.get(key) {
            Some(value) => found = value,
            None => return Ok(default.clone()),
        }
    }
    Ok(found)
}

fn deep_copy(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    match arguments.get(0) {
        Value::Nil => fail("reflect: call of reflect.Value.Type on zero Value"),
        value => copy(context, value, 0),
    }
}

fn copy(context: &mut Context<'_>, value: &Value, depth: usize) -> Returned {
    if depth > 1000 {
        return fail("deepCopy error: the value contains itself");
    }
    // A map needs much more memory than other values.
    context.charge(16 * size_of::<Value>())?;
    Ok(match value {
        Value::Map(map) if !map.is_nil() => {
            let mut entries = std::collections::BTreeMap::new();
            for (key, value) in map.snapshot() {
                entries.insert(key, copy(context, &value, depth + 1)?);
            }
            Value::Map(Map::with_type(map.ty(), entries))
        }
        Value::List(list) if !list.is_nil() => {
            let mut items = Vec::with_capacity(list.len());
            for item in list.to_vec() {
                items.push(copy(context, &item, depth + 1)?);
            }
            Value::List(List::with_type(list.ty(), items))
        }
        Value::Struct(object) if !object.fields().is_empty() => {
            let mut fields = Vec::new();
            for field in object.fields() {
                fields.push(copy(context, field, depth + 1)?);
            }
            Value::Struct(Struct::new(object.ty(), fields))
        }
        other => other.clone(),
    })
}
