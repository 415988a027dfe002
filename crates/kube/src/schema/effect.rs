//! Reports keywords of a claim kind's schema that cannot have an effect, and constraints that no value satisfies.

use super::faults::json_kind;
use super::parse::schema_fault;
use super::structural::{Additional, Flags, Limits, ListType, Range, Schema, Types};
use pleach_yaml::diag::Diagnostic;
use pleach_yaml::{Kind, Mapping, Node};

/// Reports mistakes in one level of a schema. In a branch of `allOf` and similar keywords, the fields may be declared outside of it.
pub(super) fn check(keywords: &Mapping, schema: &Schema, is_branch: bool) -> Vec<Diagnostic> {
    let mut faults: Vec<Diagnostic> = keywords
        .iter()
        .filter_map(|it| other_type(&it.key, schema))
        .collect();
    faults.extend(limits(keywords, schema));
    faults.extend(allowed_values(keywords, schema));
    faults.extend(map_keys(keywords, schema));
    if !is_branch {
        faults.extend(required(keywords, schema));
    }
    faults
}

/// The error for a keyword that has no effect on values of the schema's type.
fn other_type(key: &Node, schema: &Schema) -> Option<Diagnostic> {
    let word = key.as_str()?;
    let (is_right, needed) = match word {
        "minLength" | "maxLength" | "pattern" => {
            let has_text = matches!(schema.types, Types::String | Types::Quantity);
            (has_text || schema.types == Types::IntOrString, "strings")
        }
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            let has_number = matches!(schema.types, Types::Integer | Types::Number);
            let may_be_number = matches!(schema.types, Types::IntOrString | Types::Quantity);
            (has_number || may_be_number, "numbers")
        }
        "items"
        | "minItems"
        | "maxItems"
        | "uniqueItems"
        | "x-kubernetes-list-type"
        | "x-kubernetes-list-map-keys" => (schema.types == Types::Array, "lists"),
        "properties" | "additionalProperties" | "required" | "minProperties" | "maxProperties" => {
            (schema.types == Types::Object, "maps")
        }
        _ => return None,
    };
    if is_right || schema.types == Types::Any {
        return None;
    }
    let message = format!(
        "`{word}` has no effect on a field with `type: {}`",
        schema.type_name()
    );
    let fault = schema_fault(key, message);
    Some(fault.help(format!(
        "it applies to {needed}: correct the type, or remove it"
    )))
}

/// Bounds that no value satisfies.
fn limits(keywords: &Mapping, schema: &Schema) -> Vec<Diagnostic> {
    let Some(limits) = &schema.limits else {
        return Vec::new();
    };
    let is_empty = |it: Range| it.min.zip(it.max).is_some_and(|(min, max)| min > max);
    let sizes = [
        ("maxLength", limits.length),
        ("maxItems", limits.items),
        ("maxProperties", limits.properties),
    ];
    let empty = sizes.into_iter().filter(|it| is_empty(it.1)).map(|it| it.0);
    let mut words: Vec<&str> = empty.collect();
    if has_no_number(limits, schema.flags) {
        words.extend(["maximum", "exclusiveMaximum"]);
    }
    let at = |word: &str| keywords.entry(word).map(|it| &it.key);
    let at = words.into_iter().filter_map(at);
    let faults = at.map(|key| {
        let word = key.as_str().unwrap_or("");
        let message = format!("no value satisfies `{word}`, which is below the minimum");
        schema_fault(key, message).help("correct one of the two")
    });
    let step = keywords.get("multipleOf");
    let step = step.filter(|it| it.as_float().is_some_and(|it| it <= 0.0));
    let step = step.map(|it| schema_fault(it, "`multipleOf` must be a number above 0"));
    faults.chain(step).collect()
}

fn has_no_number(limits: &Limits, flags: Flags) -> bool {
    let is_open = flags.exclusive_minimum || flags.exclusive_maximum;
    let bounds = limits.minimum.zip(limits.maximum);
    bounds.is_some_and(|(min, max)| min > max || is_open && min >= max)
}

/// Values of `enum` that do not have the type of the field.
fn allowed_values(keywords: &Mapping, schema: &Schema) -> Vec<Diagnostic> {
    let Some(values) = keywords.get("enum").and_then(Node::as_sequence) else {
        return Vec::new();
    };
    if values.is_empty() {
        let at = keywords.entry("enum").map(|it| &it.key);
        let fault = at.map(|it| schema_fault(it, "no value satisfies an empty `enum`"));
        return fault.into_iter().collect();
    }
    let has_type = |kind: Kind| match schema.types {
        Types::String => kind == Kind::String,
        Types::Integer => kind == Kind::Int,
        Types::Number => matches!(kind, Kind::Int | Kind::Float),
        Types::Boolean => kind == Kind::Bool,
        Types::IntOrString => matches!(kind, Kind::Int | Kind::String),
        Types::Array => kind == Kind::Sequence,
        Types::Object => kind == Kind::Mapping,
        Types::Quantity => matches!(kind, Kind::Int | Kind::Float | Kind::String),
        Types::Any => true,
    };
    let is_wrong = |it: &&Node| !has_type(json_kind(it)) && !it.is_null();
    let wrong = values.iter().filter(is_wrong).map(|it| {
        let message = format!(
            "a value of `enum` does not have the type of the field, `{}`",
            schema.type_name()
        );
        let fault = schema_fault(it, message);
        match (schema.types, it.as_str()) {
            (Types::String, Some(text)) => fault.help(format!("write it in quotes: `\"{text}\"`")),
            _ => fault.help("correct the value or the type"),
        }
    });
    wrong.collect()
}

/// Keys of list items that the items do not have.
fn map_keys(keywords: &Mapping, schema: &Schema) -> Vec<Diagnostic> {
    const KEYS: &str = "x-kubernetes-list-map-keys";
    let Some(keys) = keywords.entry(KEYS) else {
        let list_type = keywords.get("x-kubernetes-list-type");
        let list_type = list_type.filter(|_| schema.list_type == ListType::Map);
        let fault = list_type.map(|it| {
            let fault = schema_fault(it, "a list of type `map` needs the keys of its items");
            fault.help(format!("add `{KEYS}: [name]`"))
        });
        return fault.into_iter().collect();
    };
    if schema.list_type != ListType::Map {
        let fault = schema_fault(&keys.key, format!("`{KEYS}` has no effect"));
        return vec![fault.help("add `x-kubernetes-list-type: map`, or remove it")];
    }
    let Some(items) = schema.items() else {
        return Vec::new();
    };
    let keys = keys.value.as_sequence().unwrap_or_default().iter();
    let unknown = keys.filter(|it| items.is_closed() && !may_have(items, it.as_str()));
    unknown.map(|it| unknown_property(it, items)).collect()
}

/// Required fields that a value cannot have.
fn required(keywords: &Mapping, schema: &Schema) -> Vec<Diagnostic> {
    let names = keywords.get("required").and_then(Node::as_sequence);
    let names = names.unwrap_or_default().iter();
    let is_map = matches!(schema.types, Types::Object | Types::Any);
    let unknown = names.filter(|it| is_map && schema.is_closed() && !may_have(schema, it.as_str()));
    unknown.map(|it| unknown_property(it, schema)).collect()
}

fn may_have(schema: &Schema, name: Option<&str>) -> bool {
    let is_open = matches!(schema.additional, Additional::Like(_));
    is_open || name.is_some_and(|it| schema.property(it).is_some())
}

fn unknown_property(name: &Node, schema: &Schema) -> Diagnostic {
    let text = name.as_str().unwrap_or("");
    let message = format!("`{text}` is not one of `properties`, so no value can have it");
    let fault = schema_fault(name, message).did_you_mean(text, schema.property_names());
    fault.help(format!("add `{text}` to `properties`, or remove it"))
}
