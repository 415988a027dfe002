//! The messages about invalid nodes.

use super::structural::{Format, Limits, Range, Schema, Types};
use super::trail::Trail;
use pleach_yaml::diag::{Class, Diagnostic, Edit, Span, nearest};
use pleach_yaml::{Kind, Mapping, Node, View, quote, resolve, unquote};

/// The maximum number of names that a label lists.
const NAMES_MAX: usize = 8;

pub(super) fn unknown_field(
    root: &str,
    (map, key): (&Mapping, &Node),
    schema: &Schema,
    trail: &Trail<'_>,
) -> Diagnostic {
    let name = key.as_str().unwrap_or("");
    let path = trail.key(key).path();
    let owner = subject(root, trail);
    let fault = Diagnostic::error("unknown-field", format!("unknown field `{path}`")).at(key);
    let known = schema.property_names();
    if let Some(field) = schema.field_of_alias(name) {
        return fault.label(format!("another name of `{field}`")).fix(
            format!("write `{field}`"),
            Edit::rename(key.span(), name, field),
        );
    }
    let label = if schema.properties.is_empty() {
        format!("`{owner}` has no fields")
    } else {
        format!("`{owner}` has {}", listed(known, "and"))
    };
    let fault = fault.label(label);
    // A field of another file is merged with this one.
    let is_set_here = |it: &&str| {
        let other = map.entry(it);
        other.is_some_and(|it| it.key.span().path() == key.span().path())
    };
    match nearest(name, schema.property_names()).filter(is_set_here) {
        Some(field) => fault.help(format!("`{field}` is already set here: remove this field")),
        None => fault.did_you_mean(name, schema.property_names()),
    }
}

pub(super) fn missing_field(
    root: &str,
    at: &Node,
    name: &str,
    schema: &Schema,
    trail: &Trail<'_>,
) -> Diagnostic {
    let key = Node::string(name);
    let path = trail.key(&key).path();
    let span = match trail.key_span() {
        Some(span) if at.as_mapping().is_some() => span.clone(),
        _ => head(at.span()),
    };
    // With a null, `at` is the key of the field.
    let message = match at.as_mapping() {
        Some(_) => format!("missing field `{path}`"),
        None => format!("field `{path}` has no value"),
    };
    let fault = Diagnostic::error("missing-field", message)
        .class(Class::MissingField)
        .at(span);
    let expected = schema.property(name).map_or("a value", expected_type);
    let fault = fault.label(format!(
        "`{}` requires `{name}`, {expected}",
        subject(root, trail)
    ));
    match schema.property(name).is_some_and(is_optional_throughout) {
        true => fault.help(format!("for its defaults, write `{name}: {{}}`")),
        false => fault,
    }
}

/// Whether a map has fields and requires none of them.
fn is_optional_throughout(schema: &Schema) -> bool {
    matches!(schema.types, Types::Object)
        && !schema.properties.is_empty()
        && schema.required.is_empty()
        && schema.limits.is_none()
        && schema.logic.is_none()
}

pub(super) fn wrong_type(
    root: &str,
    node: &Node,
    schema: &Schema,
    trail: &Trail<'_>,
) -> Diagnostic {
    let (expected, found) = (expected_type(schema), json_kind(node));
    let message = format!(
        "`{}` must be {expected}, found {}",
        subject(root, trail),
        found.description()
    );
    let fault = Diagnostic::error("wrong-type", message).at(head(node.span()));
    let text = node.as_str().unwrap_or("");
    let wants_number = matches!(schema.types, Types::Integer | Types::Number);
    let unquoted = resolve(text);
    match (schema.types, found) {
        // Quotes alone would not make it valid.
        (Types::String, Kind::Int | Kind::Float)
            if schema.format.is_amount() && !schema.format.holds(text) =>
        {
            fault.help(
                schema
                    .format
                    .advice(text)
                    .unwrap_or_else(|| format!("write {}", schema.format.description())),
            )
        }
        (Types::String, Kind::Int | Kind::Float | Kind::Bool) if schema.example.is_some() => {
            let example = schema.example.as_ref().and_then(Node::as_str);
            fault.help(format!("use a string such as `{}`", example.unwrap_or("")))
        }
        (Types::String, Kind::Int | Kind::Float | Kind::Bool) if !fits(text, schema) => {
            fault.help(format!("write {}", allowed_words(schema)))
        }
        (Types::String, Kind::Int | Kind::Float | Kind::Bool) => {
            fault.fix(format!("write it in quotes: `\"{text}\"`"), quote(node))
        }
        (_, Kind::String)
            if wants_number && matches!(unquoted, Kind::Int | Kind::Float)
                || schema.types == Types::Boolean && unquoted == Kind::Bool =>
        {
            fault.fix(format!("write it without quotes: `{text}`"), unquote(node))
        }
        // Words that are booleans in YAML 1.1.
        (Types::Boolean, Kind::String)
            if matches!(&*text.to_ascii_lowercase(), "yes" | "on" | "y") =>
        {
            fault.fix("write `true`", Edit::rename(node.span(), text, "true"))
        }
        (Types::Boolean, Kind::String)
            if matches!(&*text.to_ascii_lowercase(), "no" | "off" | "n") =>
        {
            fault.fix("write `false`", Edit::rename(node.span(), text, "false"))
        }
        _ => fault,
    }
}

/// Whether a text would be accepted, so that it can be suggested.
fn fits(text: &str, schema: &Schema) -> bool {
    let limits = schema.limits.as_deref();
    let pattern = limits.and_then(|it| it.pattern.as_ref());
    let one_of = schema.allowed_values();
    let is_allowed = one_of.is_empty() || one_of.iter().any(|it| it.as_str() == Some(text));
    is_allowed && schema.format.holds(text) && pattern.is_none_or(|it| it.matches(text))
}

fn allowed_words(schema: &Schema) -> String {
    let pattern = schema.limits.as_deref().and_then(|it| it.pattern.as_ref());
    match (schema.allowed_values(), pattern) {
        ([], Some(pattern)) if schema.format == Format::None => {
            format!("a string that matches the pattern `{}`", pattern.text())
        }
        ([], _) => schema.format.description().to_string(),
        (allowed, _) => listed(allowed.iter().filter_map(Node::as_str), "or"),
    }
}

/// The error for an invalid value of the right type.
pub(super) fn invalid(root: &str, node: &Node, expected: &str, trail: &Trail<'_>) -> Diagnostic {
    let message = format!(
        "`{}` must be {expected}, found {}",
        subject(root, trail),
        display_value(node)
    );
    Diagnostic::error("invalid-value", message).at(head(node.span()))
}

pub(super) fn not_allowed(
    root: &str,
    node: &Node,
    allowed: &[Node],
    trail: &Trail<'_>,
) -> Diagnostic {
    let names = || allowed.iter().filter_map(Node::as_str);
    let message = format!(
        "invalid value of `{}`: {}",
        subject(root, trail),
        display_value(node)
    );
    Diagnostic::error("invalid-value", message)
        .at(head(node.span()))
        .label(format!("expected {}", listed(names(), "or")))
        .did_you_mean(node.as_str().unwrap_or(""), names())
}

pub(super) fn wrong_size(
    root: &str,
    node: &Node,
    size: usize,
    range: Range,
    what: &str,
    trail: &Trail<'_>,
) -> Diagnostic {
    let expected = match (range.min, range.max) {
        (Some(min), _) if size < min => ("at least", min),
        (_, max) => ("at most", max.unwrap_or(size)),
    };
    let plural = if expected.1 == 1 { "" } else { "s" };
    let message = format!(
        "`{}` must have {} {} {what}{plural}, found {size}",
        subject(root, trail),
        expected.0,
        expected.1
    );
    Diagnostic::error("invalid-value", message).at(head(node.span()))
}

pub(super) fn duplicate_item(
    root: &str,
    item: &Node,
    first: &Node,
    which: &str,
    trail: &Trail<'_>,
) -> Diagnostic {
    let message = format!("duplicate item `{}`", subject(root, trail));
    Diagnostic::error("invalid-value", message)
        .at(head(item.span()))
        .label(which.to_owned())
        .related(head(first.span()), "first defined here")
}

pub(super) fn no_branch(
    root: &str,
    node: &Node,
    branches: &[Schema],
    trail: &Trail<'_>,
) -> Diagnostic {
    match required_names(branches) {
        Some(names) => branch_fault(root, node, &format!("needs {}", listed(names, "or")), trail),
        None => branch_fault(root, node, "matches none of the allowed forms", trail),
    }
}

pub(super) fn several_branches(
    root: &str,
    node: &Node,
    branches: &[Schema],
    trail: &Trail<'_>,
) -> Diagnostic {
    match required_names(branches) {
        Some(names) => {
            let message = format!("can have only one of {}", listed(names, "and"));
            branch_fault(root, node, &message, trail)
        }
        None => branch_fault(
            root,
            node,
            "matches several forms, but only one is allowed",
            trail,
        ),
    }
}

pub(super) fn forbidden(root: &str, node: &Node, trail: &Trail<'_>) -> Diagnostic {
    branch_fault(root, node, "matches a form that is not allowed", trail)
}

fn branch_fault(root: &str, node: &Node, message: &str, trail: &Trail<'_>) -> Diagnostic {
    let span = match (trail.key_span(), node.view()) {
        (Some(span), View::Mapping(_) | View::Sequence(_)) => span.clone(),
        _ => head(node.span()),
    };
    Diagnostic::error(
        "invalid-value",
        format!("`{}` {message}", subject(root, trail)),
    )
    .at(span)
}

/// The fields of which each branch requires one, if the branches contain nothing else.
fn required_names(branches: &[Schema]) -> Option<Vec<&str>> {
    let name = |branch: &'_ Schema| branch.required.len() == 1;
    branches.iter().all(name).then(|| {
        let names = branches.iter().flat_map(|it| it.required.iter());
        names.map(|it| &**it).collect()
    })
}

pub(super) fn range_words(limits: &Limits, open_min: bool, open_max: bool) -> String {
    let min = limits.minimum.map(|it| match open_min {
        true => format!("greater than {it}"),
        false => format!("at least {it}"),
    });
    let max = limits.maximum.map(|it| match open_max {
        true => format!("less than {it}"),
        false => format!("at most {it}"),
    });
    let both: Vec<String> = min.into_iter().chain(max).collect();
    both.join(" and ")
}

fn expected_type(schema: &Schema) -> &'static str {
    match schema.types {
        Types::Any => "a value",
        Types::Object => Kind::Mapping.description(),
        Types::Array => Kind::Sequence.description(),
        Types::String => Kind::String.description(),
        Types::Integer => Kind::Int.description(),
        Types::Number => Kind::Float.description(),
        Types::Boolean => "`true` or `false`",
        Types::IntOrString => "an integer or a string",
        Types::Quantity => "a quantity such as `500m` or `10Gi`",
    }
}

/// The field, or the name of the whole document.
fn subject(root: &str, trail: &Trail<'_>) -> String {
    let path = trail.path();
    if path.is_root() {
        root.to_owned()
    } else {
        path.to_string()
    }
}

/// A value, short enough for a message.
fn display_value(node: &Node) -> String {
    match node.view() {
        View::Scalar(text) => {
            let start: String = text.chars().take(60).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("`{}{more}`", start.escape_debug())
        }
        _ => json_kind(node).description().to_owned(),
    }
}

/// `` `a`, `b` and `c` ``.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let names: Vec<String> = names.into_iter().map(|it| format!("`{it}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., end] if names.len() <= NAMES_MAX => format!("{} {last} {end}", most.join(", ")),
        _ => {
            let first = names.iter().take(NAMES_MAX).cloned();
            let first: Vec<String> = first.collect();
            format!("{} and {} more", first.join(", "), names.len() - NAMES_MAX)
        }
    }
}

/// The first line of a span, because a multi-line map or list is marked at its beginning.
fn head(span: &Span) -> Span {
    let length = span.text().find('\n').unwrap_or(span.range().len());
    Span::new(
        span.source(),
        span.range().start..span.range().start + length,
    )
}

/// The type of a scalar in JSON, where dates and binary data are strings.
pub(super) fn json_kind(node: &Node) -> Kind {
    match node.kind() {
        Kind::Timestamp | Kind::Binary => Kind::String,
        kind => kind,
    }
}
