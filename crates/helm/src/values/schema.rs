//! Validation by `values.schema.json`, with Helm's messages.
//!
//! Helm uses the Go library of santhosh-tekuri; boon is a port by the same author, with the same structure of errors. The messages
//! differ, so those of the Go library are created here.

use std::cell::RefCell;
use std::error::Error;
use std::fmt::Write;
use std::rc::Rc;

use boon::{
    CompileError, Compiler, ErrorKind, InstanceToken, SchemaIndex, Schemas, UrlLoader,
    ValidationError,
};
use serde_json::{Number, Value as Json};

use crate::go::strconv;
use crate::go::url::Url;

/// The address of a chart's schema in messages.
const URL: &str = "file:///values.schema.json";

/// The result of validating values.
pub(crate) struct Validation {
    /// Helm's message about violations; `None` if there are none.
    pub(crate) message: Option<String>,
    /// The URLs of external schemas that the schema refers to. They are not loaded, so values are not checked against them.
    pub(crate) external_schemas: Vec<String>,
}

/// Validates values against a schema (Helm, `ValidateAgainstSingleSchema`).
pub(crate) fn validate(values: &Json, schema: &[u8]) -> Validation {
    let loader = RecordingLoader::default();
    let result = check(values, schema, &loader);
    let external_schemas: Vec<String> = loader.0.take();
    let message = match result {
        Ok(()) => None,
        // A fragment of an external schema cannot be resolved. That is not an error of the values.
        Err(Fault::Schema(_)) if !external_schemas.is_empty() => None,
        Err(Fault::Schema(text) | Fault::Values(text)) => Some(text),
    };
    Validation {
        message,
        external_schemas,
    }
}

enum Fault {
    /// The schema itself is invalid.
    Schema(String),
    /// The values violate the schema.
    Values(String),
}

fn check(values: &Json, schema: &[u8], loader: &RecordingLoader) -> Result<(), Fault> {
    let (schemas, index) = compile(schema, loader)?;
    schemas.validate(values, index).map_err(|error| {
        let text = error_text(&error);
        let head = format!("jsonschema validation failed with '{URL}#'\n");
        let text = text.strip_prefix(&head).unwrap_or(&text);
        Fault::Values(format!("{text}\n"))
    })
}

fn compile(schema: &[u8], loader: &RecordingLoader) -> Result<(Schemas, SchemaIndex), Fault> {
    let schema: Json = serde_json::from_slice(schema).map_err(|error| {
        Fault::Schema(match error.classify() {
            serde_json::error::Category::Eof => "unexpected EOF".to_string(),
            _ if error.to_string().starts_with("trailing characters") => {
                "invalid character after top-level value".to_string()
            }
            _ => error.to_string(),
        })
    })?;
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(loader.clone()));
    let compile_fault = |error: CompileError| Fault::Schema(compile_error_text(&error));
    compiler.add_resource(URL, schema).map_err(compile_fault)?;
    let mut schemas = Schemas::new();
    let index = compiler.compile(URL, &mut schemas).map_err(compile_fault)?;
    Ok((schemas, index))
}

/// A violation of a schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaFault {
    /// The path of the value: keys and indexes.
    pub path: Vec<String>,
    /// The message in terms of JSON Schema: `got string, want integer`.
    pub message: String,
}

/// All violations of a schema. References to external schemas are not checked, and an invalid schema has no violations.
pub(crate) fn faults(values: &Json, schema: &[u8]) -> Vec<SchemaFault> {
    let Ok((schemas, index)) = compile(schema, &RecordingLoader::default()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if let Err(error) = schemas.validate(values, index) {
        add_faults(&error, &mut found);
    }
    found.sort();
    found.dedup();
    found
}

fn add_faults(error: &ValidationError<'_, '_>, found: &mut Vec<SchemaFault>) {
    let is_choice = matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_));
    if !error.causes.is_empty() && !is_choice {
        return error.causes.iter().for_each(|it| add_faults(it, found));
    }
    let mut branches = Vec::new();
    error
        .causes
        .iter()
        .for_each(|it| add_faults(it, &mut branches));
    let path = path_of(error);
    if branches.is_empty() {
        return match &error.kind {
            ErrorKind::AdditionalProperties { got } => {
                for key in got {
                    let mut path = path.clone();
                    path.push(key.to_string());
                    let message = format!("additional property {} not allowed", quote(key));
                    found.push(SchemaFault { path, message });
                }
            }
            kind => found.push(SchemaFault {
                path,
                message: message(kind),
            }),
        };
    }
    // A single violation below all branches is more precise than the choice itself.
    let deepest = branches.iter().map(|it| &it.path).max_by_key(|it| it.len());
    let deepest = deepest.cloned().unwrap_or_default();
    let path = match branches.iter().all(|it| deepest.starts_with(&it.path)) {
        true => deepest,
        false => path,
    };
    let mut messages: Vec<String> = branches.into_iter().map(|it| it.message).collect();
    messages.dedup();
    found.push(SchemaFault {
        path,
        message: messages.join(", or "),
    });
}

fn path_of(error: &ValidationError<'_, '_>) -> Vec<String> {
    let tokens = error.instance_location.tokens.iter();
    let token = |it: &InstanceToken<'_>| match it {
        InstanceToken::Prop(key) => key.to_string(),
        InstanceToken::Item(at) => at.to_string(),
    };
    tokens.map(token).collect()
}

/// A loader that loads nothing and records the requested addresses, because a chart must not access the network or the file system.
/// A reference to a file is an error: Helm does not look for it in the chart, but in the root of the file system.
#[derive(Clone, Default)]
struct RecordingLoader(Rc<RefCell<Vec<String>>>);

impl UrlLoader for RecordingLoader {
    fn load(&self, url: &str) -> Result<Json, Box<dyn Error>> {
        if let Some(path) = url.strip_prefix("file://") {
            let decoded = Url::parse(path.as_bytes()).map(|it| it.path);
            let path = decoded.unwrap_or_else(|_| path.as_bytes().to_vec());
            let path = String::from_utf8_lossy(&path);
            return Err(format!("open {path}: no such file or directory").into());
        }
        self.0.borrow_mut().push(url.to_string());
        Ok(Json::Bool(true))
    }
}

fn compile_error_text(error: &CompileError) -> String {
    match error {
        CompileError::ValidationError { url, src } => {
            format!(
                "\"{url}\" is not valid against metaschema: {}",
                error_text(src)
            )
        }
        CompileError::LoadUrlError { url, src } => {
            format!("failing loading {}: {src}", strconv::quote(url.as_bytes()))
        }
        CompileError::JsonPointerNotFound(url) => format!("json-pointer in \"{url}\" not found"),
        error => error.to_string(),
    }
}

fn error_text(error: &ValidationError<'_, '_>) -> String {
    let mut text = String::new();
    write_error(&mut text, error, 0, false);
    text
}

/// Writes an error and its causes as an indented list (Go, `ValidationError.display`). Below a property name (`inside_name`),
/// errors have no location.
fn write_error(out: &mut String, error: &ValidationError<'_, '_>, depth: usize, inside_name: bool) {
    let is_plain_reference =
        error.causes.len() == 1 && matches!(error.kind, ErrorKind::Reference { .. });
    let inside_name = inside_name || matches!(error.kind, ErrorKind::PropertyName { .. });
    let inner = match is_plain_reference {
        true => depth,
        false => {
            let tokens = error.instance_location.tokens.len();
            let location = location_of(error, tokens, inside_name);
            write_line(out, &error.kind, depth, &location, &message(&error.kind));
            depth + 1
        }
    };
    for cause in &error.causes {
        let omitted = omitted_keywords(error, cause);
        for (at, (tokens, message)) in omitted.iter().enumerate() {
            let location = location_of(cause, *tokens, inside_name);
            write_line(out, &cause.kind, inner + at, &location, message);
        }
        write_error(out, cause, inner + omitted.len(), inside_name);
    }
}

/// The location of the value that contains the invalid one, by the length of its path.
fn location_of(error: &ValidationError<'_, '_>, tokens: usize, inside_name: bool) -> String {
    if inside_name {
        return String::new();
    }
    let all = error.instance_location.to_string();
    // A `/` in a key is escaped.
    let end = all.match_indices('/').nth(tokens).map(|it| it.0);
    all.get(..end.unwrap_or(all.len()))
        .unwrap_or("")
        .to_string()
}

fn write_line(
    out: &mut String,
    kind: &ErrorKind<'_, '_>,
    depth: usize,
    location: &str,
    message: &str,
) {
    if depth > 0 {
        let _ = write!(out, "\n{}- ", "  ".repeat(depth - 1));
    }
    if matches!(kind, ErrorKind::Schema { .. }) {
        out.push_str(message);
        return;
    }
    let _ = write!(out, "at {}: {message}", quote(location));
}

/// The `allOf`, `anyOf` and `oneOf` between an error and its cause that boon omits because only one of their schemas failed; the Go
/// library always has them. Each with the length of the path of its value, and its message.
fn omitted_keywords(
    parent: &ValidationError<'_, '_>,
    cause: &ValidationError<'_, '_>,
) -> Vec<(usize, &'static str)> {
    let outer = match parent.kind {
        ErrorKind::Schema { url } | ErrorKind::Reference { url, .. } => url,
        _ => parent.schema_url,
    };
    let Some(below) = cause.schema_url.strip_prefix(outer) else {
        return Vec::new();
    };
    let mut omitted = Vec::new();
    let mut tokens = parent.instance_location.tokens.len();
    let mut parts = below.split('/').skip(1).peekable();
    while let Some(keyword) = parts.next() {
        let is_index = |it: &&str| it.bytes().all(|it| it.is_ascii_digit());
        match keyword {
            "allOf" | "anyOf" | "oneOf" => {
                parts.next();
                omitted.push((tokens, failed(keyword)));
            }
            "properties" | "patternProperties" | "prefixItems" => {
                parts.next();
                tokens += 1;
            }
            "items" => {
                parts.next_if(is_index);
                tokens += 1;
            }
            "additionalProperties"
            | "additionalItems"
            | "unevaluatedProperties"
            | "unevaluatedItems"
            | "contains" => tokens += 1,
            "dependentSchemas" | "dependencies" | "definitions" | "$defs" => {
                parts.next();
            }
            _ => {}
        }
    }
    // The first one is the parent itself.
    let is_choice = matches!(
        parent.kind,
        ErrorKind::AllOf | ErrorKind::AnyOf | ErrorKind::OneOf(_)
    );
    omitted.drain(..usize::from(is_choice && !omitted.is_empty()));
    omitted
}

fn failed(keyword: &str) -> &'static str {
    match keyword {
        "allOf" => "'allOf' failed",
        "anyOf" => "'anyOf' failed",
        _ => "'oneOf' failed, none matched",
    }
}

/// The message of the Go library (`kind.*.LocalizedString`).
fn message(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Schema { url } => format!("jsonschema validation failed with {}", quote(url)),
        ErrorKind::Group | ErrorKind::Reference { .. } => "validation failed".to_string(),
        ErrorKind::Not => "'not' failed".to_string(),
        ErrorKind::AllOf => failed("allOf").to_string(),
        ErrorKind::AnyOf => failed("anyOf").to_string(),
        ErrorKind::OneOf(None) => failed("oneOf").to_string(),
        ErrorKind::OneOf(Some((a, b))) => {
            format!("'oneOf' failed, subschemas {a}, {b} matched")
        }
        ErrorKind::FalseSchema => "false schema".to_string(),
        ErrorKind::Type { got, want } => {
            let want: Vec<String> = want.iter().map(|it| it.to_string()).collect();
            format!("got {got}, want {}", want.join(" or "))
        }
        ErrorKind::Enum { want } if want.iter().all(is_primitive) => {
            let allowed: Vec<String> = want.iter().map(display).collect();
            match &*allowed {
                [one] => format!("value must be {one}"),
                all => format!("value must be one of {}", all.join(", ")),
            }
        }
        ErrorKind::Enum { .. } => "'enum' failed".to_string(),
        ErrorKind::Const { want } if is_primitive(want) => {
            format!("value must be {}", display(want))
        }
        ErrorKind::Const { .. } => "'const' failed".to_string(),
        ErrorKind::Format { got, want, err } => {
            format!("{} is not valid {want}: {err}", display(got))
        }
        ErrorKind::Pattern { got, want } => {
            format!("{} does not match pattern {}", quote(got), quote(want))
        }
        ErrorKind::ContentSchema => "'contentSchema' failed".to_string(),
        ErrorKind::ContentEncoding { want, err } => {
            format!("value is not {} encoded: {err}", quote(want))
        }
        ErrorKind::ContentMediaType { want, err, .. } => {
            format!("value if not of mediatype {}: {err}", quote(want))
        }
        ErrorKind::RefCycle {
            url,
            kw_loc1,
            kw_loc2,
        } => {
            format!("both {kw_loc1} and {kw_loc2} resolve to {url:?} causing reference cycle")
        }
        kind => collection_message(kind),
    }
}

fn collection_message(kind: &ErrorKind<'_, '_>) -> String {
    let counts = |name: &str, got: usize, want: usize| {
        format!("{name}: got {}, want {}", grouped(got), grouped(want))
    };
    let required = |missing: &[&str], prop: &str| {
        format!(
            "properties {} required, if {} exists",
            join_quoted(missing),
            quote(prop)
        )
    };
    match kind {
        ErrorKind::MinProperties { got, want } => counts("minProperties", *got, *want),
        ErrorKind::MaxProperties { got, want } => counts("maxProperties", *got, *want),
        ErrorKind::MinItems { got, want } => counts("minItems", *got, *want),
        ErrorKind::MaxItems { got, want } => counts("maxItems", *got, *want),
        ErrorKind::MinLength { got, want } => counts("minLength", *got, *want),
        ErrorKind::MaxLength { got, want } => counts("maxLength", *got, *want),
        ErrorKind::AdditionalItems { got } => {
            format!("last {} additionalItem(s) not allowed", grouped(*got))
        }
        ErrorKind::Required { want } => match &**want {
            [one] => format!("missing property {}", quote(one)),
            all => format!("missing properties {}", join_quoted(all)),
        },
        ErrorKind::Dependency { prop, missing }
        | ErrorKind::DependentRequired { prop, missing } => required(missing, prop),
        ErrorKind::AdditionalProperties { got } => {
            let got: Vec<&str> = got.iter().map(|it| &**it).collect();
            format!("additional properties {} not allowed", join_quoted(&got))
        }
        ErrorKind::PropertyName { prop } => format!("invalid propertyName {}", quote(prop)),
        ErrorKind::UniqueItems { got: [a, b] } => {
            format!("items at {} and {} are equal", grouped(*a), grouped(*b))
        }
        ErrorKind::Contains => "no items match contains schema".to_string(),
        ErrorKind::MinContains { got, want } if got.is_empty() => {
            format!("min {want} items required to match contains schema, but none matched")
        }
        ErrorKind::MinContains { got, want } => contains("min", got, *want),
        ErrorKind::MaxContains { got, want } => contains("max", got, *want),
        kind => number_message(kind),
    }
}

fn contains(name: &str, got: &[usize], want: usize) -> String {
    let indexes: Vec<String> = got.iter().map(usize::to_string).collect();
    format!(
        "{name} {want} items required to match contains schema, but matched {} items at {}",
        got.len(),
        indexes.join(" ")
    )
}

fn number_message(kind: &ErrorKind<'_, '_>) -> String {
    let numbers = |name: &str, got: &Number, want: &Number| {
        format!("{name}: got {}, want {}", localized(got), localized(want))
    };
    match kind {
        ErrorKind::Minimum { got, want } => numbers("minimum", got, want),
        ErrorKind::Maximum { got, want } => numbers("maximum", got, want),
        ErrorKind::ExclusiveMinimum { got, want } => numbers("exclusiveMinimum", got, want),
        ErrorKind::ExclusiveMaximum { got, want } => numbers("exclusiveMaximum", got, want),
        ErrorKind::MultipleOf { got, want } => numbers("multipleOf", got, want),
        _ => "validation failed".to_string(),
    }
}

fn is_primitive(json: &Json) -> bool {
    !json.is_array() && !json.is_object()
}

fn display(json: &Json) -> String {
    match json {
        Json::Null => "<nil>".to_string(),
        Json::String(text) => quote(text),
        Json::Array(_) | Json::Object(_) => "value".to_string(),
        json => json.to_string(),
    }
}

/// Go's `%q` in single quotes.
fn quote(text: &str) -> String {
    let quoted = strconv::quote(text.as_bytes());
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or("");
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}

fn join_quoted(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|it| quote(it)).collect();
    quoted.join(", ")
}

/// A count with a comma between thousands.
fn grouped(number: usize) -> String {
    group_digits(&number.to_string())
}

fn group_digits(digits: &str) -> String {
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number as printed by `golang.org/x/text/message` in English: `65,535`, `1.5×10⁰⁶`.
fn localized(number: &Number) -> String {
    let value = number.as_f64().unwrap_or(0.0);
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let superscript = |digit: char| match digit {
            '0' => '⁰',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
        };
        let sign = if exponent < 0 { "⁻" } else { "" };
        let digits = format!("{:02}", exponent.abs());
        let power: String = digits.chars().map(superscript).collect();
        return format!("{mantissa}×10{sign}{power}");
    }
    let plain = format!("{}", value.abs());
    let (whole, rest) = plain
        .split_once('.')
        .map_or((&*plain, None), |(a, b)| (a, Some(b)));
    let sign = if value < 0.0 { "-" } else { "" };
    let rest = rest.map_or(String::new(), |it| format!(".{it}"));
    format!("{sign}{}{rest}", group_digits(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(schema: &str, values: &str) -> String {
        let values: Json = serde_json::from_str(values).unwrap();
        validate(&values, schema.as_bytes())
            .message
            .unwrap_or_default()
    }

    /// Each text was printed by Helm 3.19.
    #[test]
    fn messages_are_those_of_helm() {
        for (schema, value, expected) in [
            (
                r#"{"maximum":65535}"#,
                "70000",
                "- at '/a': maximum: got 70,000, want 65,535\n",
            ),
            (
                r#"{"maximum":65535}"#,
                "1234567.25",
                "- at '/a': maximum: got 1.23456725×10⁰⁶, want 65,535\n",
            ),
            (
                r#"{"maximum":65535}"#,
                "65535.5",
                "- at '/a': maximum: got 65,535.5, want 65,535\n",
            ),
            (
                r#"{"minimum":1}"#,
                "-1000.5",
                "- at '/a': minimum: got -1,000.5, want 1\n",
            ),
            (
                r#"{"minimum":1}"#,
                "0.00001",
                "- at '/a': minimum: got 1×10⁻⁰⁵, want 1\n",
            ),
            (
                r#"{"minLength":3000}"#,
                r#""x""#,
                "- at '/a': minLength: got 1, want 3,000\n",
            ),
            (
                r#"{"enum":["x",1,1.5,null,true]}"#,
                "2",
                "- at '/a': value must be one of 'x', 1, 1.5, <nil>, true\n",
            ),
            (
                r#"{"pattern":"^a'\"b$"}"#,
                r#""xx'""#,
                "- at '/a': 'xx\\'' does not match pattern '^a\\'\"b$'\n",
            ),
            (
                r#"{"type":["string","null"]}"#,
                "1",
                "- at '/a': got number, want null or string\n",
            ),
            (
                r#"{"oneOf":[{"type":"string"},{"type":"boolean"}]}"#,
                "1",
                "- at '/a': 'oneOf' failed, none matched\n  - at '/a': got number, want string\n  - at '/a': got number, want boolean\n",
            ),
            (
                r#"{"allOf":[{"properties":{"x":{"items":{"anyOf":[{"required":["y"]}]}}}}]}"#,
                r#"{"x":[{}]}"#,
                "- at '/a': 'allOf' failed\n  - at '/a/x/0': 'anyOf' failed\n    - at '/a/x/0': missing property 'y'\n",
            ),
            (
                r#"{"oneOf":[{"oneOf":[{"type":"string"}]},{"type":"boolean"}]}"#,
                "1",
                "- at '/a': 'oneOf' failed, none matched\n  - at '/a': 'oneOf' failed, none matched\n    - at '/a': got number, want string\n  - at '/a': got number, want boolean\n",
            ),
            (
                r##"{"$ref":"#/definitions/q"}"##,
                "1.5",
                "- at '/a': got number, want integer\n",
            ),
            (
                r#"{"required":["x","y"]}"#,
                "{}",
                "- at '/a': missing properties 'x', 'y'\n",
            ),
            (
                r#"{"uniqueItems":true}"#,
                "[1,2,1]",
                "- at '/a': items at 0 and 2 are equal\n",
            ),
            ("false", "1", "- at '/a': false schema\n"),
        ] {
            let schema = format!(
                r#"{{"properties":{{"a":{schema}}},"definitions":{{"q":{{"type":"integer"}}}}}}"#
            );
            assert_eq!(
                fault(&schema, &format!(r#"{{"a":{value}}}"#)),
                expected,
                "{schema} {value}"
            );
        }
        assert_eq!(
            fault(r#"{"propertyNames":{"pattern":"^x"}}"#, r#"{"a":1}"#),
            "- at '': invalid propertyName 'a'\n  - at '': 'a' does not match pattern '^x'\n"
        );
        assert_eq!(fault(r#"{"type":"integer"}"#, "80.0"), "");
    }

    #[test]
    fn broken_schemas_are_faults() {
        assert_eq!(
            fault(r#"{"type":"nope"}"#, "{}"),
            "\"file:///values.schema.json#\" is not valid against metaschema: jsonschema validation failed with 'https://json-schema.org/draft/2020-12/schema#'\n- at '': 'allOf' failed\n  - at '/type': 'anyOf' failed\n    - at '/type': value must be one of 'array', 'boolean', 'integer', 'null', 'number', 'object', 'string'\n    - at '/type': got string, want array"
        );
        assert_eq!(fault("{", "{}"), "unexpected EOF");
        assert_eq!(
            fault(r##"{"$ref":"#/x"}"##, "{}"),
            "json-pointer in \"file:///values.schema.json#/x\" not found"
        );
    }

    #[test]
    fn files_are_faults() {
        let text = "failing loading \"file:///sub/a%20b.json\": open /sub/a b.json: no such file or directory";
        assert_eq!(fault(r#"{"$ref":"sub/a%20b.json"}"#, "{}"), text);
    }

    #[test]
    fn external_schemas_are_not_loaded() {
        let values = serde_json::json!({});
        let schema = br#"{"$ref":"https://example.com/s.json#/definitions/x"}"#;
        let validation = validate(&values, schema);
        assert_eq!(validation.message, None);
        assert_eq!(validation.external_schemas, ["https://example.com/s.json"]);
    }
}
