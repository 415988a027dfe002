//! Built-in kinds: types as Go's decoder accepts them, and required fields.

use super::fault::{Help, Report, class};
use super::json::{Json, integral};
use super::quantity::Quantity;
use super::scalars;
use super::schema::{Additional, Format, Pool, Schema, Types};
use pleach_yaml::{Entry, Mapping, Node};

/// A Go type: a schema, and the pool of schemas that it refers to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type<'a> {
    pub(super) pool: &'a Pool,
    pub(super) schema: &'a Schema,
}

/// The encoding of the request. In JSON, `1.0` is not an integer; in YAML, it is converted to `1` first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// YAML.
    #[default]
    Yaml,
    /// JSON, sent unchanged.
    Json,
}

/// The errors of decoding. Missing fields are separate, because the server only checks them if decoding succeeds.
pub(super) fn decode<'a>(
    node: &'a Node,
    of: Type<'a>,
    encoding: Encoding,
    report: &mut Report<'a>,
) -> Report<'a> {
    let mut decoder = Decoder {
        pool: of.pool,
        encoding,
        report,
        missing: Report::default(),
        in_status: false,
    };
    decoder.value(node, of.schema, true);
    decoder.missing
}

struct Decoder<'a, 'r> {
    pool: &'a Pool,
    encoding: Encoding,
    report: &'r mut Report<'a>,
    missing: Report<'a>,
    /// Whether the decoder is in `status`, which the server decodes but does not validate on creation.
    in_status: bool,
}

impl<'a> Decoder<'a, '_> {
    fn value(&mut self, node: &'a Node, schema: &'a Schema, is_root: bool) {
        let json = Json::from_node(node);
        match (schema.types, json) {
            (_, Json::Null) | (Types::Any, _) => {}
            (Types::Object, Json::Map(map)) => self.object(node, map, schema, is_root),
            (Types::Array, Json::List(items)) => {
                if let Some(each) = &schema.items {
                    let each = self.pool.get(each);
                    for item in items {
                        self.value(item, each, false);
                        self.null_item(item, each);
                    }
                }
            }
            (Types::String, Json::String(text)) => self.text(node, text, schema.format),
            (Types::Boolean, Json::Bool(_)) | (Types::IntOrString, Json::String(_)) => {}
            (Types::Integer | Types::IntOrString, Json::Int(_) | Json::Float(_)) => {
                self.integer(node, json, schema);
            }
            (Types::Number, Json::Int(_) | Json::Float(_)) => {}
            (Types::Quantity, Json::String(_) | Json::Int(_) | Json::Float(_)) => {
                self.quantity(node, &json);
            }
            // `RawExtension` and similar types keep any value.
            (Types::Object, _) if is_free(schema) => {}
            _ => self
                .report
                .wrong_type(node, schema.types.description(), json.type_name()),
        }
    }

    fn object(&mut self, node: &'a Node, map: &'a Mapping, schema: &'a Schema, is_root: bool) {
        if is_free(schema) {
            return;
        }
        for Entry { key, value } in map {
            let name = key.as_str().unwrap_or("");
            if key.is_null() {
                self.report.push(
                    class::WRONG_TYPE,
                    key,
                    "has a null key, which JSON cannot have",
                );
            }
            match self.pool.child(schema, name) {
                Some(below) => {
                    let was = self.in_status;
                    self.in_status |= is_root && name == "status";
                    self.value(value, below, false);
                    self.in_status = was;
                }
                None => self.unknown_field((map, key), schema),
            }
        }
        if !self.in_status {
            self.required(node, map, schema);
        }
    }

    /// `null` in a list is an object without any fields.
    fn null_item(&mut self, item: &'a Node, each: &'a Schema) {
        if item.is_null() && !self.in_status {
            for name in &each.required {
                self.missing.required(item, name);
            }
        }
    }

    fn unknown_field(&mut self, (map, key): (&Mapping, &'a Node), schema: &Schema) {
        self.report
            .push(class::UNKNOWN_FIELD, key, "is an unknown field");
        let names = schema.properties.names();
        let name = key.as_str().unwrap_or("");
        self.report.help(Help::nearest_field(name, names, map));
    }

    /// Checks required fields. For Go, an empty string is the same as a missing one.
    fn required(&mut self, node: &'a Node, map: &'a Mapping, schema: &'a Schema) {
        for name in &schema.required {
            let is_missing = match map.get(name).map(Json::from_node) {
                None | Some(Json::Null | Json::String("")) => true,
                Some(_) => false,
            };
            if is_missing {
                self.missing.required(node, name);
            }
        }
    }

    fn text(&mut self, node: &'a Node, text: &str, format: Format) {
        match format {
            Format::Byte if scalars::base64_length(text).is_none() => {
                self.report.invalid(node, "must be base64");
            }
            Format::DateTime if !scalars::is_rfc3339(text) => {
                self.report
                    .invalid(node, "must be a time such as `2026-01-31T12:00:00Z`");
            }
            _ => {}
        }
    }

    fn integer(&mut self, node: &'a Node, json: Json<'_>, schema: &Schema) {
        let value = match json {
            Json::Int(value) => i64::try_from(value).ok(),
            Json::Float(value) if self.encoding == Encoding::Yaml => integral(value),
            _ => None,
        };
        let is_small = schema.format != Format::Int64;
        match value {
            Some(value) if !is_small || i32::try_from(value).is_ok() => {}
            Some(_) => self.report.invalid(node, "must be a 32-bit integer"),
            None => self
                .report
                .wrong_type(node, schema.types.description(), json.type_name()),
        }
    }

    fn quantity(&mut self, node: &'a Node, json: &Json<'_>) {
        let is_string = matches!(json, Json::String(_));
        if is_string && Quantity::parse(node.as_str().unwrap_or("")).is_none() {
            self.report
                .invalid(node, "must be a quantity such as `500m`, `10Gi` or `2`");
        }
    }
}

/// Whether a type accepts any JSON.
fn is_free(schema: &Schema) -> bool {
    schema.properties.is_empty() && matches!(schema.additional, Additional::None)
}
