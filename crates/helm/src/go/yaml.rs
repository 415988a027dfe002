//! YAML as in `sigs.k8s.io/yaml`: parsed by the rules of go-yaml v2, and converted to JSON.
//!
//! All numbers become float64, as in Go when JSON is decoded into `interface{}`.

use std::fmt::Write;

use pleach_yaml::diag::{Class, Diagnostics, Source, Span};
use pleach_yaml::tree::TreePath;
use pleach_yaml::{Entry, Mapping, Node, Style, Tag, View, parse_as_go_yaml_v2};
use serde_json::{Map, Number, Value as Json};

use super::scalar::{Scalar, float32_text, resolve};
use super::strconv;
use super::strconv::float_general;

/// An error of Go's YAML library.
#[derive(Clone, Debug)]
pub(crate) struct YamlError {
    /// The message: `error converting YAML to JSON: yaml: line 2: …`.
    pub(crate) message: String,
    /// The location, if known.
    pub(crate) span: Option<Span>,
}

impl YamlError {
    fn new(message: impl std::fmt::Display, span: Option<&Span>) -> YamlError {
        YamlError {
            message: format!("error converting YAML to JSON: {message}"),
            span: span.cloned(),
        }
    }
}

/// Parses the first document of a text; `None` if there is none. `path` is the file of the text.
pub(crate) fn parse(bytes: &[u8], path: &TreePath) -> Result<Option<Node>, YamlError> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let message =
            libyaml_message(bytes).unwrap_or_else(|| "incomplete UTF-8 octet sequence".into());
        return Err(YamlError::new(format_args!("yaml: {message}"), None));
    };
    let source = Source::new(path.clone(), text);
    parse_as_go_yaml_v2(&source).map_err(|faults| syntax_error(text, &faults))
}

/// Parses the first document of a text as a map; a missing document or null is an empty map.
///
/// Errors: Go's message, also if it is not a map.
pub(crate) fn parse_map(bytes: &[u8], path: &TreePath) -> Result<Map<String, Json>, YamlError> {
    let Some(node) = parse(bytes, path)? else {
        return Ok(Map::new());
    };
    let found = match to_json(&node)? {
        Json::Object(map) => return Ok(map),
        Json::Null => return Ok(Map::new()),
        Json::Array(_) => "array",
        Json::String(_) => "string",
        Json::Number(_) => "number",
        Json::Bool(_) => "bool",
    };
    Err(YamlError {
        message: format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
        ),
        span: Some(node.span().clone()),
    })
}

/// A node as JSON.
pub(crate) fn to_json(node: &Node) -> Result<Json, YamlError> {
    match node.view() {
        View::Scalar(text) => scalar_to_json(node, text),
        View::Sequence(items) => {
            let items: Result<Vec<Json>, YamlError> = items.iter().map(to_json).collect();
            items.map(Json::Array)
        }
        View::Mapping(mapping) => {
            let mut map = Map::new();
            for Entry { key, value } in mapping {
                // A later key replaces an earlier one, also in messages.
                let text = key_text(key, value).or_else(|error| match last_null(mapping) {
                    Some(last) if is_null(key) => key_text(key, last),
                    _ => Err(error),
                });
                map.insert(text?, to_json(value)?);
            }
            Ok(Json::Object(map))
        }
    }
}

/// Checks that a node can be converted to JSON, without converting it.
pub(crate) fn check_json(node: &Node) -> Result<(), YamlError> {
    match node.view() {
        View::Scalar(text) if node.style() == Style::Plain || node.tag() != Tag::None => {
            scalar_to_json(node, text).map(|_| ())
        }
        View::Scalar(_) => Ok(()),
        View::Sequence(items) => items.iter().try_for_each(check_json),
        View::Mapping(mapping) => mapping.iter().try_for_each(|entry| {
            key_text(&entry.key, &entry.value)?;
            check_json(&entry.value)
        }),
    }
}

/// The value of a scalar, considering its tag.
pub(crate) fn scalar_of(node: &Node, text: &str) -> Result<Scalar, YamlError> {
    let is_plain = matches!(node.style(), Style::Plain | Style::Flow);
    let found = match node.tag() {
        Tag::None if is_plain => return Ok(resolve(text)),
        Tag::None | Tag::Str | Tag::Binary | Tag::Other => return Ok(Scalar::Text),
        _ => resolve(text),
    };
    let (expected_tag, fits) = match node.tag() {
        Tag::Null => ("!!null", found == Scalar::Null),
        Tag::Bool => ("!!bool", matches!(found, Scalar::Bool(_))),
        Tag::Int => ("!!int", matches!(found, Scalar::Int(_) | Scalar::Uint(_))),
        Tag::Timestamp => return Ok(Scalar::Text),
        _ => match found {
            #[allow(clippy::cast_precision_loss, reason = "as Go converts it")]
            Scalar::Int(value) => return Ok(Scalar::Float(value as f64)),
            found => ("!!float", matches!(found, Scalar::Float(_))),
        },
    };
    match fits {
        true => Ok(found),
        false => Err(YamlError::new(
            format_args!(
                "yaml: cannot decode {} `{text}` as a {expected_tag}",
                found.short_tag()
            ),
            Some(node.span()),
        )),
    }
}

fn scalar_to_json(node: &Node, text: &str) -> Result<Json, YamlError> {
    let number = |value: f64| match Number::from_f64(value) {
        Some(number) => Ok(Json::Number(number)),
        None => {
            let number = match value {
                value if value.is_nan() => "NaN",
                value if value > 0.0 => "+Inf",
                _ => "-Inf",
            };
            let message = format_args!("json: unsupported value: {number}");
            Err(YamlError::new(message, Some(node.span())))
        }
    };
    #[allow(
        clippy::cast_precision_loss,
        reason = "JSON's numbers are float64 in Go"
    )]
    match scalar_of(node, text)? {
        Scalar::Null => Ok(Json::Null),
        Scalar::Bool(value) => Ok(Json::Bool(value)),
        Scalar::Int(value) => number(value as f64),
        Scalar::Uint(value) => number(value as f64),
        Scalar::Float(value) => number(value),
        Scalar::Text | Scalar::Merge if node.tag() == Tag::Binary => binary(node, text),
        Scalar::Text | Scalar::Merge => Ok(Json::String(text.to_string())),
    }
}

fn binary(node: &Node, text: &str) -> Result<Json, YamlError> {
    use base64::Engine as _;
    let text: String = text
        .chars()
        .filter(|it| !matches!(it, '\n' | '\r'))
        .collect();
    match base64::engine::general_purpose::STANDARD.decode(text) {
        Ok(bytes) => Ok(Json::String(String::from_utf8_lossy(&bytes).into_owned())),
        Err(_) => Err(YamlError::new(
            "yaml: !!binary value contains invalid base64 data",
            Some(node.span()),
        )),
    }
}

/// The text of a key in JSON. `value` is only used in the message about an invalid key.
pub(crate) fn key_text(key: &Node, value: &Node) -> Result<String, YamlError> {
    let fault = |message: String| YamlError::new(message, Some(key.span()));
    let View::Scalar(text) = key.view() else {
        return Err(fault(format!("yaml: invalid map key: {}", go_syntax(key))));
    };
    Ok(match scalar_of(key, text)? {
        Scalar::Text | Scalar::Merge => text.to_string(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => match float32_text(value).as_str() {
            "+Inf" => ".inf".to_string(),
            "-Inf" => "-.inf".to_string(),
            "NaN" => ".nan".to_string(),
            text => text.to_string(),
        },
        Scalar::Null => {
            let value = match value.is_null() {
                true => "<nil>".to_string(),
                false => go_syntax(value),
            };
            return Err(fault(format!(
                "unsupported map key of type: %!s(<nil>), key: <nil>, value: {value}"
            )));
        }
        Scalar::Uint(number) => {
            let value = go_syntax(value);
            return Err(fault(format!(
                "unsupported map key of type: uint64, key: {number:#x}, value: {value}"
            )));
        }
    })
}

/// The last value of a map with a null key.
fn last_null(mapping: &Mapping) -> Option<&Node> {
    let mut entries = mapping.iter().rev();
    entries.find(|it| is_null(&it.key)).map(|it| &it.value)
}

fn is_null(key: &Node) -> bool {
    match key.view() {
        View::Scalar(text) => matches!(scalar_of(key, text), Ok(Scalar::Null)),
        _ => false,
    }
}

/// A value in Go's syntax (`%#v`), for messages.
fn go_syntax(node: &Node) -> String {
    let mut text = String::new();
    write_go_syntax(node, &mut text);
    text
}

fn write_go_syntax(node: &Node, out: &mut String) {
    let separate = |out: &mut String, at: usize| {
        if at > 0 {
            out.push_str(", ");
        }
    };
    match node.view() {
        View::Scalar(text) => {
            _ = match scalar_of(node, text).unwrap_or(Scalar::Text) {
                Scalar::Null => out.write_str("interface {}(nil)"),
                Scalar::Bool(value) => write!(out, "{value}"),
                Scalar::Int(value) => write!(out, "{value}"),
                Scalar::Uint(value) => write!(out, "{value:#x}"),
                Scalar::Float(value) => out.write_str(&float_general(value)),
                Scalar::Text | Scalar::Merge => write!(out, "{}", strconv::quote(text.as_bytes())),
            }
        }
        View::Sequence(items) => {
            out.push_str("[]interface {}{");
            for (at, item) in items.iter().enumerate() {
                separate(out, at);
                write_go_syntax(item, out);
            }
            out.push('}');
        }
        View::Mapping(mapping) => {
            out.push_str("map[interface {}]interface {}{");
            for (at, entry) in mapping.iter().enumerate() {
                separate(out, at);
                write_go_syntax(&entry.key, out);
                out.push(':');
                write_go_syntax(&entry.value, out);
            }
            out.push('}');
        }
    }
}

/// The error for invalid YAML, with the message of Go's library.
///
/// The messages of this program's reader differ, so the text is parsed by libyaml for its message.
fn syntax_error(text: &str, faults: &Diagnostics) -> YamlError {
    let span = faults.iter().find_map(|it| it.span.as_ref());
    // libyaml takes quadratic time for nested brackets.
    let is_limit = faults.iter().any(|it| it.class == Class::Limit);
    let message = (!is_limit)
        .then(|| libyaml_message(text.as_bytes()))
        .flatten();
    let message = message.unwrap_or_else(|| match faults.iter().next() {
        Some(fault) => go_yaml_message(fault),
        None => "unknown problem parsing YAML content".to_string(),
    });
    YamlError::new(format_args!("yaml: {message}"), span)
}

/// The messages of go-yaml for texts that libyaml accepts.
fn go_yaml_message(fault: &pleach_yaml::diag::Diagnostic) -> String {
    let alias = fault.span.as_ref().map_or("", Span::text);
    let name = alias.trim_start_matches('*');
    match fault.message.as_str() {
        it if it.starts_with("undefined anchor") => {
            format!("unknown anchor '{name}' referenced")
        }
        it if it.contains("is inside the value that it refers to") => {
            format!("anchor '{name}' value contains itself")
        }
        it if it.starts_with("`<<` expects a map") => {
            "map merge requires map or sequence of maps as the value".to_string()
        }
        it if fault.class == Class::Limit && it.starts_with("aliases repeat") => {
            "document contains excessive aliasing".to_string()
        }
        it => it.to_string(),
    }
}

/// An error of libyaml that go-yaml does not have: in brackets, it reads `a:[` as the scalar `a:` and a list.
const COLON: &str = "found unexpected ':'";

/// The first error of go-yaml v2, with the line as it counts.
fn libyaml_message(text: &[u8]) -> Option<String> {
    match first_error(text) {
        Some(message) if message.ends_with(COLON) => first_error(&without_colons(text)),
        message => message,
    }
}

/// The text with another character in place of each colon between a scalar and a bracket or comma.
fn without_colons(text: &[u8]) -> Vec<u8> {
    let mut changed = text.to_vec();
    for (at, around) in text.windows(3).enumerate() {
        let [before, b':', b',' | b'?' | b'[' | b']' | b'{' | b'}'] = around else {
            continue;
        };
        let is_scalar = !before.is_ascii_whitespace() && !b",?[]{}\"'".contains(before);
        if let (true, Some(colon)) = (is_scalar, changed.get_mut(at + 1)) {
            *colon = b'_';
        }
    }
    changed
}

/// The first error of libyaml, with the line as counted by go-yaml v2.
fn first_error(text: &[u8]) -> Option<String> {
    // The library panics for a block scalar that ends with the file, and for an empty tag before a comma.
    if text.windows(2).any(|it| it == b"!,") {
        return None;
    }
    let with_line_end = [text, b"\n"].concat();
    let may_have_block = text.iter().any(|it| matches!(it, b'|' | b'>'));
    let mut input = match may_have_block && !text.ends_with(b"\n") {
        true => &with_line_end,
        false => text,
    };
    let mut parser = libyaml_safer::Parser::new();
    parser.set_input_string(&mut input);
    let mut documents = 0;
    loop {
        let error = match parser.parse() {
            Ok(event) => match event.data {
                libyaml_safer::EventData::StreamEnd => return None,
                // Only the first document is read.
                libyaml_safer::EventData::DocumentEnd { .. } => {
                    documents += 1;
                    if documents == 1 {
                        return None;
                    }
                    continue;
                }
                _ => continue,
            },
            Err(error) => error,
        };
        let is_scanner = error.kind() == libyaml_safer::ErrorKind::Scanner;
        let line = |mark: Option<libyaml_safer::Mark>| mark.map_or(0, |it| it.line);
        let line = match (line(error.problem_mark()), line(error.context_mark())) {
            (0, line) => line,
            (line, _) if is_scanner => line + 1,
            (line, _) => line,
        };
        let problem = error.problem();
        return Some(match line {
            0 => problem.to_string(),
            line => format!("line {line}: {problem}"),
        });
    }
}
