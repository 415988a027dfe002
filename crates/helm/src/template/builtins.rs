//! The functions of Go's `text/template`, and `include` and `tpl`.

use super::compare;
use super::exec::write_printable;
use super::function::{Callable, Function, Returned, Signature};
use super::slot::Slot;
use super::{Arguments, Context, FunctionError};
use crate::fmt::{sprint, sprintf, sprintln};
use crate::go::strconv;
use crate::value::{Kind, List, Map, Str, Type, UintType, Value};

const fn special(name: &'static str, signature: Signature, call: Callable) -> Function {
    Function {
        name,
        signature,
        call,
    }
}

const fn reflected(
    name: &'static str,
    signature: Signature,
    call: fn(&[Value], &[bool]) -> Returned,
) -> Function {
    special(name, signature, Callable::Reflected(call))
}

const ONE: Signature = Signature::fixed(&[Type::Reflected]);
const TWO: Signature = Signature::fixed(&[Type::Reflected, Type::Reflected]);
const SOME: Signature = Signature::variadic(&[Type::Reflected, Type::Reflected]);

/// The functions of Go's `text/template`.
pub(super) const GO: &[Function] = &[
    special("and", SOME, Callable::And),
    special("call", SOME, Callable::Call),
    special("or", SOME, Callable::Or),
    reflected("eq", SOME, compare::eq),
    reflected("ge", TWO, compare::ge),
    reflected("gt", TWO, compare::gt),
    reflected("index", SOME, index),
    reflected("le", TWO, compare::le),
    reflected("len", ONE, len),
    reflected("lt", TWO, compare::lt),
    reflected("ne", TWO, compare::ne),
    reflected("not", ONE, not),
    reflected("slice", SOME, slice),
    Function::variadic("html", &[Type::Any], html),
    Function::variadic("js", &[Type::Any], js),
    Function::variadic("print", &[Type::Any], print),
    Function::variadic("printf", &[Type::String, Type::Any], printf),
    Function::variadic("println", &[Type::Any], println),
    Function::variadic("urlquery", &[Type::Any], urlquery),
];

/// The functions that execute templates.
pub(super) const NESTED: &[Function] = &[
    special(
        "include",
        Signature::fixed(&[Type::String, Type::Any]),
        Callable::Include,
    ),
    special(
        "tpl",
        Signature::fixed(&[Type::String, Type::Any]),
        Callable::Tpl,
    ),
];

fn print(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    Ok(Value::string(sprint(arguments.0)))
}

fn println(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    Ok(Value::string(sprintln(arguments.0)))
}

fn printf(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    Ok(Value::string(sprintf(arguments.text(0), arguments.rest(1))))
}

fn not(values: &[Value], _: &[bool]) -> Returned {
    Ok(Value::Bool(!values.first().is_some_and(Value::is_true)))
}

/// The message of Go's reflection for the type of a missing value.
const NO_TYPE: &str = "reflect: call of reflect.Value.Type on zero Value";

fn len(values: &[Value], boxed: &[bool]) -> Returned {
    let is_boxed = boxed.first() == Some(&true);
    let length = match values.first().unwrap_or(&Value::Nil) {
        Value::Nil if is_boxed => return Err("len of nil pointer".into()),
        Value::Nil => return Err(NO_TYPE.into()),
        Value::Pointer(object) if object.is_nil() => return Err("len of nil pointer".into()),
        Value::Pointer(object) => return Err(format!("len of type {}", object.ty().name).into()),
        Value::String(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        value => return Err(format!("len of type {}", value.type_name()).into()),
    };
    Ok(Value::int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index(values: &[Value], _: &[bool]) -> Returned {
    let Some((first, indexes)) = values.split_first() else {
        return Ok(Value::Nil);
    };
    if let Value::Nil = first {
        return Err("index of untyped nil".into());
    }
    let mut item = first.clone();
    for index in indexes {
        item = match &item {
            Value::Nil => return Err("index of nil pointer".into()),
            Value::Pointer(object) if object.is_nil() => return Err("index of nil pointer".into()),
            Value::String(text) | Value::Bytes(text) => {
                let at = index_within(index, text.len())?;
                let kind = if let Value::String(_) = item {
                    "string"
                } else {
                    "slice"
                };
                let byte = text.get(at).copied().ok_or_else(|| out_of_range(kind))?;
                Value::Uint(UintType::Uint8, u64::from(byte))
            }
            Value::List(list) => {
                let at = index_within(index, list.len())?;
                list.get(at).ok_or_else(|| out_of_range("slice"))?
            }
            Value::Map(map) => key(map, index)?,
            Value::Pointer(object) => {
                return Err(format!("can't index item of type {}", object.ty().name).into());
            }
            value => return Err(format!("can't index item of type {}", value.type_name()).into()),
        };
    }
    Ok(item)
}

/// The error for an index that equals the length, which Go's check accepts and for which reflection panics.
fn out_of_range(kind: &str) -> FunctionError {
    format!("reflect: {kind} index out of range").into()
}

/// An index from 0 to `max`, inclusive (Go, `indexArg`).
fn index_within(index: &Value, max: usize) -> Result<usize, FunctionError> {
    let number = match index {
        Value::Int(_, number) => *number,
        Value::Uint(_, number) => number.cast_signed(),
        Value::Nil => return Err("cannot index slice/array with nil".into()),
        value => {
            let ty = value.type_name();
            return Err(format!("cannot index slice/array with type {ty}").into());
        }
    };
    let at = usize::try_from(number).ok().filter(|it| *it <= max);
    at.ok_or_else(|| format!("index out of range: {number}").into())
}

/// The value of a map's key, or the zero value.
fn key(map: &Map, index: &Value) -> Returned {
    let ty = match map.ty().underlying() {
        Type::Map(ty) => *ty,
        _ => &Type::Any,
    };
    match index {
        Value::String(name) => Ok(map.get(name).unwrap_or_else(|| Value::zero(ty))),
        Value::Nil => Err("value is nil; should be of type string".into()),
        value => {
            let own = value.type_name();
            Err(format!("value has type {own}; should be string").into())
        }
    }
}

fn slice(values: &[Value], _: &[bool]) -> Returned {
    let Some((item, indexes)) = values.split_first() else {
        return Ok(Value::Nil);
    };
    let length = match item {
        Value::Nil => return Err("slice of untyped nil".into()),
        Value::Pointer(object) if object.is_nil() => return Err("slice of nil pointer".into()),
        Value::String(text) | Value::Bytes(text) => text.len(),
        Value::List(list) => list.len(),
        value => return Err(format!("can't slice item of type {}", value.type_name()).into()),
    };
    if indexes.len() > 3 {
        return Err(format!("too many slice indexes: {}", indexes.len()).into());
    }
    if indexes.len() == 3 && item.kind() == Kind::String {
        return Err("cannot 3-index slice a string".into());
    }
    let mut bounds = [0, length, length];
    for (bound, index) in bounds.iter_mut().zip(indexes) {
        *bound = index_within(index, length)?;
    }
    let [start, end, capacity] = bounds;
    for (low, high) in [(start, end), (end, capacity)] {
        if low > high {
            return Err(format!("invalid slice index: {low} > {high}").into());
        }
    }
    let cut = |text: &Str| Str::from(text.get(start..end).unwrap_or(&[]));
    Ok(match item {
        Value::String(text) => Value::String(cut(text)),
        Value::Bytes(bytes) => Value::Bytes(cut(bytes)),
        Value::List(list) => {
            let items = list.to_vec();
            let part = items.get(start..end).unwrap_or(&[]).to_vec();
            Value::List(List::with_type(list.ty(), part))
        }
        _ => Value::Nil,
    })
}

/// The arguments as text, as printed by templates (Go, `evalArgs`).
fn joined(arguments: Arguments<'_>) -> Vec<u8> {
    match arguments.0 {
        [Value::String(text)] => text.to_vec(),
        values => {
            let mut printable = Vec::with_capacity(values.len());
            for value in values {
                printable.push(match value {
                    Value::Nil | Value::Pointer(_) => {
                        let mut out = Vec::new();
                        write_printable(&mut out, &Slot::own(value.clone()));
                        Value::string(out)
                    }
                    value => value.clone(),
                });
            }
            sprint(&printable)
        }
    }
}

fn html(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let text = joined(arguments);
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            byte => out.push(byte),
        }
    }
    Ok(Value::string(out))
}

fn js(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let text = joined(arguments);
    let mut out = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.extend_from_slice(b"\\\\"),
                '\'' => out.extend_from_slice(b"\\'"),
                '"' => out.extend_from_slice(b"\\\""),
                '<' | '>' | '&' | '=' | '\0'..' ' => {
                    out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
                }
                c if c.is_ascii() || strconv::is_print(c) => {
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                c => {
                    out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
                }
            }
        }
        out.extend_from_slice(chunk.invalid());
    }
    Ok(Value::string(out))
}

fn urlquery(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let text = joined(arguments);
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(byte),
            byte if byte.is_ascii_alphanumeric() => out.push(byte),
            byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    Ok(Value::string(out))
}
