//! The form of configuration: which fields there are, and of which type.
//!
//! kustomize reads its configuration through JSON: names of fields are taken in any case, `null` is as good as absent, and
//! the words that YAML 1.1 takes for booleans are booleans. What is read here comes out with the names as they should be.

use crate::diag::{Diagnostic, Diagnostics};
use crate::yaml::{Entry, Kind, Mapping, Node, Style, Tag};

/// The type of a field.
pub(super) enum Shape {
    /// A string.
    Text,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A map of strings.
    Pairs,
    /// A list.
    List(&'static Shape),
    /// A map with these fields.
    Record(Fields),
    /// Whatever stands there.
    Any,
}

/// The fields of a map.
pub(super) type Fields = &'static [(&'static str, Shape)];

/// A list of strings.
pub(super) const TEXTS: Shape = Shape::List(&Shape::Text);

/// Reads a map of known fields. `what` names the thing in messages: "a kustomization".
pub(super) fn read_record(
    node: &Node,
    fields: Fields,
    what: &str,
    faults: &mut Diagnostics,
) -> Mapping {
    record(node, fields, what, true, faults)
}

/// As [`read_record`], but passes over fields that are not known.
pub(super) fn read_lenient(
    node: &Node,
    fields: Fields,
    what: &str,
    faults: &mut Diagnostics,
) -> Mapping {
    record(node, fields, what, false, faults)
}

fn record(
    node: &Node,
    fields: Fields,
    what: &str,
    strict: bool,
    faults: &mut Diagnostics,
) -> Mapping {
    let mut record = Mapping::new();
    let Some(mapping) = node.as_mapping() else {
        if !node.is_null() {
            faults.push(wrong_type(node, what, "a map"));
        }
        return record;
    };
    for Entry { key, value } in mapping {
        let name = key.as_str().unwrap_or("");
        let exact = fields.iter().find(|it| it.0 == name);
        let Some((field, shape)) =
            exact.or_else(|| fields.iter().find(|it| it.0.eq_ignore_ascii_case(name)))
        else {
            if !strict {
                continue;
            }
            let known = fields.iter().map(|it| it.0);
            let unknown =
                Diagnostic::error("unknown-field", format!("{what} has no field `{name}`")).at(key);
            faults.push(unknown.did_you_mean(name, known));
            continue;
        };
        if value.is_null() {
            continue;
        }
        let value = read(value, shape, &format!("`{field}`"), strict, faults);
        record.insert(Node::constant(field).at(key), value);
    }
    record
}

fn read(node: &Node, shape: &Shape, what: &str, strict: bool, faults: &mut Diagnostics) -> Node {
    match shape {
        Shape::Any => return node.clone(),
        Shape::Record(fields) => {
            let record = record(node, fields, what, strict, faults);
            return Node::mapping(record).at(node);
        }
        Shape::List(item) => match node.as_sequence() {
            Some(items) => {
                let items = items.iter().filter(|it| !it.is_null());
                let what = format!("an entry of {what}");
                let items: Vec<Node> = items
                    .map(|it| read(it, item, &what, strict, faults))
                    .collect();
                return Node::sequence(items).at(node);
            }
            None => faults.push(wrong_type(node, what, "a list")),
        },
        Shape::Pairs => match node.as_mapping() {
            Some(pairs) => return Node::mapping(read_pairs(pairs, faults)).at(node),
            None => faults.push(wrong_type(node, what, "a map of strings")),
        },
        Shape::Text if is_text(node) => return node.clone(),
        Shape::Text => faults.push(wrong_type(node, what, "a string").help(quote_help(node))),
        Shape::Bool => match as_bool(node) {
            Some(value) => return Node::bool(value).at(node),
            None => faults.push(wrong_type(node, what, "`true` or `false`")),
        },
        Shape::Int if node.as_int().is_some() => return node.clone(),
        Shape::Int => faults.push(wrong_type(node, what, "a whole number")),
    }
    node.clone()
}

fn read_pairs(pairs: &Mapping, faults: &mut Diagnostics) -> Mapping {
    let mut read = Mapping::new();
    for Entry { key, value } in pairs {
        let name = key.as_str().unwrap_or("");
        if value.is_null() {
            read.insert(key.clone(), Node::string("").at(value));
        } else if is_text(value) {
            read.insert(key.clone(), value.clone());
        } else {
            faults
                .push(wrong_type(value, &format!("`{name}`"), "a string").help(quote_help(value)));
        }
    }
    read
}

fn quote_help(node: &Node) -> String {
    match node.as_str() {
        Some(text) => format!("put it in quotes: \"{text}\""),
        None => "write one line of text".to_string(),
    }
}

fn wrong_type(node: &Node, what: &str, wanted: &str) -> Diagnostic {
    let found = if as_bool(node).is_some() {
        Kind::Bool
    } else {
        node.kind()
    };
    Diagnostic::error(
        "wrong-field-type",
        format!("expected {wanted} for {what}, found {}", found.words()),
    )
    .at(node)
}

/// Whether YAML 1.1 reads a string (a date is kept as its text).
fn is_text(node: &Node) -> bool {
    matches!(node.kind(), Kind::String | Kind::Timestamp) && as_bool(node).is_none()
}

/// A boolean as YAML 1.1 writes them.
pub(super) fn as_bool(node: &Node) -> Option<bool> {
    if node.kind() == Kind::Bool {
        return node.as_bool();
    }
    if node.style() != Style::Plain || node.tag() != Tag::None {
        return None;
    }
    match node.as_str()? {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}
