//! The filters that pleach adds to those of minijinja.

use std::collections::BTreeSet;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, Value};
use sha2::{Digest, Sha256};

use super::config;
use super::meter::{add_filter, charge};
use super::value::{argument_node as node, from_node};
use crate::diag::nearest;
use crate::object::{has_unit, is_binary, quantity, quantity_text};
use crate::secret::find_secret_field;
use crate::yaml::{Entry, KeyIndex, Kind, Mapping, Node, View, hex};

/// Adds the filters, the function `labels` and the test `quantity_with_unit`.
pub(super) fn register(environment: &mut Environment<'static>) {
    for (name, filter) in [
        ("merge", Value::from_function(merge)),
        ("without_empty", Value::from_function(without_empty)),
        ("flat", Value::from_function(flat)),
        ("repeated", Value::from_function(repeated)),
        ("secrets", Value::from_function(secrets)),
        ("xml", Value::from_function(config::xml)),
        ("config_paths", Value::from_function(config::config_paths)),
        ("conflicts", Value::from_function(config::conflicts)),
        ("tojson", Value::from_function(to_json)),
        ("quantity", Value::from_function(to_quantity)),
        ("plus_quantity", Value::from_function(plus_quantity)),
        ("times_quantity", Value::from_function(times_quantity)),
        ("sha256", Value::from_function(sha256)),
        ("label_value", Value::from_function(label_value)),
        ("nearest", Value::from_function(nearest_name)),
        ("retag", Value::from_function(retag)),
    ] {
        add_filter(environment, name, filter);
    }
    environment.add_function("labels", labels);
    environment.add_test("quantity_with_unit", |value: &Value| {
        value.as_str().is_some_and(has_unit)
    });
    // No text may be inserted without a placeholder, so these filters have no effect.
    for name in ["safe", "escape", "e"] {
        environment.add_filter(name, |value: Value| value);
    }
}

/// `a | merge(b)`: maps are merged by key; all other values in them are replaced by those of `b`, also by null.
fn merge(base: &Value, over: &Value) -> Result<Value, Error> {
    let (mut base, over) = (map_node("merge", base)?, map_node("merge", over)?);
    base.merge(over);
    Ok(from_node(&base))
}

/// `a | without_empty`: a map without the entries whose value is undefined, null, `{}` or `[]`.
fn without_empty(map: &Value) -> Result<Value, Error> {
    let (mut result, mut index) = (Mapping::new(), KeyIndex::default());
    for key in map.try_iter()? {
        let value = map.get_item(&key)?;
        if value.is_undefined() || value.is_none() {
            continue;
        }
        let (key, value) = (node(&key)?, node(&value)?);
        if !value.is_empty_collection() {
            index.insert(&mut result, key, value);
        }
    }
    Ok(from_node(&Node::mapping(result)))
}

/// `a | flat("/")`: nested maps become entries of the outer map, such as `{a: {b: 1}}` the entry `a/b`. A map with a `valueFrom` is
/// a value, and is kept.
fn flat(map: &Value, separator: &str) -> Result<Value, Error> {
    let mut flat = (Mapping::new(), KeyIndex::default());
    flatten(&map_node("flat", map)?, "", separator, &mut flat)?;
    Ok(from_node(&Node::mapping(flat.0)))
}

fn flatten(
    node: &Node,
    prefix: &str,
    separator: &str,
    into: &mut (Mapping, KeyIndex),
) -> Result<(), Error> {
    for Entry { key, value } in node.as_mapping().into_iter().flatten() {
        let path = join_path(prefix, key.as_str().unwrap_or(""), separator);
        charge(path.len())?;
        if value.as_mapping().is_some() && value.get("valueFrom").is_none() {
            flatten(value, &format!("{path}{separator}"), separator, into)?;
        } else {
            let path = Node::string(path).at(key.span());
            into.1.insert(&mut into.0, path, value.clone());
        }
    }
    Ok(())
}

/// A path with a key below it. Altinity's operator ignores separators at the ends of a path and repeated ones.
fn join_path(prefix: &str, key: &str, separator: &str) -> String {
    let parts = key.split(separator).filter(|it| !it.is_empty());
    let parts: Vec<&str> = parts.collect();
    match parts.is_empty() || separator.is_empty() {
        true => format!("{prefix}{key}"),
        false => format!("{prefix}{}", parts.join(separator)),
    }
}

/// `map | repeated("/")`: the paths that occur more than once in `flat`, which keeps only one of their values. Each has its last
/// location.
fn repeated(map: &Value, separator: &str) -> Result<Value, Error> {
    fn collect(node: &Node, prefix: &str, separator: &str, into: &mut Vec<Node>) {
        for Entry { key, value } in node.as_mapping().into_iter().flatten() {
            let path = join_path(prefix, key.as_str().unwrap_or(""), separator);
            if value.as_mapping().is_some() && value.get("valueFrom").is_none() {
                collect(value, &format!("{path}{separator}"), separator, into);
            } else {
                into.push(Node::string(path).at(key.span()));
            }
        }
    }
    let mut paths = Vec::new();
    collect(&node(map)?, "", separator, &mut paths);
    let mut seen = BTreeSet::new();
    paths.retain(|it| !seen.insert(it.as_str().unwrap_or("").to_string()));
    Ok(from_node(&Node::sequence(paths)))
}

/// `map | secrets`: the keys of entries that contain a password or key, judging by their names or values. References to secrets do
/// not count.
fn secrets(map: &Value) -> Result<Value, Error> {
    let map = node(map)?;
    let entries = map.as_mapping().into_iter().flatten();
    let found = entries.filter_map(|Entry { key, value }| {
        let key = key.as_str().unwrap_or("");
        let location = find_secret_field(value, key)?;
        Some(Node::string(key).at(location))
    });
    Ok(from_node(&Node::sequence(found.collect::<Vec<_>>())))
}

/// `word | nearest(["redis", "kafka"])`: the most similar name for a typo or an abbreviation, if any.
fn nearest_name(word: &str, known: Vec<String>) -> Option<String> {
    let is_completion = |it: &&String| word.len() > 2 && it.starts_with(word);
    let near = nearest(word, known.iter().map(String::as_str));
    let near = near.map(str::to_string);
    near.or_else(|| known.iter().find(is_completion).cloned())
}

/// `image | retag("7.2")`: the image with the tag of another version. The new tag keeps the prefix `v` and a suffix after a dash,
/// as in `3.12-management`. A tag that is already a release of the version is not changed. A digest is removed, because it names the
/// image of the former tag.
fn retag(image: &str, version: &str) -> Result<String, Error> {
    let is_of_tag = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if version.is_empty() || !version.chars().all(is_of_tag) {
        return Err(unusable(format!("`{version}` is not a tag of an image")));
    }
    let is_of_image = |c: char| c.is_ascii_graphic();
    if image.is_empty() || !image.chars().all(is_of_image) {
        return Err(unusable(format!("`{image}` is not an image")));
    }
    let (tagged, digest) = image.split_once('@').unwrap_or((image, ""));
    let (name, tag) = match tagged.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (tagged, ""),
    };
    let (release, suffix) = tag.split_once('-').unwrap_or((tag, ""));
    let plain = release.strip_prefix('v').unwrap_or(release);
    let rest = plain.strip_prefix(version.trim_start_matches('v'));
    if version.contains('-') || suffix.is_empty() && release.is_empty() {
        Ok(format!("{name}:{version}"))
    } else if digest.is_empty() && rest.is_some_and(|it| it.is_empty() || it.starts_with('.')) {
        Ok(image.to_string())
    } else {
        let v = if plain.len() < release.len() && !version.starts_with('v') {
            "v"
        } else {
            ""
        };
        let dash = if suffix.is_empty() { "" } else { "-" };
        Ok(format!("{name}:{v}{version}{dash}{suffix}"))
    }
}

fn unusable(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// The node of an argument that must be a map; null is an empty map. `filter` is the name for messages.
fn map_node(filter: &str, value: &Value) -> Result<Node, Error> {
    let node = node(value)?;
    match node.as_mapping() {
        Some(_) => Ok(node),
        None if node.is_null() => Ok(Node::mapping(Mapping::new())),
        None => {
            let found = node.kind().description();
            Err(unusable(format!("`{filter}` needs a map, found {found}")))
        }
    }
}

/// `"500m" | quantity`: the value of a Kubernetes quantity as a number.
fn to_quantity(value: &Value) -> Result<f64, Error> {
    let text = value.to_string();
    quantity(&text).ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("invalid quantity `{text}`"),
        )
    })
}

/// `"1Gi" | plus_quantity("512Mi")`: `1536Mi`, with binary or decimal units like the first quantity.
fn plus_quantity(value: &Value, other: &Value) -> Result<String, Error> {
    let sum = to_quantity(value)? + to_quantity(other)?;
    Ok(quantity_text(sum, is_binary(&value.to_string())))
}

/// `"500m" | times_quantity(3)`: `1500m`.
fn times_quantity(value: &Value, times: f64) -> Result<String, Error> {
    let product = to_quantity(value)? * times;
    Ok(quantity_text(product, is_binary(&value.to_string())))
}

/// `a | sha256`: the digest of a text, or of a value as JSON; in an annotation of pods, it causes a restart when the content
/// changes.
fn sha256(value: &Value) -> Result<String, Error> {
    let text = match value.as_str() {
        Some(text) => text.to_string(),
        None => to_json(value)?,
    };
    Ok(hex(&Sha256::digest(text)))
}

/// `a | label_value`: the text converted to a valid label value: at most 63 letters, digits, `-`, `_` and `.`.
fn label_value(value: &Value) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let text = value.to_string();
    let plain = text.chars().map(|c| if is_plain(c) { c } else { '-' });
    let short: String = plain
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(63)
        .collect();
    let end = short.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    end.to_string()
}

/// `labels(name="web", instance=metadata.name, part_of="shop")`: Kubernetes' recommended labels, `app.kubernetes.io/name` and so on.
fn labels(arguments: Kwargs) -> Result<Value, Error> {
    let mut labels = Mapping::new();
    for name in arguments.args() {
        let value: Value = super::meter::charge_operand(arguments.get(name)?)?;
        let key = format!("app.kubernetes.io/{}", name.replace('_', "-"));
        labels.insert(Node::string(key), Node::string(value.to_string()));
    }
    Ok(from_node(&Node::mapping(labels)))
}

/// `a | tojson`: the value as JSON text, with the keys in their original order.
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

#[cfg(test)]
mod tests {
    use super::retag;

    #[test]
    fn an_image_with_another_version() {
        for (image, version, expected) in [
            (
                "ghcr.io/cloudnative-pg/postgresql:16",
                "15",
                "ghcr.io/cloudnative-pg/postgresql:15",
            ),
            (
                "quay.io/opstree/redis:v7.0.15",
                "7.0",
                "quay.io/opstree/redis:v7.0.15",
            ),
            (
                "quay.io/opstree/redis:v7.0.15",
                "7.2.3",
                "quay.io/opstree/redis:v7.2.3",
            ),
            (
                "quay.io/opstree/redis:v7.0.15",
                "v7.2.3",
                "quay.io/opstree/redis:v7.2.3",
            ),
            (
                "rabbitmq:3.12-management",
                "3.13",
                "rabbitmq:3.13-management",
            ),
            (
                "rabbitmq:3.12-management",
                "4.0-alpine",
                "rabbitmq:4.0-alpine",
            ),
            ("localhost:5000/redis", "7", "localhost:5000/redis:7"),
            ("redis:7.0", "7", "redis:7.0"),
            ("redis:70", "7", "redis:7"),
            ("foo:1.0@sha256:abc", "1", "foo:1"),
            ("foo:1.0-alpine@sha256:abc", "2", "foo:2-alpine"),
            ("foo@sha256:abc", "1", "foo:1"),
        ] {
            assert_eq!(retag(image, version).unwrap(), expected);
        }
        for (image, version) in [
            ("foo:1", ""),
            ("a b:c", "1"),
            ("", "1"),
            ("foo:1", "1 2"),
            ("foo", "a/b"),
        ] {
            assert!(retag(image, version).is_err(), "{image} {version}");
        }
    }
}
