//! Parses a schema from a node.

use super::effect;
use super::pattern::Pattern;
use super::structural::{
    Additional, ConditionalDefault, EffectiveWhen, Format, Limits, ListType, Logic, Range, Schema,
    Types,
};
use super::values_of::ValuesOf;
use pleach_yaml::diag::{Diagnostic, Diagnostics, Source};
use pleach_yaml::{Mapping, Node, parse_one};

/// The dialect of schemas, which determines the strictness of the parser.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Schemas of claim kinds: unknown keywords and those without effect are errors, and every pattern is compiled immediately.
    Claim,
    /// JSON schemas of a chart's values: unknown keywords are errors.
    Values,
    /// Schemas that are part of the program: a test validates them like those of claim kinds.
    Own,
}

/// A schema that is part of the program.
pub fn own_schema(name: &str, text: &str) -> Schema {
    schema_of_own(&own_document(name, text))
}

/// A schema or a part of one that comes with the program, as a node.
pub fn own_document(name: &str, text: &str) -> Node {
    let source = Source::internal(name, text);
    parse_one(&source).expect("the program's own schemas are YAML, which a test holds")
}

/// The schema in such a node.
pub fn schema_of_own(node: &Node) -> Schema {
    Schema::parse_own(node).expect("the program's own schemas are schemas, which a test holds")
}

impl Schema {
    /// Parses the schema of a claim kind. Errors in the schema have the code `invalid-schema`.
    pub fn parse(node: &Node) -> Result<Schema, Diagnostics> {
        Schema::parse_as(node, Dialect::Claim)
    }

    /// Parses the JSON schema of a chart's values.
    pub fn parse_values(node: &Node) -> Result<Schema, Diagnostics> {
        Schema::parse_as(node, Dialect::Values)
    }

    /// Parses a schema that is part of the program. Its patterns are compiled when a value is validated.
    pub fn parse_own(node: &Node) -> Result<Schema, Diagnostics> {
        Schema::parse_as(node, Dialect::Own)
    }

    pub(super) fn parse_as(node: &Node, dialect: Dialect) -> Result<Schema, Diagnostics> {
        let mut reader = Reader {
            dialect,
            is_branch: false,
            faults: Diagnostics::default(),
        };
        let schema = reader.schema(node);
        if reader.faults.is_empty() {
            Ok(schema)
        } else {
            Err(reader.faults)
        }
    }
}

struct Reader {
    dialect: Dialect,
    /// Whether the current schema is within `allOf`, `anyOf`, `oneOf` or `not`.
    is_branch: bool,
    faults: Diagnostics,
}

/// Keywords of a schema that are not checked.
const SILENT: [&str; 11] = [
    "title",
    "examples",
    "externalDocs",
    "id",
    "$schema",
    "$comment",
    "readOnly",
    "deprecated",
    "discriminator",
    "definitions",
    "patternProperties",
];

/// The supported keywords, for suggestions.
const KNOWN: [&str; 36] = [
    "type",
    "format",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "nullable",
    "default",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-map-keys",
    "x-pleach-aliases",
    "x-pleach-default",
    "x-pleach-effective-when",
    "x-pleach-enum-numbers",
    "x-pleach-quoted-numbers",
    "x-pleach-values-of",
];

/// The formats that are checked.
const FORMATS: [&str; 22] = [
    "int-or-string",
    "int32",
    "int64",
    "byte",
    "date",
    "date-time",
    "duration",
    "quantity",
    "ipv4",
    "ipv6",
    "cidr",
    "ip-or-cidr",
    "uri",
    "uuid",
    "email",
    "hostname",
    "wildcard-hostname",
    "cpu",
    "memory",
    "storage",
    "image",
    "image-repository",
];

/// Formats that OpenAPI defines only as a note for readers and editors, or that Kubernetes does not check either.
const WITHOUT_CHECK: [&str; 12] = [
    "float", "double", "password", "binary", "mac", "uint32", "uint64", "int8", "int16", "uint8",
    "uint16", "regex",
];

/// The keywords of CRDs that begin with `x-kubernetes-`. The last three have no effect on claims, and are accepted for schemas that
/// are copied from a CRD.
const KUBERNETES: [&str; 7] = [
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-group-version-kind",
];

/// All keywords of a claim kind's schema.
pub fn schema_keywords() -> impl Iterator<Item = &'static str> {
    let more = ["example", "x-kubernetes-list-type"];
    let silent = SILENT.into_iter().filter(|it| *it != "patternProperties");
    KNOWN.into_iter().chain(silent).chain(more)
}

impl Reader {
    fn schema(&mut self, node: &Node) -> Schema {
        let mut schema = Schema::anything(node.span().clone());
        let Some(keywords) = node.as_mapping() else {
            self.fault(node, "a schema must be a map");
            return schema;
        };
        let mut int_or_string = false;
        for entry in keywords {
            let (key, value) = (entry.key.as_str().unwrap_or(""), &entry.value);
            match key {
                "x-kubernetes-int-or-string" => int_or_string = self.flag(value),
                "properties"
                | "required"
                | "additionalProperties"
                | "items"
                | "x-kubernetes-list-type"
                | "x-kubernetes-list-map-keys"
                | "uniqueItems" => {
                    self.structure(&mut schema, key, value);
                }
                "example" => schema.example = Some(value.clone()),
                "type"
                | "format"
                | "description"
                | "nullable"
                | "default"
                | "$ref"
                | "x-kubernetes-preserve-unknown-fields" => {
                    self.character(&mut schema, key, value);
                }
                "allOf" | "anyOf" | "oneOf" | "not" => {
                    let logic = schema.logic.get_or_insert_default();
                    self.logic(logic, key, value);
                }
                _ if key.starts_with("x-pleach-") => self.own_word(&mut schema, &entry.key, value),
                _ if self.dialect == Dialect::Claim && self.is_refused(&entry.key) => {}
                _ if key.starts_with("x-") || SILENT.contains(&key) => {}
                _ => self.limit(&mut schema, &entry.key, value),
            }
        }
        if int_or_string || schema.types == Types::Any && is_int_or_string(keywords) {
            schema.types = Types::IntOrString;
        }
        if self.dialect == Dialect::Claim {
            let faults = effect::check(keywords, &schema, self.is_branch);
            self.faults.extend(faults);
        }
        schema
    }

    /// Reports a keyword of CRDs and JSON Schema that has no effect in the schema of a claim kind, and a misspelled one.
    fn is_refused(&mut self, key: &Node) -> bool {
        let word = key.as_str().unwrap_or("");
        let fault = match word {
            "patternProperties" => {
                let fault = schema_fault(key, "`patternProperties` is not supported in a schema");
                fault.help("for keys that are not known in advance, use `additionalProperties`")
            }
            "x-kubernetes-validations" => {
                let message = "`x-kubernetes-validations` is not evaluated for claims";
                let fault = schema_fault(key, message);
                fault.help("write the condition as an entry of `rules` of the kind")
            }
            _ if !word.starts_with("x-kubernetes-") || KUBERNETES.contains(&word) => return false,
            _ => {
                let fault = schema_fault(key, format!("unknown keyword `{word}` in a schema"));
                fault.did_you_mean(word, KUBERNETES)
            }
        };
        self.faults.push(fault);
        true
    }

    fn structure(&mut self, schema: &mut Schema, key: &str, value: &Node) {
        match key {
            "properties" => {
                let Some(fields) = self.mapping(value, "`properties` must be a map") else {
                    return;
                };
                schema.properties.reserve_exact(fields.len());
                for field in fields {
                    let name = field.key.as_str().unwrap_or("").into();
                    schema.properties.insert(name, self.schema(&field.value));
                }
            }
            "required" => schema.required = self.names(value),
            "additionalProperties" => {
                schema.additional = match value.as_bool() {
                    Some(true) => Additional::Anything,
                    Some(false) => Additional::Refused,
                    None => Additional::Like(Box::new(self.schema(value))),
                }
            }
            "items" => schema.items = Some(Box::new(self.schema(value))),
            "uniqueItems" => schema.flags.unique_items = self.flag(value),
            "x-kubernetes-list-type" => {
                schema.list_type = match value.as_str() {
                    Some("map") => ListType::Map,
                    Some("set") => ListType::Set,
                    Some("atomic") => ListType::Atomic,
                    _ => return self.fault(value, "a list type must be `atomic`, `set` or `map`"),
                }
            }
            _ => schema.list_map_keys = self.names(value),
        }
    }

    fn character(&mut self, schema: &mut Schema, key: &str, value: &Node) {
        match key {
            "type" => self.types(schema, value),
            "format" => self.format(schema, value),
            "description" => schema.description = Some(value.clone()),
            "nullable" => schema.flags.nullable = self.flag(value),
            "default" => schema.default = Some(value.clone()),
            "$ref" => {
                if self.dialect != Dialect::Own {
                    self.fault(value, "`$ref` is not allowed in a structural schema");
                }
            }
            _ => schema.flags.preserve_unknown = self.flag(value),
        }
    }

    fn types(&mut self, schema: &mut Schema, value: &Node) {
        let types = match value.as_str() {
            Some("object") => Types::Object,
            Some("array") => Types::Array,
            Some("string") => Types::String,
            Some("integer") => Types::Integer,
            Some("number") => Types::Number,
            Some("boolean") => Types::Boolean,
            Some("") if self.dialect == Dialect::Own => Types::Any,
            _ => {
                let known = ["object", "array", "string", "integer", "number", "boolean"];
                let wrong = value.as_str().unwrap_or("");
                let fault = schema_fault(value, format!("unknown type `{wrong}`"))
                    .label("use object, array, string, integer, number or boolean");
                return self.faults.push(fault.did_you_mean(wrong, known));
            }
        };
        // `format: int-or-string` may precede and is more specific than `type: string`.
        if schema.types == Types::Any {
            schema.types = types;
        }
    }

    fn format(&mut self, schema: &mut Schema, value: &Node) {
        schema.format = match value.as_str().unwrap_or("") {
            "int-or-string" => {
                schema.types = Types::IntOrString;
                Format::None
            }
            "int32" => Format::Int32,
            "int64" => Format::Int64,
            "byte" => Format::Byte,
            "date" => Format::Date,
            "date-time" | "datetime" => Format::DateTime,
            "duration" => Format::Duration,
            "quantity" => Format::Quantity,
            "ipv4" => Format::Ipv4,
            "ipv6" => Format::Ipv6,
            "cidr" => Format::Cidr,
            "ip-or-cidr" => Format::IpOrCidr,
            "uri" => Format::Uri,
            "uuid" => Format::Uuid,
            "email" => Format::Email,
            "hostname" => Format::Hostname,
            "wildcard-hostname" => Format::WildcardHostname,
            "cpu" => Format::Cpu,
            "memory" => Format::Memory,
            "storage" => Format::Storage,
            "image" => Format::Image,
            "image-repository" => Format::ImageRepository,
            other => {
                if self.dialect == Dialect::Claim && !WITHOUT_CHECK.contains(&other) {
                    let fault = schema_fault(value, format!("unknown format `{other}`"));
                    let fault = fault.did_you_mean(other, FORMATS);
                    let known = FORMATS.join(", ");
                    self.faults
                        .push(fault.help(format!("known formats: {known}")));
                }
                Format::None
            }
        };
    }

    fn limit(&mut self, schema: &mut Schema, key: &Node, value: &Node) {
        let mut limits = schema.limits.take().unwrap_or_default();
        match key.as_str().unwrap_or("") {
            "enum" => limits.one_of = self.list(value).to_vec(),
            "pattern" => limits.pattern = self.pattern(value),
            "minimum" => limits.minimum = self.number(value),
            "maximum" => limits.maximum = self.number(value),
            "exclusiveMinimum" => match value.as_bool() {
                Some(exclusive) => schema.flags.exclusive_minimum = exclusive,
                None => {
                    limits.minimum = self.number(value);
                    schema.flags.exclusive_minimum = true;
                }
            },
            "exclusiveMaximum" => match value.as_bool() {
                Some(exclusive) => schema.flags.exclusive_maximum = exclusive,
                None => {
                    limits.maximum = self.number(value);
                    schema.flags.exclusive_maximum = true;
                }
            },
            "multipleOf" => limits.multiple_of = self.number(value).filter(|it| *it > 0.0),
            "minLength" => limits.length.min = self.size(value),
            "maxLength" => limits.length.max = self.size(value),
            "minItems" => limits.items.min = self.size(value),
            "maxItems" => limits.items.max = self.size(value),
            "minProperties" => limits.properties.min = self.size(value),
            "maxProperties" => limits.properties.max = self.size(value),
            unknown => self.unknown_word(key, unknown),
        }
        schema.limits = Some(limits);
    }

    fn logic(&mut self, logic: &mut Logic, key: &str, value: &Node) {
        let is_branch = std::mem::replace(&mut self.is_branch, true);
        self.branches(logic, key, value);
        self.is_branch = is_branch;
    }

    fn branches(&mut self, logic: &mut Logic, key: &str, value: &Node) {
        if key == "not" {
            logic.not = Some(self.schema(value));
            return;
        }
        let branches: Vec<Schema> = self.list(value).iter().map(|it| self.schema(it)).collect();
        match key {
            "allOf" => logic.all_of = branches,
            "anyOf" => logic.any_of = branches,
            _ => logic.one_of = branches,
        }
    }

    fn own_word(&mut self, schema: &mut Schema, key: &Node, value: &Node) {
        match key.as_str().unwrap_or("") {
            "x-pleach-aliases" => schema.aliases = self.names(value),
            "x-pleach-enum-numbers" => schema.flags.enum_numbers = self.flag(value),
            "x-pleach-quoted-numbers" => schema.flags.quoted_numbers = self.flag(value),
            "x-pleach-default" => match (value.get("value"), value.get("when")) {
                (Some(default), Some(when)) if when.as_string().is_some() => {
                    schema.conditional_default = Some(Box::new(ConditionalDefault {
                        value: default.clone(),
                        when: when.clone(),
                    }));
                }
                _ => self.fault(
                    value,
                    "a conditional default requires `value` and `when`, an expression as a string",
                ),
            },
            "x-pleach-effective-when" => match EffectiveWhen::read(value) {
                Some(condition) => schema.effective_when = Some(Box::new(condition)),
                None => self.fault(
                    value,
                    "expected an expression as a string, or a map with `when`, an expression, and `help`, a string",
                ),
            },
            "x-pleach-values-of" => match ValuesOf::read(value) {
                Some(chart) => schema.values_of = Some(Box::new(chart)),
                None => self.fault(
                    value,
                    "expected `chart`, the name of a chart, or `fields`, a list of sibling fields that may contain it",
                ),
            },
            unknown => self.unknown_word(key, unknown),
        }
    }

    fn unknown_word(&mut self, key: &Node, word: &str) {
        if self.dialect != Dialect::Own {
            let fault = schema_fault(key, format!("unknown keyword `{word}` in a schema"));
            self.faults.push(fault.did_you_mean(word, KNOWN));
        }
    }

    fn pattern(&mut self, value: &Node) -> Option<Pattern> {
        let pattern = Pattern::new(value.as_str()?);
        if self.dialect != Dialect::Own && !pattern.is_valid() {
            self.fault(value, "the pattern is not a valid RE2 regular expression");
        }
        Some(pattern)
    }

    fn flag(&mut self, value: &Node) -> bool {
        value.as_bool().unwrap_or_else(|| {
            self.fault(value, "expected `true` or `false`");
            false
        })
    }

    fn size(&mut self, value: &Node) -> Option<usize> {
        let size = value.as_int().and_then(|it| usize::try_from(it).ok());
        if size.is_none() {
            self.fault(value, "expected a non-negative integer");
        }
        size
    }

    fn number(&mut self, value: &Node) -> Option<f64> {
        let number = value.as_float();
        if number.is_none() {
            self.fault(value, "expected a number");
        }
        number
    }

    fn names(&mut self, value: &Node) -> Vec<Box<str>> {
        let names = self.list(value).iter();
        names.map(|it| it.as_str().unwrap_or("").into()).collect()
    }

    fn list<'n>(&mut self, value: &'n Node) -> &'n [Node] {
        value.as_sequence().unwrap_or_else(|| {
            self.fault(value, "expected a list");
            &[]
        })
    }

    fn mapping<'n>(&mut self, value: &'n Node, message: &str) -> Option<&'n Mapping> {
        if value.as_mapping().is_none() {
            self.fault(value, message);
        }
        value.as_mapping()
    }

    fn fault(&mut self, at: &Node, message: &str) {
        self.faults.push(schema_fault(at, message));
    }
}

/// `anyOf: [{type: integer}, {type: string}]` without a type, the form of generators before `x-kubernetes-int-or-string` existed.
fn is_int_or_string(keywords: &Mapping) -> bool {
    let branches = keywords
        .get("anyOf")
        .and_then(Node::as_sequence)
        .unwrap_or(&[]);
    let is = |at: usize, name: &str| {
        branches
            .get(at)
            .and_then(|it| it.get("type")?.as_str())
            .is_some_and(|it| it == name)
    };
    branches.len() == 2
        && (is(0, "integer") && is(1, "string") || is(0, "string") && is(1, "integer"))
}

pub(super) fn schema_fault(at: &Node, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("invalid-schema", message).at(at)
}

impl EffectiveWhen {
    /// `None` if the node is neither a string nor a map with `when` and `help`.
    fn read(node: &Node) -> Option<EffectiveWhen> {
        let is_text = |it: &Node| it.as_string().is_some();
        if is_text(node) {
            return Some(EffectiveWhen {
                when: node.clone(),
                help: None,
            });
        }
        let is_known = |key: &Node| matches!(key.as_str(), Some("when" | "help"));
        let mut entries = node.as_mapping()?.iter();
        if !entries.all(|it| is_known(&it.key) && is_text(&it.value)) {
            return None;
        }
        Some(EffectiveWhen {
            when: node.get("when")?.clone(),
            help: node.get("help").cloned(),
        })
    }
}

impl Range {
    pub(super) fn holds(self, size: usize) -> bool {
        self.min.is_none_or(|min| size >= min) && self.max.is_none_or(|max| size <= max)
    }
}

impl Limits {
    pub(super) fn number_holds(&self, value: f64, open_min: bool, open_max: bool) -> bool {
        let min = |min| value > min || !open_min && value == min;
        let max = |max| value < max || !open_max && value == max;
        self.minimum.is_none_or(min) && self.maximum.is_none_or(max)
    }
}
