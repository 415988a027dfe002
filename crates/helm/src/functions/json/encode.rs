//! Encodes JSON like `encoding/json`.

use super::super::semver::version;
use crate::go::base64::encode_64;
use crate::go::strconv::float_json;
use crate::go::time::Time;
use crate::value::{Struct, Type, Value};

/// The depth from which on a value is treated as containing itself.
const MAX_DEPTH: usize = 1000;

/// Writes a value without blanks. `escapes_html`: whether `<`, `>` and `&` are escaped.
///
/// Errors: Go's message for numbers and types that JSON cannot represent.
pub(super) fn encode(value: &Value, escapes_html: bool) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder {
        out: Vec::new(),
        escapes_html,
    };
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

/// Formats compact JSON with an indentation of two.
pub(super) fn indent(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth * 2, b' ');
    };
    let (mut in_string, mut escaped) = (false, false);
    let mut previous = 0;
    for byte in json {
        if in_string {
            out.push(*byte);
            in_string = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            previous = *byte;
            continue;
        }
        match byte {
            b'{' | b'[' => {
                if matches!(previous, b'{' | b'[') {
                    line(&mut out, depth);
                }
                out.push(*byte);
                depth += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(previous, b'{' | b'[') {
                    line(&mut out, depth);
                }
                out.push(*byte);
            }
            b',' => {
                out.push(b',');
                line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                if matches!(previous, b'{' | b'[') {
                    line(&mut out, depth);
                }
                in_string = *byte == b'"';
                out.push(*byte);
            }
        }
        previous = *byte;
    }
    out
}

struct Encoder {
    out: Vec<u8>,
    escapes_html: bool,
}

impl Encoder {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            let name = value.type_name();
            return Err(format!(
                "json: unsupported value: encountered a cycle via {name}"
            ));
        }
        match value {
            _ if value.is_nil() => self.push("null"),
            Value::Bool(value) => self.push(if *value { "true" } else { "false" }),
            Value::Int(_, value) => self.push(&value.to_string()),
            Value::Uint(_, value) => self.push(&value.to_string()),
            Value::Float(value) if value.is_finite() => self.push(&float_json(*value)),
            Value::Float(value) => {
                let value = crate::go::strconv::float_decimal(*value);
                return Err(format!("json: unsupported value: {value}"));
            }
            Value::String(text) => self.string(text),
            Value::Bytes(bytes) => {
                self.out.push(b'"');
                self.push(&encode_64(bytes));
                self.out.push(b'"');
            }
            Value::List(list) => {
                self.out.push(b'[');
                for (at, item) in list.to_vec().iter().enumerate() {
                    self.separate(at);
                    self.value(item, depth + 1)?;
                }
                self.out.push(b']');
            }
            Value::Map(map) => {
                self.out.push(b'{');
                for (at, (key, value)) in map.snapshot().iter().enumerate() {
                    self.separate(at);
                    self.string(key);
                    self.out.push(b':');
                    self.value(value, depth + 1)?;
                }
                self.out.push(b'}');
            }
            Value::Struct(object) | Value::Pointer(object) => self.object(object, depth)?,
            Value::Complex(..) => return Err("json: unsupported type: complex128".to_string()),
            Value::Nil => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn separate(&mut self, at: usize) {
        if at > 0 {
            self.out.push(b',');
        }
    }

    fn object(&mut self, object: &Struct, depth: usize) -> Result<(), String> {
        if let Some(time) = object.data::<Time>() {
            let text = time.rfc_3339();
            if text.find('-') != Some(4) {
                return Err(
                    "json: error calling MarshalJSON for type time.Time: Time.MarshalJSON: \
                     year outside of range [0,9999]"
                        .to_string(),
                );
            }
            self.string(text.as_bytes());
            return Ok(());
        }
        if let Some(version) = version(object) {
            self.string(version.to_string().as_bytes());
            return Ok(());
        }
        self.out.push(b'{');
        for (at, (name, value)) in json_fields(object).into_iter().enumerate() {
            self.separate(at);
            self.string(name.as_bytes());
            self.out.push(b':');
            self.value(&value, depth + 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for chunk in text.utf8_chunks() {
            for c in chunk.valid().chars() {
                self.character(c);
            }
            for _ in chunk.invalid() {
                self.push("\\ufffd");
            }
        }
        self.out.push(b'"');
    }

    fn character(&mut self, c: char) {
        match c {
            '"' => self.push("\\\""),
            '\\' => self.push("\\\\"),
            '\x08' => self.push("\\b"),
            '\x0c' => self.push("\\f"),
            '\n' => self.push("\\n"),
            '\r' => self.push("\\r"),
            '\t' => self.push("\\t"),
            '\u{2028}' | '\u{2029}' | ..' ' => self.code(c),
            '<' | '>' | '&' if self.escapes_html => self.code(c),
            _ => self.push(c.encode_utf8(&mut [0; 4])),
        }
    }

    fn code(&mut self, c: char) {
        self.push(&format!("\\u{:04x}", u32::from(c)));
    }
}

/// The fields that JSON contains, by their JSON names, including those of embedded structs.
pub(in crate::functions) fn json_fields(object: &Struct) -> Vec<(&'static str, Value)> {
    let Type::Struct(fields) = &object.ty().underlying else {
        return Vec::new();
    };
    let mut encoded = Vec::new();
    for (field, value) in fields.iter().zip(object.fields()) {
        let (name, options) = field.json.split_once(',').unwrap_or((field.json, ""));
        match value {
            _ if name == "-" => {}
            Value::Struct(inner) | Value::Pointer(inner) if field.embedded && name.is_empty() => {
                encoded.extend(json_fields(inner));
            }
            _ if options.contains("omitempty") && !value.is_true() => {}
            _ => encoded.push((
                if name.is_empty() { field.name } else { name },
                value.clone(),
            )),
        }
    }
    encoded
}
