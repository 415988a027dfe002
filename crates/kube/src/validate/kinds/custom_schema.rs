//! Schemas of custom kinds: they must be structural.
//!
//! Source: `pkg/apiserver/schema` and `pkg/apis/apiextensions/validation` of `k8s.io/apiextensions-apiserver`.

use std::collections::BTreeSet;

use super::fields::{exactly_one_of, required, text_of};
use crate::schema::pattern::Pattern;
use crate::validate::cel;
use crate::validate::fault::{Fault, Report};
use crate::validate::json::Fields;
use crate::validate::read::read;
use crate::validate::schema::Pool;
use crate::validate::structural::Structural;
use crate::validate::{builtin::Kubernetes, decode};
use pleach_yaml::{Entry, Node};

const TYPES: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];
const JUNCTORS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const EMBEDDED: &str = "x-kubernetes-embedded-resource";
const LIST_TYPE: &str = "x-kubernetes-list-type";
const MAP_TYPE: &str = "x-kubernetes-map-type";
const KEYS: &str = "x-kubernetes-list-map-keys";
const RULES: &str = "x-kubernetes-validations";

/// The location of a schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Where a default is not allowed, or not validated as a value of its schema.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Defaults {
    Allowed,
    /// In `metadata`, `apiVersion` and `kind` of the object.
    Forbidden,
    /// In those of an embedded object.
    OfMetadata,
}

pub(super) fn root<'a>(schema: &'a Node, has_status: bool, report: &mut Report<'a>) {
    if schema.boolean("nullable") == Some(true) {
        report.invalid_field(schema, "nullable", "must not be true at the root");
    }
    if has_status {
        status(schema, report);
    }
    if let Some(metadata) = schema
        .field("properties")
        .and_then(|it| it.field("metadata"))
    {
        metadata_fields(metadata, report);
    }
    let before = report.faults.len();
    validate(schema, Level::Root, Defaults::Allowed, report);
    // As on the server, only the conditions of the root are compared with the fields.
    conditions_are_declared(schema, schema, report);
    if report.faults.len() == before {
        rules(schema, true, report);
    }
}

/// With the subresource `status`, the root can only have keywords that do not depend on it.
fn status<'a>(schema: &'a Node, report: &mut Report<'a>) {
    const FORBIDDEN: [&str; 13] = [
        "default",
        "enum",
        "maxProperties",
        "minProperties",
        "allOf",
        "oneOf",
        "anyOf",
        "not",
        "nullable",
        "additionalProperties",
        EMBEDDED,
        INT_OR_STRING,
        MAP_TYPE,
    ];
    for key in super::fields::set(schema, &FORBIDDEN) {
        let is_false = schema.boolean(key) == Some(false);
        if !is_false && key != "nullable" && key != "additionalProperties" {
            report.invalid_field(
                schema,
                key,
                "must not be set at the root if the subresource `status` is enabled",
            );
        }
    }
}

/// The fields of `metadata` are known; only its names can be restricted.
fn metadata_fields<'a>(metadata: &'a Node, report: &mut Report<'a>) {
    let is_known = |key: &str| matches!(key, "name" | "generateName");
    for Entry { key, .. } in metadata.map("properties") {
        if !is_known(text_of(key)) {
            report.invalid(
                key,
                "must not be specified: only `name` and `generateName` can be restricted",
            );
        }
    }
}

fn kind_of(schema: &Node) -> &str {
    schema.text_or_empty("type")
}

fn is_set(schema: &Node, key: &str) -> bool {
    schema.boolean(key) == Some(true)
}

fn validate<'a>(schema: &'a Node, level: Level, defaults: Defaults, report: &mut Report<'a>) {
    types(schema, level, report);
    unsupported(schema, report);
    extensions(schema, report);
    match defaults {
        Defaults::Allowed => default_value(schema, report),
        Defaults::Forbidden if schema.field("default").is_some() => {
            report.invalid_field(schema, "default", "must not be set in this field");
        }
        _ => {}
    }
    let is_object = level == Level::Root || is_set(schema, EMBEDDED);
    for Entry { key, value } in schema.map("properties") {
        let is_meta = is_object && matches!(text_of(key), "metadata" | "apiVersion" | "kind");
        let inner = match (is_meta, level, defaults) {
            (true, Level::Root, _) => Defaults::Forbidden,
            (true, _, Defaults::Allowed) => Defaults::OfMetadata,
            _ => defaults,
        };
        validate(value, Level::Field, inner, report);
    }
    additional(schema, level, defaults, report);
    if let Some(items) = schema.field("items").filter(|it| it.as_mapping().is_some()) {
        validate(items, Level::Item, defaults, report);
    }
    junctors(schema, is_int_or_string(schema), report);
}

fn types<'a>(schema: &'a Node, level: Level, report: &mut Report<'a>) {
    let kind = kind_of(schema);
    let is_free = is_set(schema, INT_OR_STRING) || is_set(schema, PRESERVE);
    if kind.is_empty() && (!is_free || is_set(schema, EMBEDDED)) {
        return required(schema, "type", report);
    }
    if kind.is_empty() {
        return;
    }
    if !TYPES.contains(&kind) {
        return exactly_one_of(schema, "type", &TYPES, report);
    }
    if kind != "object" && (level == Level::Root || is_set(schema, EMBEDDED)) {
        report.invalid_field(schema, "type", "must be `object`");
    }
    if kind == "array" && schema.field("items").is_none() {
        required(schema, "items", report);
    }
}

/// Keywords of JSON Schema that definitions cannot have.
fn unsupported<'a>(schema: &'a Node, report: &mut Report<'a>) {
    const KEYWORDS: [&str; 6] = [
        "$ref",
        "id",
        "additionalItems",
        "patternProperties",
        "definitions",
        "dependencies",
    ];
    for key in super::fields::set(schema, &KEYWORDS) {
        let is_empty = schema.field(key).is_some_and(|it| it.is_empty_collection());
        if !is_empty {
            report.invalid_field(schema, key, "is not supported in a definition");
        }
    }
    if is_set(schema, "uniqueItems") {
        report.invalid_field(
            schema,
            "uniqueItems",
            "must not be true: use `x-kubernetes-list-type: set`",
        );
    }
    if schema
        .field("items")
        .is_some_and(|it| it.as_sequence().is_some())
    {
        report.invalid_field(schema, "items", "must be one schema");
    }
    pattern(schema, report);
}

fn pattern<'a>(schema: &'a Node, report: &mut Report<'a>) {
    let text = schema.text("pattern").unwrap_or("");
    if !Pattern::new(text).is_valid() {
        report.invalid_field(schema, "pattern", "must be a regular expression as in Go");
    }
}

fn additional<'a>(schema: &'a Node, level: Level, defaults: Defaults, report: &mut Report<'a>) {
    let Some(additional) = schema.field("additionalProperties") else {
        return;
    };
    let is_open = additional.as_bool() == Some(true);
    if !schema.map("properties").is_empty() && !is_open {
        report.invalid(additional, "must not be set together with `properties`");
    }
    if level == Level::Root || is_set(schema, EMBEDDED) {
        report.invalid(additional, "must not be set for a whole object");
    }
    if additional.as_mapping().is_some() {
        let inner = match defaults {
            Defaults::Allowed => Defaults::Allowed,
            _ => Defaults::Forbidden,
        };
        validate(additional, Level::Field, inner, report);
    }
}

/// Keywords of Kubernetes.
fn extensions<'a>(schema: &'a Node, report: &mut Report<'a>) {
    let kind = kind_of(schema);
    if schema.boolean(PRESERVE) == Some(false) {
        report.invalid_field(schema, PRESERVE, "must be true, or missing");
    }
    if is_set(schema, INT_OR_STRING) {
        for key in [PRESERVE, EMBEDDED] {
            if is_set(schema, key) {
                report.invalid_field(
                    schema,
                    key,
                    "must not be true together with `x-kubernetes-int-or-string`",
                );
            }
        }
    }
    exactly_one_of(schema, MAP_TYPE, &["atomic", "granular"], report);
    exactly_one_of(schema, LIST_TYPE, &["atomic", "set", "map"], report);
    if schema.field(MAP_TYPE).is_some() && kind != "object" {
        report.invalid_field(
            schema,
            MAP_TYPE,
            "must not be set unless `type` is `object`",
        );
    }
    if schema.field(LIST_TYPE).is_some() && kind != "array" {
        report.invalid_field(
            schema,
            LIST_TYPE,
            "must not be set unless `type` is `array`",
        );
    }
    lists(schema, report);
}

fn lists<'a>(schema: &'a Node, report: &mut Report<'a>) {
    let list_type = schema.text_or_empty(LIST_TYPE);
    let keys = schema.list(KEYS);
    if !keys.is_empty() && list_type != "map" {
        report.invalid_field(
            schema,
            KEYS,
            "must not be set unless `x-kubernetes-list-type` is `map`",
        );
    }
    let Some(items) = schema.field("items") else {
        return;
    };
    if matches!(list_type, "set" | "map") && is_set(items, "nullable") {
        report.invalid_field(
            items,
            "nullable",
            "must not be true for a list of this type",
        );
    }
    if list_type == "set" {
        let is_atomic = match kind_of(items) {
            "array" => matches!(items.text_or_empty(LIST_TYPE), "" | "atomic"),
            "object" => items.text(MAP_TYPE) == Some("atomic"),
            _ => true,
        };
        if !is_atomic {
            report.invalid(items, "must be atomic, because they are the items of a set");
        }
    }
    if list_type != "map" {
        return;
    }
    if keys.is_empty() {
        required(schema, KEYS, report);
    }
    if kind_of(items) != "object" {
        report.invalid_field(items, "type", "must be `object` in a list of type `map`");
        return;
    }
    map_keys(keys, items, report);
}

/// Keys of a list are scalars, and each item has them.
fn map_keys<'a>(keys: &'a [Node], items: &'a Node, report: &mut Report<'a>) {
    let needed: Vec<&str> = items.list("required").iter().map(text_of).collect();
    let mut seen = BTreeSet::new();
    for key in keys {
        let name = text_of(key);
        if !seen.insert(name) {
            report.duplicate(key);
        }
        let Some(property) = items.field("properties").and_then(|it| it.field(name)) else {
            report.invalid(key, "must be one of the item's `properties`");
            continue;
        };
        if matches!(kind_of(property), "array" | "object") {
            report.invalid_field(
                property,
                "type",
                "must be scalar, because it is a key of the list",
            );
        }
        if !needed.contains(&name) && property.get("default").is_none() {
            report.invalid(key, "must be required in the items, or have a default");
        }
        if is_set(property, "nullable") {
            report.invalid_field(
                property,
                "nullable",
                "must not be true, because it is a key of the list",
            );
        }
    }
}

/// Validates a default against its schema.
fn default_value<'a>(schema: &'a Node, report: &mut Report<'a>) {
    let Some(value) = schema.field("default") else {
        return;
    };
    let pool = Pool::default();
    let parsed = read(schema);
    let mut own = Report::default();
    let kubernetes = Kubernetes::builtin();
    let mut structural = Structural {
        pool: &pool,
        report: &mut own,
        metadata: decode::Type {
            pool: &kubernetes.pool,
            schema: kubernetes.metadata(kubernetes.newest()),
        },
        drops_status: false,
    };
    structural.field(value, &parsed);
    let fault = own.faults.first().map(|it| sentence(it, value));
    if let Some(message) = fault {
        report.invalid(value, format!("must fit its schema: {message}"));
    }
}

fn sentence(fault: &Fault<'_>, root: &Node) -> String {
    fault.diagnostic(root, "default").0.message
}

/// Whether `anyOf` has the form of an integer or a string, which may have types.
fn is_int_or_string(schema: &Node) -> bool {
    let [first, second] = schema.list("anyOf") else {
        return false;
    };
    let is = |it: &Node, kind: &str| {
        it.as_mapping().is_some_and(|map| map.len() == 1) && kind_of(it) == kind
    };
    is(first, "integer") && is(second, "string")
}

/// Conditions below `allOf`, `anyOf`, `oneOf` and `not` describe no structure.
fn junctors<'a>(schema: &'a Node, skips_any_of: bool, report: &mut Report<'a>) {
    for key in JUNCTORS {
        if key == "anyOf" && skips_any_of {
            continue;
        }
        for (index, branch) in schema.list(key).iter().enumerate() {
            let is_first = key == "allOf" && index == 0;
            condition(branch, is_first && is_int_or_string(branch), report);
        }
    }
    if let Some(branch) = schema.field("not") {
        condition(branch, false, report);
    }
}

fn condition<'a>(schema: &'a Node, skips_any_of: bool, report: &mut Report<'a>) {
    const FORBIDDEN: [&str; 12] = [
        "type",
        "additionalProperties",
        "default",
        "title",
        "description",
        "nullable",
        PRESERVE,
        EMBEDDED,
        INT_OR_STRING,
        KEYS,
        LIST_TYPE,
        MAP_TYPE,
    ];
    for key in super::fields::set(schema, &FORBIDDEN) {
        let is_empty = schema.field(key).is_some_and(|it| {
            it.as_bool() == Some(false) && key != "additionalProperties"
                || it.as_str() == Some("")
                || key == KEYS && it.is_empty_collection()
        });
        if !is_empty {
            report.invalid_field(schema, key, STRUCTURAL);
        }
    }
    if !schema.list(RULES).is_empty() {
        report.invalid_field(schema, RULES, STRUCTURAL);
    }
    unsupported(schema, report);
    junctors(schema, skips_any_of, report);
    for Entry { key, value } in schema.map("properties") {
        if text_of(key) == "metadata" {
            report.invalid(key, STRUCTURAL);
        }
        condition(value, false, report);
    }
    if let Some(items) = schema.field("items") {
        condition(items, false, report);
    }
}

const STRUCTURAL: &str = "must not be set below `allOf`, `anyOf`, `oneOf` or `not`, because the schema must be structural";

/// Checks that the fields in conditions are also declared outside of them.
fn conditions_are_declared<'a>(schema: &'a Node, declared: &'a Node, report: &mut Report<'a>) {
    let branches = JUNCTORS.iter().flat_map(|it| schema.list(it));
    for branch in branches.chain(schema.field("not")) {
        is_declared(branch, declared, report);
    }
}

fn is_declared<'a>(branch: &'a Node, declared: &'a Node, report: &mut Report<'a>) {
    conditions_are_declared(branch, declared, report);
    for Entry { key, value } in branch.map("properties") {
        match declared
            .field("properties")
            .and_then(|it| it.field(text_of(key)))
        {
            Some(declared) => is_declared(value, declared, report),
            None => report.invalid(key, "must also be in the `properties` of the schema itself"),
        }
    }
    if let Some(items) = branch.field("items") {
        match declared.field("items") {
            Some(declared) => is_declared(items, declared, report),
            None => report.invalid_field(branch, "items", "must also be in the schema itself"),
        }
    }
}

/// Rules in CEL must be expressions, and read declared fields.
fn rules<'a>(schema: &'a Node, is_root: bool, report: &mut Report<'a>) {
    const REASONS: [&str; 4] = [
        "FieldValueRequired",
        "FieldValueForbidden",
        "FieldValueInvalid",
        "FieldValueDuplicate",
    ];
    for rule in schema.list(RULES) {
        let (text, message) = (rule.text_or_empty("rule"), rule.text_or_empty("message"));
        if text.trim().is_empty() {
            required(rule, "rule", report);
        } else if let Err(fault) = cel::check_rule(text, schema, is_root) {
            report.invalid_field(rule, "rule", format!("does not compile: {fault}"));
        }
        if message.trim().contains('\n') {
            report.invalid_field(rule, "message", "must be one line");
        } else if text.trim().contains('\n') && message.trim().is_empty() {
            required(rule, "message", report);
        }
        exactly_one_of(rule, "reason", &REASONS, report);
    }
    for Entry { value, .. } in schema.map("properties") {
        rules(value, false, report);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = schema.field(key).filter(|it| it.as_mapping().is_some()) {
            rules(inner, false, report);
        }
    }
}
