//! Nodes as JSON values, as in the API server, which converts every YAML document to JSON by the rules of YAML 1.1.

use pleach_yaml::{Kind, Mapping, Node, View};

/// A node as a JSON value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    Int(i128),
    /// A number with a fraction, or one beyond 64 bits.
    Float(f64),
    String(&'a str),
    List(&'a [Node]),
    Map(&'a Mapping),
}

impl<'a> Json<'a> {
    pub(super) fn from_node(node: &'a Node) -> Json<'a> {
        match node.view() {
            View::Mapping(map) => Json::Map(map),
            View::Sequence(items) => Json::List(items),
            View::Scalar(text) => Json::of_scalar(node, text),
        }
    }

    fn of_scalar(node: &'a Node, text: &'a str) -> Json<'a> {
        match node.kind() {
            Kind::Null => Json::Null,
            Kind::Bool => Json::Bool(node.as_bool().unwrap_or(false)),
            Kind::Int => node.as_int_wide().map_or(Json::String(text), Json::Int),
            Kind::Float => Json::Float(node.as_float().unwrap_or(f64::NAN)),
            Kind::String => node.as_old_bool().map_or(Json::String(text), Json::Bool),
            _ => Json::String(text),
        }
    }

    /// The name of the type in JSON.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Int(_) => "integer",
            Json::Float(_) => "number",
            Json::String(_) => "string",
            Json::List(_) => "array",
            Json::Map(_) => "object",
        }
    }

    /// The value of a number.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Json::Int(number) => Some(*number as f64),
            Json::Float(number) => Some(*number),
            _ => None,
        }
    }
}

/// The value of a whole number, including one with an empty fraction (`1.0`).
pub(super) fn integral(number: f64) -> Option<i64> {
    let whole = number.is_finite() && number.fract() == 0.0;
    // Floats in this range can be converted to `i64`.
    (whole && number.abs() < 9.2e18).then_some(number as i64)
}

/// Access to fields as after Go's decoder: `null` counts as missing.
pub(super) trait Fields {
    /// The value of a field, unless it is missing or null.
    fn field(&self, key: &str) -> Option<&Node>;
    /// The text of a string field.
    fn text(&self, key: &str) -> Option<&str>;
    /// The text of a string field; empty if missing.
    fn text_or_empty(&self, key: &str) -> &str {
        self.text(key).unwrap_or("")
    }
    /// The value of a whole-number field.
    fn integer(&self, key: &str) -> Option<i64>;
    /// The value of a boolean field.
    fn boolean(&self, key: &str) -> Option<bool>;
    /// The items of a list field; empty if missing.
    fn list(&self, key: &str) -> &[Node];
    /// The entries of a map field; empty if missing.
    fn map(&self, key: &str) -> &[pleach_yaml::Entry];
}

impl Fields for Node {
    fn field(&self, key: &str) -> Option<&Node> {
        self.get(key).filter(|it| !it.is_null())
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.field(key)?.as_str()
    }

    fn integer(&self, key: &str) -> Option<i64> {
        integer(self.field(key)?)
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        match Json::from_node(self.field(key)?) {
            Json::Bool(value) => Some(value),
            _ => None,
        }
    }

    fn list(&self, key: &str) -> &[Node] {
        let list = self.get(key).and_then(Node::as_sequence);
        list.unwrap_or_default()
    }

    fn map(&self, key: &str) -> &[pleach_yaml::Entry] {
        let map = self.get(key).and_then(Node::as_mapping);
        map.map_or(&[], Mapping::as_slice)
    }
}

/// The value of a whole number.
pub(super) fn integer(node: &Node) -> Option<i64> {
    match Json::from_node(node) {
        Json::Int(value) => i64::try_from(value).ok(),
        Json::Float(value) => integral(value),
        _ => None,
    }
}
