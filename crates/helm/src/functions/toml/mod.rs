//! TOML, as in the library BurntSushi/toml.

mod decode;
mod document;
mod encode;
mod lexer;

use super::{ANY, STRING, fail, text};
use crate::template::{Arguments, Context, Function, Returned};
use crate::value::{Map, Str, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("fromToml", &[STRING], |_, it| Ok(from_toml(it))),
    Function::fixed("toToml", &[ANY], to_toml),
];

/// An error is returned as the result, but nil fails.
fn to_toml(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    if matches!(arguments.get(0), Value::Nil) {
        return fail("reflect: call of reflect.Value.Type on zero Value");
    }
    let written =
        encode::encode(arguments.get(0), context.version()).unwrap_or_else(String::into_bytes);
    context.charge(written.len())?;
    text(written)
}

/// An error is returned in the map under `Error`.
fn from_toml(arguments: Arguments<'_>) -> Value {
    match decode::decode(arguments.text(0)) {
        Ok(entries) => Value::Map(Map::new(entries)),
        Err(error) => Value::map([(Str::from("Error"), Value::from(error))]),
    }
}

/// Writes a text with escapes for double quotes.
fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\x08' => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\x0c' => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            ..0x20 | 0x7f => out.extend(format!("\\u{byte:04x}").into_bytes()),
            _ => out.push(*byte),
        }
    }
}

/// Writes a key, in quotes if necessary.
fn push_key(out: &mut Vec<u8>, key: &[u8]) {
    let is_bare = |it: &u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
    if !key.is_empty() && key.iter().all(is_bare) {
        out.extend_from_slice(key);
        return;
    }
    out.push(b'"');
    push_escaped(out, key);
    out.push(b'"');
}

/// A path of keys, separated by dots.
fn path_text(path: &[Str]) -> Vec<u8> {
    let mut out = Vec::new();
    for (at, key) in path.iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        push_key(&mut out, key);
    }
    out
}
