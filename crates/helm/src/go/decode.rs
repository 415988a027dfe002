//! Decoding into Go structs, like `sigs.k8s.io/yaml` with `encoding/json`, including error messages.
//!
//! A [`Shape`] describes the Go type of a value. If it is a string, numbers and booleans are converted to text. Any other mismatch
//! is an error, and the first one in the order of keys is reported.

use pleach_yaml::{Entry, Node, View};
use serde_json::{Map, Value as Json};

use super::scalar::{Scalar, float32_text};
use super::yaml::{YamlError, check_json, key_text, scalar_of, to_json};

/// The Go type of a value, as far as decoding depends on it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Text,
    Bool,
    Any,
    Map(&'static Shape),
    List(&'static Shape),
    /// A struct, or a pointer to one.
    Struct(&'static Struct),
}

/// A Go struct.
#[derive(Debug)]
pub(crate) struct Struct {
    /// Its name without the package, for error messages.
    pub(crate) name: &'static str,
    /// Its fields by their JSON names.
    pub(crate) fields: &'static [Field],
}

/// A field of a Go struct.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    /// The name of the type in error messages.
    pub(crate) go_type: &'static str,
}

/// Decodes a document into a struct of type `go_type`. The result only has the field names of the struct, without absent, null or
/// unknown fields.
///
/// Errors: the first message, `error converting YAML to JSON: …` or `error unmarshaling JSON: …`.
pub(crate) fn decode(
    node: Option<&Node>,
    shape: &'static Struct,
    go_type: &str,
) -> Result<Map<String, Json>, YamlError> {
    let Some(node) = node else {
        return Ok(Map::new());
    };
    let json = coerced(node, Some(Shape::Struct(shape)))?;
    let mut decoder = Decoder::default();
    let decoded = decoder.value(json, Shape::Struct(shape), go_type);
    match decoder.error {
        Some(message) => Err(YamlError {
            message: format!("error unmarshaling JSON: while decoding JSON: json: {message}"),
            span: Some(node.span().clone()),
        }),
        None => match decoded {
            Some(Json::Object(map)) => Ok(map),
            _ => Ok(Map::new()),
        },
    }
}

/// The JSON of a node, with numbers and booleans as text if the Go type is `string`.
fn coerced(node: &Node, shape: Option<Shape>) -> Result<Json, YamlError> {
    match (node.view(), shape) {
        (View::Mapping(mapping), Some(shape @ (Shape::Struct(_) | Shape::Map(_)))) => {
            let mut map = Map::new();
            for Entry { key, value } in mapping {
                let text = key_text(key, value)?;
                let inner = match shape {
                    Shape::Struct(shape) => shape.field(&text).map(|it| it.shape),
                    Shape::Map(inner) => Some(*inner),
                    _ => None,
                };
                match inner {
                    Some(inner) => _ = map.insert(text, coerced(value, Some(inner))?),
                    // The value is not used, but must be valid JSON.
                    None => check_json(value)?,
                }
            }
            Ok(Json::Object(map))
        }
        (View::Sequence(items), Some(Shape::List(inner))) => {
            let items: Result<Vec<Json>, YamlError> =
                items.iter().map(|it| coerced(it, Some(*inner))).collect();
            items.map(Json::Array)
        }
        (View::Scalar(text), Some(Shape::Text)) => Ok(match scalar_of(node, text)? {
            Scalar::Bool(value) => Json::String(value.to_string()),
            Scalar::Int(value) => Json::String(value.to_string()),
            Scalar::Uint(value) => Json::String(value.to_string()),
            Scalar::Float(value) => Json::String(float32_text(value)),
            _ => to_json(node)?,
        }),
        _ => to_json(node),
    }
}

impl Struct {
    /// The field for a key: preferably by exact name, otherwise ignoring case.
    fn field(&self, key: &str) -> Option<&'static Field> {
        let exact = self.fields.iter().find(|it| it.name == key);
        exact.or_else(|| {
            self.fields
                .iter()
                .find(|it| it.name.eq_ignore_ascii_case(key))
        })
    }
}

#[derive(Default)]
struct Decoder {
    /// The innermost struct, and the path of fields to the value.
    owner: Option<&'static str>,
    path: Vec<&'static str>,
    error: Option<String>,
}

impl Decoder {
    fn value(&mut self, json: Json, shape: Shape, go_type: &str) -> Option<Json> {
        match (json, shape) {
            (Json::Null, _) => None,
            (json, Shape::Any) => Some(json),
            (json @ Json::String(_), Shape::Text) | (json @ Json::Bool(_), Shape::Bool) => {
                Some(json)
            }
            (Json::Array(items), Shape::List(inner)) => {
                let go_type = go_type.strip_prefix("[]").unwrap_or(go_type);
                let go_type = go_type.trim_start_matches('*');
                // A null item is a zero value or a nil pointer.
                let items = items
                    .into_iter()
                    .map(|it| self.value(it, *inner, go_type).unwrap_or(Json::Null));
                Some(Json::Array(items.collect()))
            }
            (Json::Object(map), Shape::Map(inner)) => {
                let go_type = go_type.strip_prefix("map[string]").unwrap_or(go_type);
                let decoded = map
                    .into_iter()
                    .filter_map(|(key, value)| match (value, inner) {
                        (Json::Null, Shape::Text) => Some((key, Json::String(String::new()))),
                        (value, _) => self.value(value, *inner, go_type).map(|it| (key, it)),
                    });
                Some(Json::Object(decoded.collect()))
            }
            (Json::Object(map), Shape::Struct(shape)) => Some(self.fields(map, shape)),
            (json, _) => {
                self.mismatch(&json, go_type);
                None
            }
        }
    }

    fn fields(&mut self, map: Map<String, Json>, shape: &'static Struct) -> Json {
        let outer = self.owner.replace(shape.name);
        let mut decoded = Map::new();
        let mut entries: Vec<(String, Json)> = map.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value) in entries {
            let Some(field) = shape.field(&key) else {
                continue;
            };
            self.path.push(field.name);
            if let Some(value) = self.value(value, field.shape, field.go_type) {
                decoded.insert(field.name.to_string(), value);
            }
            self.path.pop();
        }
        self.owner = outer;
        Json::Object(decoded)
    }

    /// Records the error for a value of another type (Go, `UnmarshalTypeError`), unless there is an earlier one.
    fn mismatch(&mut self, json: &Json, go_type: &str) {
        let found = match json {
            Json::Object(_) => "object",
            Json::Array(_) => "array",
            Json::String(_) => "string",
            Json::Number(_) => "number",
            Json::Bool(_) => "bool",
            Json::Null => "null",
        };
        let message = match self.owner {
            Some(owner) => format!(
                "cannot unmarshal {found} into Go struct field {owner}.{} of type {go_type}",
                self.path.join(".")
            ),
            None => format!("cannot unmarshal {found} into Go value of type {go_type}"),
        };
        self.error.get_or_insert(message);
    }
}
