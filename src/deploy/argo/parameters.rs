//! Parameters of templates, with the Go types of the controller.

use pleach_helm::fmt::write_value;
use pleach_helm::value::{Entries, Map, Str, Type, Value};

use crate::yaml::{Kind, Node, View};

/// Names and values. If templates are not Go templates, names contain dots.
pub(super) type Parameters = Entries;

/// `map[string]string`: labels, annotations, `values` of a generator. Unlike other maps they are not flattened.
static TEXTS: Type = Type::Map(&Type::String);

/// A node as `encoding/json` decodes it: all numbers are `float64`.
pub(in crate::deploy) fn value(node: &Node) -> Value {
    match node.view() {
        View::Mapping(_) => Value::map(of_mapping(node)),
        View::Sequence(items) => Value::list(items.iter().map(value).collect()),
        View::Scalar(text) => match node.kind() {
            Kind::Null => Value::Nil,
            Kind::Bool => Value::Bool(node.as_bool().unwrap_or(false)),
            Kind::Int => match node.as_int() {
                Some(value) => Value::Float(value as f64),
                None => number(text),
            },
            Kind::Float => number(text),
            _ => Value::string(text),
        },
    }
}

fn number(text: &str) -> Value {
    text.parse::<f64>().map_or(Value::Nil, Value::Float)
}

/// The fields of a mapping; empty for other nodes.
pub(super) fn of_mapping(node: &Node) -> Parameters {
    let entries = node.as_mapping().into_iter().flatten();
    let pair =
        |it: &crate::yaml::Entry| (Str::from(it.key.as_str().unwrap_or("")), value(&it.value));
    entries.map(pair).collect()
}

pub(super) fn string_map(entries: impl IntoIterator<Item = (Str, Value)>) -> Value {
    Value::Map(Map::with_type(&TEXTS, entries.into_iter().collect()))
}

/// All leaves by their dotted names, as texts. Empty maps and lists have none.
pub(super) fn flattened(parameters: &Parameters) -> Parameters {
    let mut flat = Parameters::new();
    for (key, value) in parameters {
        flatten(key, value, &mut flat);
    }
    flat
}

fn flatten(prefix: &Str, value: &Value, flat: &mut Parameters) {
    let below = |key: &str| Str::from(format!("{}.{key}", prefix.to_lossy()));
    match value {
        Value::Map(map) if map.is_plain() => {
            for (key, value) in map.snapshot() {
                flatten(&below(&key.to_lossy()), &value, flat);
            }
        }
        Value::List(list) if *list.item_type() == Type::Any => {
            for (at, value) in list.to_vec().iter().enumerate() {
                flatten(&below(&at.to_string()), value, flat);
            }
        }
        leaf => _ = flat.insert(prefix.clone(), Value::string(format_value(leaf))),
    }
}

/// A value as `%v` prints it.
pub(super) fn format_value(value: &Value) -> String {
    let mut out = Vec::new();
    write_value(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

/// Converts a text to a DNS name, as Argo CD's `normalize`.
pub(super) fn normalized(name: &str) -> String {
    let lower = name.to_lowercase();
    let plain = |it: char| match it {
        'a'..='z' | '0'..='9' | '-' | '.' => it,
        _ => '-',
    };
    let name: String = lower.chars().map(plain).take(253).collect();
    name.trim_matches(['-', '.']).to_string()
}

/// Merges parameters into others, as mergo does with `WithOverride`: maps are merged, everything else is replaced.
///
/// Errors: a map of anything over a map of texts, on which the controller panics.
pub(super) fn merge(base: &mut Parameters, over: &Parameters) -> Result<(), String> {
    for (key, value) in over {
        let merged = match (base.get(key), value) {
            (Some(Value::Map(base)), Value::Map(over)) => {
                if !base.is_plain() && over.is_plain() && !over.is_empty() {
                    let key = key.to_lossy();
                    return Err(format!(
                        "Argo CD cannot merge `{key}` of a list or file into `{key}` of a generator"
                    ));
                }
                let mut merged = entries(base);
                merge(&mut merged, &entries(over))?;
                Value::Map(Map::with_type(base.ty(), merged))
            }
            _ => value.clone(),
        };
        base.insert(key.clone(), merged);
    }
    Ok(())
}

fn entries(map: &Map) -> Parameters {
    map.snapshot().into_iter().collect()
}

/// Merges both sets as strings. Errors: a name with different values.
pub(super) fn combined(first: &Parameters, second: &Parameters) -> Result<Parameters, String> {
    let as_texts = |it: &Parameters| -> Parameters {
        let pairs = it.iter();
        pairs
            .map(|(key, value)| (key.clone(), Value::string(format_value(value))))
            .collect()
    };
    let mut all = as_texts(first);
    for (key, value) in as_texts(second) {
        if let Some(known) = all.get(&key)
            && format_value(known) != format_value(&value)
        {
            return Err(format!(
                "both generators give the parameter `{}`, with the values `{}` and `{}`",
                key.to_lossy(),
                format_value(known),
                format_value(&value)
            ));
        }
        all.insert(key, value);
    }
    Ok(all)
}
