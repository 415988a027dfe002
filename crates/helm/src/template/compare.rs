//! `eq`, `lt` and similar functions.

use std::cmp::Ordering;

use super::FunctionError;
use super::function::Returned;
use crate::fmt::{format_value, sprintf};
use crate::value::Value;

/// The kinds that Go can compare (`basicKind`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum BasicKind {
    Bool,
    Complex,
    Int,
    Uint,
    Float,
    String,
    /// Maps, lists, structs, nil.
    Other,
}

fn basic_kind(value: &Value) -> BasicKind {
    match value {
        Value::Bool(_) => BasicKind::Bool,
        Value::Complex(..) => BasicKind::Complex,
        Value::Int(..) => BasicKind::Int,
        Value::Uint(..) => BasicKind::Uint,
        Value::Float(_) => BasicKind::Float,
        Value::String(_) => BasicKind::String,
        _ => BasicKind::Other,
    }
}

const BAD_TYPE: &str = "invalid type for comparison";

fn incompatible_types(a: &Value, b: &Value) -> FunctionError {
    let (a, b) = (a.type_name(), b.type_name());
    format!("incompatible types for comparison: {a} and {b}").into()
}

/// Whether the first value equals any of the others.
pub(super) fn eq(values: &[Value], _: &[bool]) -> Returned {
    let Some((first, others)) = values.split_first().filter(|it| !it.1.is_empty()) else {
        return Err("missing argument for comparison".into());
    };
    for other in others {
        if equal(first, other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn equal(a: &Value, b: &Value) -> Result<bool, FunctionError> {
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Complex(a, ai), Value::Complex(b, bi)) => a == b && ai == bi,
        (Value::Int(_, a), Value::Int(_, b)) => a == b,
        (Value::Uint(_, a), Value::Uint(_, b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        (Value::Int(_, a), Value::Uint(_, b)) | (Value::Uint(_, b), Value::Int(_, a)) => {
            u64::try_from(*a) == Ok(*b)
        }
        _ if basic_kind(a) != basic_kind(b) => match (a, b) {
            (Value::Nil, _) | (_, Value::Nil) => false,
            _ => return Err(incompatible_types(a, b)),
        },
        _ => return equal_others(a, b),
    })
}

/// Equality of values without a basic kind: nil, pointers and structs.
fn equal_others(a: &Value, b: &Value) -> Result<bool, FunctionError> {
    let text = |value: &Value| {
        let text = sprintf(b"%s", std::slice::from_ref(value));
        String::from_utf8_lossy(&text).into_owned()
    };
    let is_plain_nil = |value: &Value| matches!(value, Value::Nil);
    if a.kind() != b.kind() && !is_plain_nil(a) && !is_plain_nil(b) {
        let (a_type, b_type) = (a.type_name(), b.type_name());
        let message = format!(
            "non-comparable types {}: {a_type}, {b_type}: {}",
            text(a),
            format_value(b)
        );
        return Err(message.into());
    }
    if a.is_nil() || b.is_nil() {
        return Ok(a.is_nil() == b.is_nil());
    }
    if !b.type_of().is_none_or(|it| it.is_comparable()) {
        return Err(format!("non-comparable type {}: {}", text(b), b.type_name()).into());
    }
    match (a, b) {
        (Value::Pointer(a), Value::Pointer(b)) => Ok(a.same_as(b)),
        (Value::Struct(a), Value::Struct(b)) => {
            if a.ty().name != b.ty().name || !a.has_data_of(b) {
                return Ok(false);
            }
            let pairs = a.fields().iter().zip(b.fields());
            for (a, b) in pairs {
                if !equal(a, b)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Whether the values differ.
pub(super) fn ne(values: &[Value], boxed: &[bool]) -> Returned {
    Ok(Value::Bool(!eq(values, boxed)?.is_true()))
}

/// The order of two values; `None` for NaN.
fn order(values: &[Value]) -> Result<Option<Ordering>, FunctionError> {
    let [a, b] = values else {
        return Err(BAD_TYPE.into());
    };
    let ordering = match (a, b) {
        (Value::Int(_, a), Value::Int(_, b)) => a.cmp(b),
        (Value::Uint(_, a), Value::Uint(_, b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => return Ok(a.partial_cmp(b)),
        (Value::Int(_, a), Value::Uint(_, b)) => i128::from(*a).cmp(&i128::from(*b)),
        (Value::Uint(_, a), Value::Int(_, b)) => i128::from(*a).cmp(&i128::from(*b)),
        _ if basic_kind(a) == BasicKind::Other || basic_kind(b) == BasicKind::Other => {
            return Err(BAD_TYPE.into());
        }
        _ if basic_kind(a) != basic_kind(b) => return Err(incompatible_types(a, b)),
        _ => return Err(BAD_TYPE.into()),
    };
    Ok(Some(ordering))
}

/// Whether the first value is less.
pub(super) fn lt(values: &[Value], _: &[bool]) -> Returned {
    Ok(Value::Bool(order(values)? == Some(Ordering::Less)))
}

/// Whether the first value is less or equal.
pub(super) fn le(values: &[Value], _: &[bool]) -> Returned {
    let order = order(values)?;
    Ok(Value::Bool(matches!(
        order,
        Some(Ordering::Less | Ordering::Equal)
    )))
}

/// Whether the first value is greater: neither less nor equal, so it is true for NaN.
pub(super) fn gt(values: &[Value], _: &[bool]) -> Returned {
    let order = order(values)?;
    Ok(Value::Bool(!matches!(
        order,
        Some(Ordering::Less | Ordering::Equal)
    )))
}

/// Whether the first value is greater or equal: not less.
pub(super) fn ge(values: &[Value], _: &[bool]) -> Returned {
    Ok(Value::Bool(order(values)? != Some(Ordering::Less)))
}
