//! Go's package `fmt`: `print`, `println`, `printf` and how a template prints a value.

mod float;
mod integer;
mod printer;
mod printf;
mod text;

use crate::value::Value;
use printer::Printer;

pub use printf::sprintf;

/// Writes a value as `%v` prints it.
pub fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => out.extend_from_slice(text),
        value => Printer::new(out).argument(value, 'v'),
    }
}

/// `fmt.Sprint`: the values as `%v` prints them, with a space between two that are no strings.
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

/// `fmt.Sprintln`: the values as `%v` prints them, with a space between each two and a line end.
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
