//! The form of configuration: which fields there are, and of which type.
//!
//! kustomize reads its configuration through JSON: names of fields are taken in any case, `null` is as good as absent, and
//! the words that YAML 1.1 takes for booleans are booleans. What is read here comes out with the names as they should be.

use indexmap::IndexMap;

use pleach_kube::patch::json_key;
use pleach_yaml::diag::{Diagnostic, Diagnostics};
use pleach_yaml::{Entry, Kind, Mapping, Node, quote};

/// The type of a field.
pub(super) enum Shape {
    Text,
    Bool,
    Int,
    /// A map of strings.
    Pairs,
    List(&'static Shape),
    /// A map with these fields.
    Record(Fields),
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
    Reader { strict, faults }.record(node, fields, what)
}

struct Reader<'a> {
    /// As kustomize reads a kustomization. Otherwise as it reads a plugin's configuration: fields that are not known are
    /// passed over, and a number or a boolean is good enough for a string.
    strict: bool,
    faults: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn record(&mut self, node: &Node, fields: Fields, what: &str) -> Mapping {
        let mut record = Mapping::new();
        let Some(mapping) = node.as_mapping() else {
            if !node.is_null() {
                let help = "write its fields as `field: value`";
                self.faults.push(wrong_type(node, what, "a map").help(help));
            }
            return record;
        };
        for Entry { key, value } in mapping {
            let name = key.as_str().unwrap_or("");
            let exact = fields.iter().find(|it| it.0 == name);
            let known = exact.or_else(|| fields.iter().find(|it| it.0.eq_ignore_ascii_case(name)));
            let Some((field, shape)) = known else {
                if self.strict {
                    self.faults.push(unknown_field(key, fields, what));
                }
                continue;
            };
            if !value.is_null() {
                let value = self.value(value, shape, &format!("`{field}`"));
                record.insert(Node::constant(field).at(key), value);
            }
        }
        record
    }

    fn value(&mut self, node: &Node, shape: &Shape, what: &str) -> Node {
        let wrong = |wanted| wrong_type(node, what, wanted);
        let read = match shape {
            Shape::Any => Ok(node.clone()),
            Shape::Record(fields) => Ok(Node::mapping(self.record(node, fields, what))),
            Shape::List(item) => match node.as_sequence() {
                Some(items) => Ok(Node::sequence(self.items(items, item, what))),
                None => Err(wrong("a list").help("write a list: `- ` and an entry on each line")),
            },
            Shape::Pairs => {
                match node.as_mapping() {
                    Some(pairs) => Ok(Node::mapping(self.pairs(pairs))),
                    None => Err(wrong("a map of strings")
                        .help("write `key: value`, with the values in quotes")),
                }
            }
            Shape::Text => self
                .text(node)
                .ok_or_else(|| wrong("a string").fix(quote_help(node), quote(node))),
            Shape::Bool => as_bool(node).map(Node::bool).ok_or_else(|| {
                wrong("`true` or `false`").help("write `true` or `false` without quotes")
            }),
            Shape::Int if node.as_int().is_some() => Ok(node.clone()),
            Shape::Int => Err(wrong("an integer").help("write a number without quotes")),
        };
        match read {
            Ok(value) => value.at(node),
            Err(fault) => {
                self.faults.push(fault);
                node.clone()
            }
        }
    }

    fn items(&mut self, items: &[Node], shape: &Shape, what: &str) -> Vec<Node> {
        let what = format!("an entry of {what}");
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            match shape {
                Shape::Text if item.is_null() => read.push(Node::string("").at(item)),
                _ if item.is_null() => read.push(Node::mapping(Mapping::new()).at(item)),
                shape => read.push(self.value(item, shape, &what)),
            }
        }
        read
    }

    fn pairs(&mut self, pairs: &Mapping) -> Mapping {
        // A lookup per key would take quadratic time. A later duplicate replaces the value, as `Mapping::insert` does.
        let mut read: IndexMap<Option<&str>, Entry> = IndexMap::with_capacity(pairs.len());
        let keys: Vec<Node> = pairs.iter().map(|it| pair_key(&it.key)).collect();
        for (
            key,
            Entry {
                key: written,
                value,
            },
        ) in keys.iter().zip(pairs)
        {
            let text = if value.is_null() {
                Some(Node::string(""))
            } else {
                self.text(value)
            };
            match text {
                Some(text) => {
                    let value = text.at(value);
                    let entry = read.entry(key.as_str()).or_insert_with(|| Entry {
                        key: key.clone(),
                        value: Node::null(),
                    });
                    entry.value = value;
                }
                None => {
                    let what = format!("`{}`", written.as_str().unwrap_or(""));
                    let wrong = wrong_type(value, &what, "a string");
                    self.faults.push(wrong.fix(quote_help(value), quote(value)));
                }
            }
        }
        Mapping::from_entries(read.into_values().collect())
    }

    fn text(&self, node: &Node) -> Option<Node> {
        let kind = node.kind();
        match kind {
            Kind::String | Kind::Timestamp if !self.strict || as_bool(node).is_none() => {
                Some(node.clone())
            }
            Kind::Bool if !self.strict => {
                Some(Node::string(node.as_bool().unwrap_or(false).to_string()))
            }
            Kind::Int | Kind::Float if !self.strict => {
                let whole = node.as_int().map(|it| it.to_string());
                let text = whole.or_else(|| node.as_float().map(|it| it.to_string()))?;
                Some(Node::string(text))
            }
            _ => None,
        }
    }
}

fn unknown_field(key: &Node, fields: Fields, what: &str) -> Diagnostic {
    let name = key.as_str().unwrap_or("");
    let message = format!("unknown field `{name}` in {what}");
    Diagnostic::error("unknown-field", message)
        .at(key)
        .did_you_mean(name, fields.iter().map(|it| it.0))
}

fn quote_help(node: &Node) -> String {
    match node.as_str() {
        Some(text) => format!("quote it: \"{text}\""),
        None => "write a string".to_string(),
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

/// A key as JSON has it: a number or a boolean of YAML 1.1 is a text there.
fn pair_key(key: &Node) -> Node {
    match json_key(key) {
        Some(text) => Node::string(text).at(key),
        None => key.clone(),
    }
}

/// A boolean as YAML 1.1 writes them.
pub(super) fn as_bool(node: &Node) -> Option<bool> {
    if node.kind() == Kind::Bool {
        return node.as_bool();
    }
    node.as_old_bool()
}
