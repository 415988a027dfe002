//! Go's package `fmt`: `print`, `println`, `printf` and the output of values in templates.

mod float;
mod integer;
mod printer;
mod printf;
mod text;

use crate::value::Value;
use printer::Printer;

pub use printf::sprintf;

/// Writes a value in the format `%v`.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => out.extend_from_slice(text),
        value => Printer::new(out).argument(value, 'v'),
    }
}

/// A value in the format `%v`, for messages; invalid UTF-8 becomes U+FFFD.
pub fn format_value(value: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

/// `fmt.Sprint`: values in the format `%v`, with a space between two that are not strings.
pub fn sprint(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_string = true;
    for value in values {
        let is_string = matches!(value, Value::String(_));
        if !is_string && !after_string {
            out.push(b' ');
        }
        Printer::new(&mut out).argument(value, 'v');
        after_string = is_string;
    }
    out
}

/// `fmt.Sprintln`: values in the format `%v`, separated by spaces, with a line end.
pub fn sprintln(values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        Printer::new(&mut out).argument(value, 'v');
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests;
