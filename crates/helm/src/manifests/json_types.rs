//! The types of values in a chart's output, as Helm and Argo CD send them to the Kubernetes API server.

use pleach_yaml::{Entry, Kind, Node, Style, Tag};

use crate::go::scalar::Scalar;
use crate::go::yaml::{key_text, scalar_of, to_json};

/// Gives the values of an object the types that they have after `sigs.k8s.io/yaml` has converted it to JSON. By the rules of YAML
/// 1.1, `yes` is a boolean, also as a key, and a date is a string. Of duplicate keys, the last one is kept.
pub fn set_json_types(node: &mut Node) {
    if let Some(items) = node.as_sequence_mut() {
        items.iter_mut().for_each(set_json_types);
    } else if let Some(entries) = node.as_mapping_mut() {
        for entry in entries.iter_mut() {
            if let Some(key) = key_replacement(entry) {
                entry.key = key;
            }
            set_json_types(&mut entry.value);
        }
        entries.keep_last_of_duplicates();
    } else if let Some(value) = scalar_replacement(node) {
        *node = value.at(node.span());
    }
}

/// The string that replaces a key of another type; `None` if the key is a string.
fn key_replacement(entry: &Entry) -> Option<Node> {
    let text = entry.key.as_str()?;
    match scalar_of(&entry.key, text) {
        Ok(Scalar::Text | Scalar::Merge) => None,
        _ => {
            let text = key_text(&entry.key, &entry.value).ok()?;
            Some(Node::string(text).at(entry.key.span()))
        }
    }
}

/// The scalar that replaces one whose type is different in JSON; `None` if the type is the same.
fn scalar_replacement(node: &Node) -> Option<Node> {
    let text = node.as_str()?;
    let kind = node.kind();
    Some(match scalar_of(node, text).ok()? {
        Scalar::Null if kind == Kind::Null && node.style() != Style::Flow => return None,
        Scalar::Null => Node::null(),
        Scalar::Bool(_) if kind == Kind::Bool => return None,
        Scalar::Bool(value) => Node::bool(value),
        Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_)
            if matches!(kind, Kind::Int | Kind::Float) =>
        {
            return None;
        }
        Scalar::Text | Scalar::Merge if kind == Kind::String => return None,
        // Go's decoding of a number, or of base64.
        _ => match to_json(node).ok()? {
            serde_json::Value::String(text) => Node::string(text),
            number => Node::scalar(number.to_string(), Style::Plain, Tag::None),
        },
    })
}
