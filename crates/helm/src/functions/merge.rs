//! `merge` and `mergeOverwrite`, as in the library mergo.

use super::convert::is_empty;
use super::fail;
use crate::template::{Arguments, Context, FunctionError, Returned};
use crate::value::{Map, Value};

/// Merges further maps into the first one, which is changed and returned.
pub(super) fn merge(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    overwrites: bool,
) -> Returned {
    let mut target = arguments.map(0);
    for source in arguments.rest(1).iter().filter_map(Value::as_map) {
        if target.is_nil() && !source.is_nil() {
            target = Map::new(Default::default());
        }
        merge_into(context, &target, source, overwrites, 0)?;
    }
    Ok(match target.is_nil() {
        true => arguments.get(0).clone(),
        false => Value::Map(target),
    })
}

/// Without `overwrites`, a value of the source is only used if the target has none or an empty one.
fn merge_into(
    context: &mut Context<'_>,
    target: &Map,
    source: &Map,
    overwrites: bool,
    depth: usize,
) -> Result<(), FunctionError> {
    if depth > 1000 {
        return fail("the maps to merge contain themselves");
    }
    for (key, value) in source.snapshot() {
        context.charge(key.len() + size_of::<Value>())?;
        let present = target.get(&key);
        if matches!(value, Value::Nil) {
            if overwrites {
                _ = target.insert(key, value);
            }
            continue;
        }
        if let (Some(Value::Map(inner)), Value::Map(map)) = (&present, &value) {
            merge_into(context, inner, map, overwrites, depth + 1)?;
            if !inner.is_empty() {
                continue;
            }
        }
        let is_absent = present.as_ref().is_none_or(is_empty);
        if overwrites || is_absent {
            _ = target.insert(key, value);
        }
    }
    Ok(())
}
