//! Conversions between values, as in sprig.

use std::borrow::Cow;

use super::NIL_POINTER;
use super::dates::time_of;
use crate::fmt::write_value;
use crate::go::strconv::{parse_float, parse_int};
use crate::template::FunctionError;
use crate::value::{Kind, Str, Type, UintType, Value};

/// `toString` of sprig: strings and bytes unchanged, everything else as printed by Go.
pub(super) fn to_text(value: &Value) -> Str {
    match value {
        Value::String(text) | Value::Bytes(text) => text.clone(),
        value => display(value).into(),
    }
}

/// The bytes of a value in the format `%v`.
pub(super) fn display(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, value);
    out
}

/// The items of a list of any type, including bytes.
pub(super) fn items(value: &Value) -> Result<Vec<Value>, NotAList> {
    match value {
        Value::List(list) => Ok(list.to_vec()),
        Value::Bytes(bytes) => Ok(bytes
            .iter()
            .map(|byte| Value::Uint(UintType::Uint8, u64::from(*byte)))
            .collect()),
        Value::Nil => Err(NotAList(None)),
        value => Err(NotAList(Some(value.kind()))),
    }
}

/// The kind of a value that is not a list; `None` for nil.
pub(super) struct NotAList(pub(super) Option<Kind>);

impl NotAList {
    /// The error of a function: a prefix and the kind, or Go's panic for nil.
    pub(super) fn error(&self, prefix: &str) -> FunctionError {
        FunctionError::new(match self.0 {
            Some(kind) => format!("{prefix} {}", kind.name()),
            None => NIL_POINTER.to_string(),
        })
    }
}

/// The texts of a list's items without nil; for another value its text, for nil none.
pub(super) fn texts(value: &Value) -> Vec<Str> {
    match items(value) {
        Ok(items) => items
            .iter()
            .filter(|it| !matches!(it, Value::Nil))
            .map(to_text)
            .collect(),
        Err(NotAList(None)) => Vec::new(),
        Err(_) => vec![to_text(value)],
    }
}

/// Whether a value is empty in sprig.
pub(super) fn is_empty(value: &Value) -> bool {
    !value.is_true()
}

/// Converts any value to a whole number; 0 if that is not possible.
pub(super) fn to_int(value: &Value) -> i64 {
    match value {
        Value::Int(_, value) => *value,
        Value::Uint(_, value) => 0_i64.wrapping_add_unsigned(*value),
        Value::Float(value) => truncate(*value),
        Value::Bool(value) => i64::from(*value),
        Value::String(text) => parse_int(without_zero_fraction(text), 0).unwrap_or(0),
        _ => 0,
    }
}

/// Converts a float64 to int64 like amd64 processors: values out of range become the minimum.
fn truncate(value: f64) -> i64 {
    #[allow(clippy::cast_possible_truncation, reason = "checked right after")]
    let converted = value as i64;
    let is_out = value.is_nan() || value >= 9_223_372_036_854_775_808.0;
    if is_out { i64::MIN } else { converted }
}

/// Removes a fraction that consists of zeros.
fn without_zero_fraction(text: &[u8]) -> &[u8] {
    let zeros = text.iter().rev().take_while(|it| **it == b'0').count();
    let rest = text.get(..text.len() - zeros).unwrap_or(text);
    rest.strip_suffix(b".")
        .filter(|_| zeros > 0)
        .unwrap_or(text)
}

/// Converts any value to float64; 0 if that is not possible.
pub(super) fn to_float(value: &Value) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "as Go converts it")]
    match value {
        Value::Float(value) => *value,
        Value::Int(_, value) => *value as f64,
        Value::Uint(_, value) => *value as f64,
        Value::Bool(value) => f64::from(u8::from(*value)),
        Value::String(text) => parse_float(text)
            .filter(|it| it.is_finite() || is_infinity_literal(text))
            .unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Whether an infinite number is written as such (`inf`), and is not too large for a float64.
fn is_infinity_literal(text: &[u8]) -> bool {
    !text.iter().any(u8::is_ascii_digit)
}

/// Whether two values are equal for `reflect.DeepEqual`, which requires equal types.
pub(super) fn deep_equal(a: &Value, b: &Value) -> bool {
    deep_equal_at(a, b, 0)
}

fn deep_equal_at(a: &Value, b: &Value, depth: usize) -> bool {
    // Values that contain themselves are only equal to themselves.
    if depth > 1000 || a.type_of() != b.type_of() {
        return false;
    }
    match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(_, a), Value::Int(_, b)) => a == b,
        (Value::Uint(_, a), Value::Uint(_, b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::String(a), Value::String(b)) | (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            let (left, right) = (a.to_vec(), b.to_vec());
            let mut pairs = left.iter().zip(&right);
            let is_same = a.address() == b.address();
            a.is_nil() == b.is_nil()
                && left.len() == right.len()
                && (is_same || pairs.all(|(a, b)| deep_equal_at(a, b, depth + 1)))
        }
        (Value::Map(a), Value::Map(b)) => {
            let (left, right) = (a.snapshot(), b.snapshot());
            let mut pairs = left.iter().zip(&right);
            a.is_nil() == b.is_nil()
                && left.len() == right.len()
                && (a.same_as(b)
                    || pairs.all(|(a, b)| a.0 == b.0 && deep_equal_at(&a.1, &b.1, depth + 1)))
        }
        (Value::Struct(x), Value::Struct(y)) | (Value::Pointer(x), Value::Pointer(y)) => {
            let has_equal_data = match (time_of(a), time_of(b)) {
                // Zones are also compared deeply.
                (Some(x), Some(y)) => x.compare(&y).is_eq() && x.zone().name() == y.zone().name(),
                _ => x.has_data_of(y),
            };
            let mut pairs = x.fields().iter().zip(y.fields());
            x.same_as(y) || has_equal_data && pairs.all(|(a, b)| deep_equal_at(a, b, depth + 1))
        }
        _ => false,
    }
}

/// The name of the type in the format `%T`.
pub(super) fn type_name(value: &Value) -> Cow<'static, str> {
    match value.type_of() {
        None => Cow::Borrowed("<nil>"),
        Some(Type::String) => Cow::Borrowed("string"),
        Some(ty) => Cow::Owned(ty.to_string()),
    }
}
