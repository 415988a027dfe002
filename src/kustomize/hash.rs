//! The hash that a generated name ends in.

use sha2::{Digest, Sha256};

use crate::yaml::{Node, View};

use super::resource::{PreviousId, Resource};
use super::resources::{Resources, space_of};
use crate::schema::Schemas;

/// Appends the hash of its content to the name of each resource that wants it.
pub(super) fn append(resources: &mut Resources, schemas: &Schemas) {
    if !resources.iter().any(|it| it.needs_hash) {
        return;
    }
    for resource in resources.list_mut().iter_mut().filter(|it| it.needs_hash) {
        let name = format!("{}-{}", resource.object.name(), hash(resource.node()));
        remember(resource, schemas);
        resource.set_metadata("name", &name);
    }
}

/// Keeps the identity of now among the former ones, before it changes.
pub(super) fn remember(resource: &mut Resource, schemas: &Schemas) {
    let object = &resource.object;
    let gvk = object.gvk();
    let previous = PreviousId {
        name: object.name().into(),
        namespace: space_of(&gvk, object.namespace(), schemas).into(),
        kind: object.kind().into(),
    };
    resource.previous.push(previous);
}

/// Ten letters and digits for the content. The name has no part in it, though kustomize means it to: the path by which it
/// looks the name up leads nowhere.
fn hash(object: &Node) -> String {
    let digest = Sha256::digest(content(object).as_bytes());
    let hex = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    hex.take(10).map(digit).collect()
}

/// A hexadecimal digit, those replaced that could make a word.
fn digit(value: u8) -> char {
    match value {
        0 => 'g',
        1 => 'h',
        3 => 'k',
        10 => 'm',
        14 => 't',
        value => char::from_digit(u32::from(value), 16).unwrap_or('g'),
    }
}

/// What is hashed: the data as JSON, the keys in the order of their bytes.
fn content(object: &Node) -> String {
    let mut json = String::from("{");
    let mut field = |name: &str, value: Option<&Node>, always: bool| {
        let Some(value) = value.filter(|it| always || it.as_mapping().is_some()) else {
            if always {
                json.push_str(&format!("\"{name}\":\"\","));
            }
            return;
        };
        string(&mut json, name);
        json.push(':');
        write(&mut json, value);
        json.push(',');
    };
    match object.get("kind").and_then(Node::as_str) {
        Some("ConfigMap") => {
            field("binaryData", object.get("binaryData"), false);
            field("data", object.get("data"), true);
            json.push_str("\"kind\":\"ConfigMap\",\"name\":\"\"}");
        }
        Some("Secret") => {
            field("data", object.get("data"), true);
            json.push_str("\"kind\":\"Secret\",\"name\":\"\",");
            let mut field = |name: &str, always: bool| {
                let value = object
                    .get(name)
                    .filter(|it| always || it.as_mapping().is_some());
                if let Some(value) = value {
                    string(&mut json, name);
                    json.push(':');
                    write(&mut json, value);
                    json.push(',');
                } else if always {
                    json.push_str(&format!("\"{name}\":\"\","));
                }
            };
            field("stringData", false);
            field("type", true);
            json.pop();
            json.push('}');
        }
        _ => {
            json.clear();
            write(&mut json, object);
        }
    }
    json
}

fn write(json: &mut String, node: &Node) {
    match node.view() {
        View::Scalar(text) => match node.kind() {
            crate::yaml::Kind::Null => json.push_str("null"),
            crate::yaml::Kind::Bool | crate::yaml::Kind::Int | crate::yaml::Kind::Float => {
                json.push_str(text)
            }
            _ => string(json, text),
        },
        View::Sequence(items) => {
            json.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write(json, item);
            }
            json.push(']');
        }
        View::Mapping(mapping) => {
            let mut entries: Vec<_> = mapping
                .iter()
                .map(|it| (it.key.as_str().unwrap_or(""), &it.value))
                .collect();
            entries.sort_by_key(|it| it.0);
            json.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                string(json, key);
                json.push(':');
                write(json, value);
            }
            json.push('}');
        }
    }
}

/// A JSON string as Go's encoder writes it: what HTML could misread is escaped too.
fn string(json: &mut String, text: &str) {
    json.push('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            '\u{8}' => json.push_str("\\b"),
            '\u{c}' => json.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..'\u{20}' => {
                json.push_str(&format!("\\u{:04x}", u32::from(char)));
            }
            char => json.push(char),
        }
    }
    json.push('"');
}
