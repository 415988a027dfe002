//! Functions on lists.

use super::convert::{NotAList, deep_equal, is_empty, items, to_int};
use super::{ANY, INT, fail};
use crate::template::{Arguments, Context, Function, FunctionError, Returned};
use crate::value::{List, Str, Type, Value};

static ANY_LIST: Type = Type::Slice(&Type::Any);
static LIST_OF_LISTS: Type = Type::Slice(&Type::Slice(&Type::Any));

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("append", &[ANY, ANY], append),
    Function::fixed("chunk", &[INT, ANY], chunk),
    Function::fixed("compact", &[ANY], compact),
    Function::variadic("concat", &[ANY], concat),
    Function::fixed("first", &[ANY], first),
    Function::fixed("has", &[ANY, ANY], has),
    Function::fixed("initial", &[ANY], initial),
    Function::fixed("last", &[ANY], last),
    Function::variadic("list", &[ANY], |_, it| Ok(Value::list(it.0.to_vec()))),
    Function::fixed("mustAppend", &[ANY, ANY], append),
    Function::fixed("mustChunk", &[INT, ANY], chunk),
    Function::fixed("mustCompact", &[ANY], compact),
    Function::fixed("mustFirst", &[ANY], first),
    Function::fixed("mustHas", &[ANY, ANY], has),
    Function::fixed("mustInitial", &[ANY], initial),
    Function::fixed("mustLast", &[ANY], last),
    Function::fixed("mustPrepend", &[ANY, ANY], prepend),
    Function::fixed("mustPush", &[ANY, ANY], append),
    Function::fixed("mustRest", &[ANY], rest),
    Function::fixed("mustReverse", &[ANY], reverse),
    Function::variadic("mustSlice", &[ANY, ANY], slice),
    Function::fixed("mustUniq", &[ANY], uniq),
    Function::variadic("mustWithout", &[ANY, ANY], without),
    Function::fixed("prepend", &[ANY, ANY], prepend),
    Function::fixed("push", &[ANY, ANY], append),
    Function::fixed("rest", &[ANY], rest),
    Function::fixed("reverse", &[ANY], reverse),
    Function::variadic("slice", &[ANY, ANY], slice),
    Function::variadic("tuple", &[ANY], |_, it| Ok(Value::list(it.0.to_vec()))),
    Function::fixed("uniq", &[ANY], uniq),
    Function::variadic("without", &[ANY, ANY], without),
];

/// The items of a list. Errors: the prefix and the kind of a value that is not a list: `Cannot push on type map`.
fn list(value: &Value, prefix: &str) -> Result<Vec<Value>, FunctionError> {
    items(value).map_err(|it| it.error(prefix))
}

/// A list as a result, charged to the budget of the template.
fn list_value(context: &mut Context<'_>, items: Vec<Value>) -> Returned {
    context.charge(items.len().saturating_mul(size_of::<Value>()))?;
    Ok(Value::list(items))
}

fn append(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let mut items = list(arguments.get(0), "Cannot push on type")?;
    items.push(arguments.get(1).clone());
    list_value(context, items)
}

fn prepend(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let mut items = list(arguments.get(0), "Cannot prepend on type")?;
    items.insert(0, arguments.get(1).clone());
    list_value(context, items)
}

fn first(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let items = list(arguments.get(0), "Cannot find first on type")?;
    Ok(items.into_iter().next().unwrap_or_default())
}

fn last(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let mut items = list(arguments.get(0), "Cannot find last on type")?;
    Ok(items.pop().unwrap_or_default())
}

/// All items but the first one; nil for an empty list.
fn rest(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let items = list(arguments.get(0), "Cannot find rest on type")?;
    match items.split_first() {
        Some((_, rest)) => list_value(context, rest.to_vec()),
        None => Ok(Value::List(List::nil(&ANY_LIST))),
    }
}

fn initial(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let items = list(arguments.get(0), "Cannot find initial on type")?;
    match items.split_last() {
        Some((_, initial)) => list_value(context, initial.to_vec()),
        None => Ok(Value::List(List::nil(&ANY_LIST))),
    }
}

fn reverse(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let mut items = list(arguments.get(0), "Cannot find reverse on type")?;
    items.reverse();
    list_value(context, items)
}

fn compact(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let mut items = list(arguments.get(0), "Cannot compact on type")?;
    items.retain(|it| !is_empty(it));
    list_value(context, items)
}

fn uniq(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let items = list(arguments.get(0), "Cannot find uniq on type")?;
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        // Each item is compared with all kept ones.
        context.charge(kept.len())?;
        if !kept.iter().any(|it| deep_equal(&item, it)) {
            kept.push(item);
        }
    }
    list_value(context, kept)
}

fn without(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let mut items = list(arguments.get(0), "Cannot find without on type")?;
    let omitted = arguments.rest(1);
    context.charge(items.len().saturating_mul(omitted.len()))?;
    items.retain(|item| !omitted.iter().any(|it| deep_equal(it, item)));
    list_value(context, items)
}

fn has(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let needle = arguments.get(0);
    let found = match items(arguments.get(1)) {
        Ok(items) => items.iter().any(|it| deep_equal(needle, it)),
        Err(NotAList(None)) => false,
        Err(kind) => return Err(kind.error("Cannot find has on type")),
    };
    Ok(Value::Bool(found))
}

/// A part of a list, with the type of the list.
fn slice(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let value = arguments.get(0);
    let items = list(value, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Value::Nil);
    }
    let indices = arguments.rest(1);
    let start = indices.first().map_or(0, to_int);
    let end = indices.get(1).map_or(items.len() as i64, to_int);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    let Some((start, end)) = range.filter(|(start, end)| start <= end && *end <= items.len())
    else {
        return fail("reflect.Value.Slice: slice index out of bounds");
    };
    Ok(match value {
        Value::Bytes(bytes) => Value::Bytes(Str::from(bytes.get(start..end).unwrap_or_default())),
        _ => {
            let ty = value.as_list().map_or(&ANY_LIST, List::ty);
            let part = items.get(start..end).unwrap_or_default();
            Value::List(List::with_type(ty, part.to_vec()))
        }
    })
}

fn concat(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let mut all = Vec::new();
    for value in arguments.0 {
        let items = items(value).map_err(|kind| match kind {
            NotAList(None) => kind.error(""),
            NotAList(Some(kind)) => {
                FunctionError::new(format!("Cannot concat type {} as list", kind.name()))
            }
        })?;
        all.extend(items);
    }
    match all.is_empty() {
        true => Ok(Value::List(List::nil(&ANY_LIST))),
        false => list_value(context, all),
    }
}

fn chunk(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let size = arguments.int(0);
    let items = list(arguments.get(1), "Cannot chunk type")?;
    let length = items.len() as i64;
    let too_long = || FunctionError::new("runtime error: makeslice: len out of range");
    // Go divides as floats, so with zero the number of chunks is infinite.
    let count = match size {
        0 => return Err(too_long()),
        _ => floor_division(length - 1, size) + 1,
    };
    if count == 0 {
        return Ok(Value::List(List::with_type(&LIST_OF_LISTS, Vec::new())));
    }
    let Some(size) = usize::try_from(size).ok().filter(|_| count > 0) else {
        return Err(too_long());
    };
    context.charge(items.len().saturating_mul(size_of::<Value>()))?;
    let chunks = items.chunks(size.max(1));
    let chunks = chunks.map(|it| Value::list(it.to_vec()));
    Ok(Value::List(List::with_type(
        &LIST_OF_LISTS,
        chunks.collect(),
    )))
}

/// The quotient, rounded down.
fn floor_division(a: i64, b: i64) -> i64 {
    let quotient = a.wrapping_div(b);
    let is_inexact = a.wrapping_rem(b) != 0 && (a < 0) != (b < 0);
    quotient - i64::from(is_inexact)
}
