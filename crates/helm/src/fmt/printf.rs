//! Formats with a format string (Go, `doPrintf`).

use super::printer::{Flags, Printer};
use crate::value::Value;

/// The maximum width and precision.
const MAX_NUMBER: i64 = 1_000_000;

/// Formats like Go's `fmt.Sprintf`, with `%!verb(type=value)` for invalid verbs.
pub fn sprintf(format: &[u8], values: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.len() + 16 * values.len());
    let mut formatter = Formatter {
        format,
        position: 0,
        values,
        next: 0,
        reordered: false,
        number_is_good: true,
        printer: Printer::new(&mut out),
    };
    formatter.run();
    out
}

struct Formatter<'a> {
    format: &'a [u8],
    position: usize,
    values: &'a [Value],
    /// The index of the next value to print.
    next: usize,
    /// Whether explicit argument indexes were used.
    reordered: bool,
    /// Whether the argument index of the current verb is valid, if there is one.
    number_is_good: bool,
    printer: Printer<'a>,
}

impl Formatter<'_> {
    fn run(&mut self) {
        while self.position < self.format.len() {
            let rest = self.format.get(self.position..).unwrap_or(&[]);
            let length = memchr::memchr(b'%', rest).unwrap_or(rest.len());
            let (text, _) = rest.split_at(length);
            self.printer.out.extend_from_slice(text);
            self.position += length + 1;
            if self.position > self.format.len() {
                break;
            }
            self.verb();
        }
        if !self.reordered && self.next < self.values.len() {
            self.extra_values();
        }
    }

    fn peek(&self) -> Option<u8> {
        self.format.get(self.position).copied()
    }

    /// Processes a verb, from after the `%`.
    fn verb(&mut self) {
        self.number_is_good = true;
        self.flags();
        let mut after_index = self.argument_number();
        after_index = self.width(after_index);
        after_index = self.precision(after_index);
        if !after_index {
            self.argument_number();
        }
        let Some(verb) = self.next_char() else {
            self.printer.out.extend_from_slice(b"%!(NOVERB)");
            return;
        };
        match verb {
            '%' => self.printer.out.push(b'%'),
            _ if !self.number_is_good => self.report(verb, "(BADINDEX)"),
            _ => match self.values.get(self.next) {
                None => self.report(verb, "(MISSING)"),
                Some(value) => {
                    if matches!(verb, 'v' | 'w') {
                        let flags = &mut self.printer.flags;
                        flags.sharp_v = std::mem::replace(&mut flags.sharp, false);
                        flags.plus_v = std::mem::replace(&mut flags.plus, false);
                    }
                    self.printer.argument(value, verb);
                    self.next += 1;
                }
            },
        }
    }

    fn flags(&mut self) {
        self.printer.flags = Flags::default();
        let flags = &mut self.printer.flags;
        while let Some(byte) = self.format.get(self.position) {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => break,
            }
            self.position += 1;
        }
    }

    /// The next character of the format; a byte that is not UTF-8 is U+FFFD.
    fn next_char(&mut self) -> Option<char> {
        let rest = self.format.get(self.position..)?;
        let chunk = rest.utf8_chunks().next()?;
        let c = chunk.valid().chars().next();
        self.position += c.map_or(1, char::len_utf8);
        Some(c.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Reads a width, as digits or `*`. Returns whether an argument index was read last.
    fn width(&mut self, after_index: bool) -> bool {
        if self.peek() != Some(b'*') {
            let width = self.digits();
            self.printer.flags.width = width;
            self.number_is_good &= !(after_index && width.is_some());
            return after_index;
        }
        self.position += 1;
        let width = self.integer_value();
        let flags = &mut self.printer.flags;
        match width {
            Some(width) => {
                flags.width = usize::try_from(width.unsigned_abs()).ok();
                if width < 0 {
                    flags.minus = true;
                    flags.zero = false;
                }
            }
            None => self.printer.out.extend_from_slice(b"%!(BADWIDTH)"),
        }
        false
    }

    /// Reads a precision after a dot; there is none at the end of the format.
    fn precision(&mut self, after_index: bool) -> bool {
        if self.peek() != Some(b'.') || self.position + 1 >= self.format.len() {
            return after_index;
        }
        self.position += 1;
        self.number_is_good &= !after_index;
        let after_index = self.argument_number();
        if self.peek() != Some(b'*') {
            self.printer.flags.precision = Some(self.digits().unwrap_or(0));
            return after_index;
        }
        self.position += 1;
        let value = self.integer_value();
        self.printer.flags.precision = value.and_then(|it| usize::try_from(it).ok());
        if self.printer.flags.precision.is_none() {
            self.printer.out.extend_from_slice(b"%!(BADPREC)");
        }
        false
    }

    /// The next value as a width or precision.
    fn integer_value(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let value = match value {
            Value::Int(_, value) => Some(*value),
            Value::Uint(_, value) => i64::try_from(*value).ok(),
            _ => None,
        };
        value.filter(|it| (-MAX_NUMBER..=MAX_NUMBER).contains(it))
    }

    /// Reads digits, if there are any. A number that is too large ends the format.
    fn digits(&mut self) -> Option<usize> {
        let (number, end) = parse_number(self.format, self.position, self.format.len());
        self.position = end;
        number
    }

    /// Reads an argument index, `[2]`. Returns whether there was one.
    fn argument_number(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = self.format.get(self.position..).unwrap_or(&[]);
        let (index, length, is_number) = bracketed_number(rest);
        self.position += length;
        match index.filter(|it| *it < self.values.len()) {
            Some(index) => {
                self.next = index;
                true
            }
            None => {
                self.number_is_good = false;
                is_number
            }
        }
    }

    fn report(&mut self, verb: char, problem: &str) {
        self.printer
            .out
            .extend_from_slice(format!("%!{verb}{problem}").as_bytes());
    }

    fn extra_values(&mut self) {
        self.printer.flags = Flags::default();
        self.printer.out.extend_from_slice(b"%!(EXTRA ");
        let values = self.values.get(self.next..).unwrap_or(&[]);
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.printer.out.extend_from_slice(b", ");
            }
            self.printer
                .out
                .extend_from_slice(value.type_name().as_bytes());
            if !matches!(value, Value::Nil) {
                self.printer.out.push(b'=');
                self.printer.argument(value, 'v');
            }
        }
        self.printer.out.push(b')');
    }
}

/// Digits from `start`, and their end. A number that is too large counts as missing and ends at `end`.
fn parse_number(text: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let mut number: Option<usize> = None;
    let mut position = start;
    while position < end {
        let Some(digit @ b'0'..=b'9') = text.get(position) else {
            break;
        };
        let value = number.unwrap_or(0);
        if value > 1_000_000 {
            return (None, end);
        }
        number = Some(value * 10 + usize::from(digit - b'0'));
        position += 1;
    }
    (number, position)
}

/// Parses an argument index in brackets: the index, the number of bytes, and whether it is a valid number.
fn bracketed_number(text: &[u8]) -> (Option<usize>, usize, bool) {
    if text.len() < 3 {
        return (None, 1, false);
    }
    let Some(close) = memchr::memchr(b']', text) else {
        return (None, 1, false);
    };
    match parse_number(text, 1, close) {
        (Some(number), end) if end == close => (number.checked_sub(1), close + 1, true),
        _ => (None, close + 1, false),
    }
}
