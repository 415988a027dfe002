//! Decodes JSON like `encoding/json` into `interface {}`, with its error messages.

use std::collections::BTreeMap;

use crate::go::strconv::push_escaped;
use crate::go::unicode::runes;
use crate::value::{Map, Str, Value};

/// The maximum depth. Go's limit is ten times higher.
const MAX_DEPTH: usize = 1000;

/// Decodes a text.
///
/// Errors: Go's message. If the text is valid JSON with a number that is too large, the decoded value is also returned.
pub(super) fn decode(text: &[u8]) -> Result<Value, (Value, String)> {
    let mut decoder = Decoder {
        rest: text,
        saved: None,
    };
    let value = match decoder.document() {
        Ok(value) => value,
        Err(error) => return Err((Value::Nil, error)),
    };
    match decoder.saved {
        None => Ok(value),
        Some(error) => Err((value, error)),
    }
}

/// Go's name for the type of a JSON value, for errors.
pub(in crate::functions) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "object",
        Value::List(_) => "array",
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Nil => "null",
        _ => "number",
    }
}

struct Decoder<'t> {
    rest: &'t [u8],
    /// The error for a value out of range; decoding continues.
    saved: Option<String>,
}

impl Decoder<'_> {
    fn document(&mut self) -> Result<Value, String> {
        let value = self.value(0)?;
        self.skip_space();
        match self.rest.first() {
            // If a map or list is expected, a number as the whole text is not converted.
            None if self.saved.is_some() && matches!(value, Value::Nil) => {
                Ok(Value::Float(f64::INFINITY))
            }
            None => Ok(value),
            Some(_) => Err(self.unexpected("after top-level value")),
        }
    }

    fn skip_space(&mut self) {
        let is_space = |it: &u8| matches!(it, b' ' | b'\t' | b'\r' | b'\n');
        let length = self.rest.iter().take_while(|it| is_space(it)).count();
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    /// The next byte after spaces, without consuming it.
    fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest.first().copied()
    }

    fn bump(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }

    /// The error for an unexpected byte between values, or the end.
    fn unexpected(&self, context: &str) -> String {
        match self.rest.is_empty() {
            true => "unexpected end of JSON input".to_string(),
            false => self.unexpected_inside(context),
        }
    }

    /// The error for an unexpected byte within a literal, a number or an escape, where Go treats the end as a blank.
    fn unexpected_inside(&self, context: &str) -> String {
        let byte = self.rest.first().unwrap_or(&b' ');
        let mut escaped = String::new();
        push_escaped(&mut escaped, char::from(*byte), '\'');
        format!("invalid character '{escaped}' {context}")
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".to_string());
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Value::String(self.string()?.into())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Nil),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, String> {
        for expected in word.chars() {
            if self.rest.first().copied().map(char::from) != Some(expected) {
                return Err(
                    self.unexpected_inside(&format!("in literal {word} (expecting '{expected}')"))
                );
            }
            self.bump();
        }
        Ok(value)
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        self.bump();
        let mut entries = BTreeMap::new();
        if self.peek() == Some(b'}') {
            self.bump();
            return Ok(Value::Map(Map::new(entries)));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key: Str = self.string()?.into();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.bump();
            let value = self.value(depth + 1)?;
            entries.insert(key, value);
            match self.peek() {
                Some(b',') => self.bump(),
                Some(b'}') => {
                    self.bump();
                    return Ok(Value::Map(Map::new(entries)));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        self.bump();
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.bump();
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            match self.peek() {
                Some(b',') => self.bump(),
                Some(b']') => {
                    self.bump();
                    return Ok(Value::list(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn digits(&mut self) -> usize {
        let length = self
            .rest
            .iter()
            .take_while(|it| it.is_ascii_digit())
            .count();
        self.rest = self.rest.get(length..).unwrap_or_default();
        length
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.rest;
        if self.rest.first() == Some(&b'-') {
            self.bump();
        }
        if self.rest.first() == Some(&b'0') {
            self.bump();
        } else if self.digits() == 0 {
            return Err(self.unexpected_inside("in numeric literal"));
        }
        if self.rest.first() == Some(&b'.') {
            self.bump();
            if self.digits() == 0 {
                return Err(self.unexpected_inside("after decimal point in numeric literal"));
            }
        }
        if matches!(self.rest.first(), Some(b'e' | b'E')) {
            self.bump();
            if matches!(self.rest.first(), Some(b'+' | b'-')) {
                self.bump();
            }
            if self.digits() == 0 {
                return Err(self.unexpected_inside("in exponent of numeric literal"));
            }
        }
        let length = start.len() - self.rest.len();
        let text = start.get(..length).unwrap_or_default();
        let text = std::str::from_utf8(text).unwrap_or_default();
        let number = text.parse::<f64>().ok().filter(|it| it.is_finite());
        Ok(number.map_or_else(
            || {
                let error =
                    format!("json: cannot unmarshal number {text} into Go value of type float64");
                self.saved.get_or_insert(error);
                Value::Nil
            },
            Value::Float,
        ))
    }

    fn string(&mut self) -> Result<Vec<u8>, String> {
        self.bump();
        let mut out = Vec::new();
        loop {
            let is_plain = |it: &u8| !matches!(it, b'"' | b'\\' | ..0x20);
            let length = self.rest.iter().take_while(|it| is_plain(it)).count();
            let (plain, rest) = self.rest.split_at(length);
            self.rest = rest;
            match std::str::from_utf8(plain) {
                Ok(_) => out.extend_from_slice(plain),
                Err(_) => out.extend(runes(plain).collect::<String>().into_bytes()),
            }
            match self.rest.first() {
                Some(b'"') => {
                    self.bump();
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.bump();
                    let c = self.escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    /// Decodes an escape, after the backslash.
    fn escape(&mut self) -> Result<char, String> {
        let c = match self.rest.first() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
            Some(b'b') => '\x08',
            Some(b'f') => '\x0c',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.bump();
                return self.unicode_escape();
            }
            _ => return Err(self.unexpected_inside("in string escape code")),
        };
        self.bump();
        Ok(c)
    }

    fn unicode_escape(&mut self) -> Result<char, String> {
        let code = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&code) {
            return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        // The second part is only used if it is a low surrogate.
        let after = self.rest;
        if let Some(rest) = self.rest.strip_prefix(b"\\u") {
            self.rest = rest;
            let low = self.four_digits()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.rest = after;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self
                .rest
                .first()
                .and_then(|it| char::from(*it).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected_inside("in \\u hexadecimal character escape"));
            };
            code = code << 4 | digit;
            self.bump();
        }
        Ok(code)
    }
}
