//! Encodes TOML.

use super::super::dates::time_of;
use super::super::semver::version;
use super::decode::DATES;
use super::{path_text, push_escaped, push_key};
use crate::HelmVersion;
use crate::go::strconv::{float_decimal, float_general};
use crate::value::{Kind, Str, Struct, Type, Value};

const MAX_DEPTH: usize = 1000;

/// Encodes a value.
///
/// Errors: the library's message.
pub(super) fn encode(value: &Value, version: HelmVersion) -> Result<Vec<u8>, String> {
    let out = Vec::new();
    let mut encoder = Encoder { out, version };
    encoder.entry(&[], value)?;
    Ok(encoder.out)
}

/// How TOML represents a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TomlKind {
    Table,
    TableArray,
    /// A value on a single line.
    Inline,
    /// Nil, which is omitted.
    Nil,
}

struct Encoder {
    out: Vec<u8>,
    version: HelmVersion,
}

impl Encoder {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn new_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push(b'\n');
        }
    }

    fn indent(&mut self, path: &[Str]) {
        let depth = path.len().saturating_sub(1);
        self.out.resize(self.out.len() + 2 * depth, b' ');
    }

    /// Writes a value under its path, as a line or as a table.
    fn entry(&mut self, path: &[Str], value: &Value) -> Result<(), String> {
        if path.len() > MAX_DEPTH {
            return Err("toml: the value contains itself".to_string());
        }
        match value {
            _ if is_text(value) => self.line(path, value),
            _ if value.is_nil() && !matches!(value, Value::List(_)) => Ok(()),
            Value::List(list) if kind(value)? == TomlKind::TableArray => {
                if path.is_empty() {
                    return Err("toml: top-level values must be Go maps or structs".to_string());
                }
                for item in list.to_vec() {
                    if item.is_nil() {
                        continue;
                    }
                    self.new_line();
                    self.header(path, "[[", "]]");
                    self.table(path, &item)?;
                }
                Ok(())
            }
            Value::Map(_) | Value::Struct(_) | Value::Pointer(_) => {
                if path.len() == 1 {
                    self.new_line();
                }
                if !path.is_empty() {
                    self.header(path, "[", "]");
                }
                self.table(path, value)
            }
            Value::Complex(..) => {
                let key = String::from_utf8_lossy(&path_text(path)).into_owned();
                Err(format!("unsupported type for key '{key}': complex128"))
            }
            _ => self.line(path, value),
        }
    }

    fn header(&mut self, path: &[Str], open: &str, close: &str) {
        self.indent(path);
        self.push(open);
        self.out.extend(path_text(path));
        self.push(close);
        self.out.push(b'\n');
    }

    fn line(&mut self, path: &[Str], value: &Value) -> Result<(), String> {
        let Some(key) = path.last() else {
            return self.element(value, 0);
        };
        self.indent(path);
        push_key(&mut self.out, key);
        self.push(" = ");
        self.element(value, 0)?;
        self.out.push(b'\n');
        Ok(())
    }

    /// Writes the entries of a table: first lines, then tables.
    fn table(&mut self, path: &[Str], value: &Value) -> Result<(), String> {
        let (lines, tables) = partition(value)?;
        for (key, value) in lines.into_iter().chain(tables) {
            let path = [path, &[key]].concat();
            self.entry(&path, &value)?;
        }
        Ok(())
    }

    fn element(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err("toml: the value contains itself".to_string());
        }
        match value {
            Value::String(text) => self.quoted(text),
            Value::Bool(value) => self.push(&value.to_string()),
            Value::Int(ty, _) if ty.kind() != Kind::Int64 || !is_named(value) => {
                if let Value::Int(_, value) = value {
                    self.push(&value.to_string());
                }
            }
            // `time.Duration`, the only named type of this size.
            Value::Int(_, value) => {
                let text = crate::go::time::Duration(*value).to_string();
                self.quoted(text.as_bytes());
            }
            Value::Uint(_, value) => self.push(&value.to_string()),
            Value::Float(value) => self.push(&float(*value, self.version)),
            Value::Bytes(bytes) => {
                let items: Vec<String> = bytes.iter().map(u8::to_string).collect();
                self.push(&format!("[{}]", items.join(", ")));
            }
            Value::List(list) => {
                self.push("[");
                for (at, item) in list.to_vec().iter().enumerate() {
                    if at > 0 {
                        self.push(", ");
                    }
                    self.element(item, depth + 1)?;
                }
                self.push("]");
            }
            Value::Struct(object) | Value::Pointer(object) => {
                if let Some(time) = time_of(value) {
                    let zone = time.zone().name();
                    let local = DATES.iter().skip(1).find(|it| it.1 == zone);
                    let layout = local.unwrap_or(&DATES[0]).0;
                    self.out.extend(time.format(layout.as_bytes()));
                } else if let Some(version) = version(object) {
                    self.quoted(version.to_string().as_bytes());
                } else {
                    self.inline_table(value, depth)?;
                }
            }
            Value::Map(_) => self.inline_table(value, depth)?,
            Value::Nil => return Err("toml: cannot encode array with nil element".to_string()),
            Value::Complex(..) => return Err("unexpected type: complex128".to_string()),
        }
        Ok(())
    }

    fn quoted(&mut self, text: &[u8]) {
        self.out.push(b'"');
        push_escaped(&mut self.out, text);
        self.out.push(b'"');
    }

    /// Writes an inline table. A comma follows each entry except the last one of its kind, even if the following entries are
    /// omitted.
    fn inline_table(&mut self, value: &Value, depth: usize) -> Result<(), String> {
        let (lines, tables) = partition(value)?;
        self.push("{");
        let (count, more) = (lines.len(), !tables.is_empty());
        for (at, (key, value)) in lines.iter().enumerate() {
            self.inline_entry(key, value, more || at + 1 < count, depth)?;
        }
        let count = tables.len();
        for (at, (key, value)) in tables.iter().enumerate() {
            self.inline_entry(key, value, at + 1 < count, depth)?;
        }
        self.push("}");
        Ok(())
    }

    fn inline_entry(
        &mut self,
        key: &Str,
        value: &Value,
        has_comma: bool,
        depth: usize,
    ) -> Result<(), String> {
        if value.is_nil() {
            return Ok(());
        }
        push_key(&mut self.out, key);
        self.push(" = ");
        self.element(value, depth + 1)?;
        if has_comma {
            self.push(", ");
        }
        Ok(())
    }
}

fn is_named(value: &Value) -> bool {
    value.type_name().contains('.')
}

/// Whether the library writes a struct as a string.
fn is_text(value: &Value) -> bool {
    match value {
        Value::Struct(object) | Value::Pointer(object) => {
            version(object).is_some() || time_of(value).is_some()
        }
        _ => false,
    }
}

type Entries = Vec<(Str, Value)>;

/// The entries of a map or struct, separated into lines and tables.
fn partition(value: &Value) -> Result<(Entries, Entries), String> {
    let entries = match value {
        Value::Map(map) => map.snapshot(),
        Value::Struct(object) | Value::Pointer(object) => fields(object),
        _ => Vec::new(),
    };
    let (mut lines, mut tables) = (Vec::new(), Vec::new());
    for entry in entries {
        match kind(&entry.1)? {
            TomlKind::Table | TomlKind::TableArray => tables.push(entry),
            TomlKind::Inline | TomlKind::Nil => lines.push(entry),
        }
    }
    Ok((lines, tables))
}

/// Fields by their own names, including those of embedded structs.
fn fields(object: &Struct) -> Entries {
    let Type::Struct(types) = &object.ty().underlying else {
        return Vec::new();
    };
    let mut entries = Vec::new();
    for (field, value) in types.iter().zip(object.fields()) {
        match value {
            Value::Struct(inner) | Value::Pointer(inner) if field.embedded => {
                entries.extend(fields(inner));
            }
            value => entries.push((Str::from(field.name), value.clone())),
        }
    }
    entries
}

fn kind(value: &Value) -> Result<TomlKind, String> {
    kind_at(value, 0)
}

fn kind_at(value: &Value, depth: usize) -> Result<TomlKind, String> {
    if depth > MAX_DEPTH {
        return Err("toml: the value contains itself".to_string());
    }
    Ok(match value {
        _ if value.is_nil() => TomlKind::Nil,
        _ if is_text(value) => TomlKind::Inline,
        Value::Map(_) | Value::Struct(_) | Value::Pointer(_) => TomlKind::Table,
        Value::List(list) if !list.is_empty() => {
            let mut all_tables = true;
            for item in list.to_vec() {
                match kind_at(&item, depth + 1)? {
                    TomlKind::Nil => {
                        return Err("toml: cannot encode array with nil element".to_string());
                    }
                    kind => all_tables &= kind == TomlKind::Table,
                }
            }
            if all_tables {
                TomlKind::TableArray
            } else {
                TomlKind::Inline
            }
        }
        Value::Complex(..) => return Err("unsupported type: complex128".to_string()),
        _ => TomlKind::Inline,
    })
}

/// A float with a point. Helm 4 writes very large and very small numbers with an exponent, Helm 3 does not.
fn float(value: f64, version: HelmVersion) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    match value {
        _ if value.is_nan() => format!("{sign}nan"),
        _ if value.is_infinite() => format!("{sign}inf"),
        _ => {
            let text = match version {
                HelmVersion::V3 => float_decimal(value),
                HelmVersion::V4 => float_general(value),
            };
            if text.contains(['.', 'e']) {
                text
            } else {
                text + ".0"
            }
        }
    }
}
