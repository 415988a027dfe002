//! Parses schemas: `openAPIV3Schema` of a CRD, or a line of the built-in schemas.

use std::sync::OnceLock;

use super::json::Fields;
use super::schema::{
    Additional, Child, Enumeration, Format, Limits, ListType, Logic, Properties, Rule, Schema,
    Types,
};
use crate::schema::pattern::Pattern;
use pleach_yaml::diag::Source;
use pleach_yaml::{Entry, Mapping, Node, parse_one};

/// Parses the JSON text of a built-in schema. An invalid one, which the generator never creates, allows everything.
pub(super) fn read_text(text: &str) -> Schema {
    let source = Source::internal("schema.json", text);
    parse_one(&source).map_or_else(|_| anything(), |node| read(&node))
}

fn anything() -> Schema {
    let mut schema = Schema::default();
    schema.flags.preserve_unknown = true;
    schema
}

/// Parses a schema. Keywords without an effect on validation (descriptions, examples) are skipped.
pub(super) fn read(node: &Node) -> Schema {
    let mut schema = Schema::default();
    let Some(keywords) = node.as_mapping() else {
        return anything();
    };
    for Entry { key, value } in keywords {
        word(&mut schema, key.as_str().unwrap_or(""), value);
    }
    if keywords
        .get("x-kubernetes-int-or-string")
        .and_then(Node::as_bool)
        == Some(true)
        || keywords.get("format").and_then(Node::as_str) == Some("int-or-string")
    {
        schema.types = Types::IntOrString;
        // The form of older generators is equivalent to the flag.
        if let Some(logic) = schema.logic.as_mut().filter(|_| is_int_or_string(keywords)) {
            logic.any_of.clear();
        }
    }
    if schema.types == Types::Any && schema.properties.is_empty() {
        // A schema without a type is not structural: the server rejects the definition or keeps any value.
        match is_int_or_string(keywords) {
            true => schema.types = Types::IntOrString,
            false => schema.flags.preserve_unknown = true,
        }
    }
    schema.flags.has_rules |= !schema.rules.is_empty() || below_has_rules(&schema);
    schema
}

fn below_has_rules(schema: &Schema) -> bool {
    // A shared schema is not parsed here, so it may have rules.
    let may = |child: &Child| match child {
        Child::Own(own) => own.flags.has_rules,
        Child::Shared(_) => true,
    };
    let additional = match &schema.additional {
        Additional::Like(child) => may(child),
        _ => false,
    };
    additional
        || schema.items.as_ref().is_some_and(may)
        || schema.properties.iter().any(|it| may(it.1))
}

fn word(schema: &mut Schema, word: &str, value: &Node) {
    match word {
        "type" => schema.types = types(value.as_str().unwrap_or("")),
        "format" => schema.format = format(value.as_str().unwrap_or("")),
        "properties" => schema.properties = properties(value),
        "additionalProperties" => {
            schema.additional = match value.as_bool() {
                Some(true) => Additional::Anything,
                Some(false) => Additional::Nothing,
                None => Additional::Like(child(value)),
            }
        }
        "items" => schema.items = Some(child(value)),
        "required" => schema.required = texts(value),
        "nullable" => schema.flags.nullable = flag(value),
        "x-kubernetes-preserve-unknown-fields" => schema.flags.preserve_unknown = flag(value),
        "x-kubernetes-embedded-resource" => schema.flags.embedded_resource = flag(value),
        "x-kubernetes-list-type" => {
            schema.list = match value.as_str() {
                Some("set") => ListType::Set,
                Some("map") => ListType::Map,
                _ => ListType::Atomic,
            }
        }
        "x-kubernetes-list-map-keys" => schema.list_map_keys = texts(value),
        "x-kubernetes-validations" => schema.rules = rules(value),
        "default" => schema.default = Some(Box::new(value.clone())),
        "uniqueItems" => schema.flags.unique_items = flag(value),
        "exclusiveMinimum" => schema.flags.exclusive_minimum = flag(value),
        "exclusiveMaximum" => schema.flags.exclusive_maximum = flag(value),
        "allOf" => logic(schema).all_of = list(value),
        "anyOf" => logic(schema).any_of = list(value),
        "oneOf" => logic(schema).one_of = list(value),
        "not" => logic(schema).not = Some(read(value)),
        _ => limit(schema, word, value),
    }
}

fn limit(schema: &mut Schema, word: &str, value: &Node) {
    let number = || value.as_float();
    let size = || super::json::integer(value).and_then(|it| u64::try_from(it).ok());
    let limits = |schema: &mut Schema, set: &dyn Fn(&mut Limits)| {
        set(schema.limits.get_or_insert_with(Box::default));
    };
    match word {
        "enum" => limits(schema, &|it| {
            it.one_of = Enumeration::new(value.as_sequence().unwrap_or_default());
        }),
        "pattern" => limits(schema, &|it| it.pattern = value.as_str().map(Pattern::new)),
        "minimum" => limits(schema, &|it| it.minimum = number()),
        "maximum" => limits(schema, &|it| it.maximum = number()),
        "multipleOf" => limits(schema, &|it| it.multiple_of = number()),
        "minLength" => limits(schema, &|it| it.length.min = size()),
        "maxLength" => limits(schema, &|it| it.length.max = size()),
        "minItems" => limits(schema, &|it| it.items.min = size()),
        "maxItems" => limits(schema, &|it| it.items.max = size()),
        "minProperties" => limits(schema, &|it| it.properties.min = size()),
        "maxProperties" => limits(schema, &|it| it.properties.max = size()),
        _ => {}
    }
}

fn logic(schema: &mut Schema) -> &mut Logic {
    schema.logic.get_or_insert_with(Box::default)
}

fn types(word: &str) -> Types {
    match word {
        "object" => Types::Object,
        "array" => Types::Array,
        "string" => Types::String,
        "integer" => Types::Integer,
        "number" => Types::Number,
        "boolean" => Types::Boolean,
        "quantity" => Types::Quantity,
        _ => Types::Any,
    }
}

/// go-openapi ignores dashes in names of formats.
fn format(word: &str) -> Format {
    match word.replace('-', "").as_str() {
        "int32" => Format::Int32,
        "int64" => Format::Int64,
        "double" | "float" => Format::Double,
        "byte" => Format::Byte,
        "date" => Format::Date,
        "datetime" => Format::DateTime,
        "duration" => Format::Duration,
        "ipv4" => Format::Ipv4,
        "ipv6" => Format::Ipv6,
        "cidr" => Format::Cidr,
        "mac" => Format::Mac,
        "uri" => Format::Uri,
        "uuid" => Format::Uuid,
        "email" => Format::Email,
        "hostname" => Format::Hostname,
        "hexcolor" => Format::HexColor,
        _ => Format::None,
    }
}

fn properties(value: &Node) -> Properties {
    let entries = value.as_mapping().into_iter().flatten();
    let list = entries.map(|it| (it.key.as_str().unwrap_or("").into(), child(&it.value)));
    Properties::new(list.collect())
}

/// `{"$": 12}` refers to a shared schema in the built-in form.
fn child(value: &Node) -> Child {
    let shared = value.get("$").and_then(super::json::integer);
    match shared.and_then(|it| u32::try_from(it).ok()) {
        Some(number) => Child::Shared(number),
        None => Child::Own(Box::new(read(value))),
    }
}

fn list(value: &Node) -> Vec<Schema> {
    let items = value.as_sequence().unwrap_or_default();
    items.iter().map(read).collect()
}

fn texts(value: &Node) -> Box<[Box<str>]> {
    let items = value.as_sequence().unwrap_or_default();
    items
        .iter()
        .filter_map(|it| it.as_str().map(Box::from))
        .collect()
}

fn flag(value: &Node) -> bool {
    value.as_bool() == Some(true)
}

fn rules(value: &Node) -> Box<[Rule]> {
    let items = value.as_sequence().unwrap_or_default();
    let rule = |it: &Node| Rule {
        expression: it.text_or_empty("rule").into(),
        message: it.text("message").map(Box::from),
        message_expression: it.text("messageExpression").map(Box::from),
        optional_old_self: it.boolean("optionalOldSelf") == Some(true),
        program: OnceLock::new(),
    };
    items.iter().map(rule).collect()
}

fn is_int_or_string(keywords: &Mapping) -> bool {
    let branches = keywords
        .get("anyOf")
        .and_then(Node::as_sequence)
        .unwrap_or(&[]);
    let only_type = |it: &Node| it.as_mapping().is_some_and(|map| map.len() == 1);
    branches.len() == 2
        && branches.iter().all(only_type)
        && branches
            .iter()
            .all(|it| matches!(it.text("type"), Some("integer" | "string")))
}
