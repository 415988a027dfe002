//! Our filters, beside minijinja's own.

use minijinja::{Environment, Error, ErrorKind, Value};

use super::value::{from_node, to_node};
use crate::object::{has_unit, quantity};
use crate::yaml::{Entry, Kind, Mapping, Node, View};

/// Name and function of each.
pub(super) fn register(environment: &mut Environment<'static>) {
    environment.add_filter("merge", merge);
    environment.add_filter("without_empty", without_empty);
    environment.add_filter("flat", flat);
    environment.add_filter("tojson", to_json);
    environment.add_filter("quantity", to_quantity);
    environment.add_test("quantity_with_unit", |value: &Value| {
        value.as_str().is_some_and(has_unit)
    });
    // Nothing may enter as anything but a value.
    for name in ["safe", "escape", "e"] {
        environment.add_filter(name, |value: Value| value);
    }
}

/// `a | merge(b)`: maps merge key by key, all else is replaced by `b`'s, and a null of `b` stays a null.
fn merge(base: &Value, over: &Value) -> Result<Value, Error> {
    let (mut base, over) = (node(base)?, node(over)?);
    merge_nodes(&mut base, over);
    Ok(from_node(&base))
}

fn merge_nodes(base: &mut Node, over: Node) {
    if base.as_mapping().is_none() || over.as_mapping().is_none() {
        *base = over;
        return;
    }
    for Entry { key, value } in over.into_mapping().unwrap_or_default() {
        match base.get_mut(key.as_str().unwrap_or("")) {
            Some(inner) => merge_nodes(inner, value),
            None => drop(base.as_mapping_mut().map(|it| it.insert(key, value))),
        }
    }
}

/// `a | without_empty`: a map without the entries that have no value, or are null, `{}` or `[]`.
fn without_empty(map: &Value) -> Result<Value, Error> {
    let mut kept = Mapping::new();
    for key in map.try_iter()? {
        let value = map.get_item(&key)?;
        if value.is_undefined() || value.is_none() {
            continue;
        }
        let (key, value) = (node(&key)?, node(&value)?);
        if !value.is_empty_collection() {
            kept.insert(key, value);
        }
    }
    Ok(from_node(&Node::mapping(kept)))
}

/// `a | flat("/")`: maps within a map become entries of the outer one, `{a: {b: 1}}` the entry `a/b`. One with a `valueFrom`
/// stands for a value and stays.
fn flat(map: &Value, separator: &str) -> Result<Value, Error> {
    let mut entries = Mapping::new();
    flatten(&node(map)?, "", separator, &mut entries);
    Ok(from_node(&Node::mapping(entries)))
}

fn flatten(node: &Node, prefix: &str, separator: &str, into: &mut Mapping) {
    for Entry { key, value } in node.as_mapping().into_iter().flatten() {
        let path = format!("{prefix}{}", key.as_str().unwrap_or(""));
        if value.as_mapping().is_some() && value.get("valueFrom").is_none() {
            flatten(value, &format!("{path}{separator}"), separator, into);
        } else {
            into.insert(Node::string(path).at(key.span()), value.clone());
        }
    }
}

/// `"500m" | quantity`: the value of a Kubernetes quantity as a number.
fn to_quantity(value: &Value) -> Result<f64, Error> {
    let text = value.to_string();
    quantity(&text).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("`{text}` is no quantity"),
        )
    })
}

/// `a | tojson`: the value as JSON text, keys in their order.
fn to_json(value: &Value) -> Result<String, Error> {
    let mut text = String::new();
    write_json(&node(value)?, &mut text);
    Ok(text)
}

fn write_json(node: &Node, out: &mut String) {
    let separated = |out: &mut String, at: usize| out.push_str(if at > 0 { "," } else { "" });
    match node.view() {
        View::Scalar(_) if node.is_null() => out.push_str("null"),
        View::Scalar(_) if node.kind() == Kind::Bool => {
            out.push_str(if node.as_bool() == Some(true) {
                "true"
            } else {
                "false"
            })
        }
        View::Scalar(text) if matches!(node.kind(), Kind::Int | Kind::Float) => out.push_str(text),
        View::Scalar(text) => json_string(text, out),
        View::Sequence(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                separated(out, at);
                write_json(item, out);
            }
            out.push(']');
        }
        View::Mapping(mapping) => {
            out.push('{');
            for (at, Entry { key, value }) in mapping.iter().enumerate() {
                separated(out, at);
                json_string(key.as_str().unwrap_or(""), out);
                out.push(':');
                write_json(value, out);
            }
            out.push('}');
        }
    }
}

fn json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn node(value: &Value) -> Result<Node, Error> {
    to_node(value, None).map_err(|words| Error::new(ErrorKind::InvalidOperation, words))
}
