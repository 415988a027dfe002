//! Common checks of fields.

use crate::validate::fault::{Report, class};
use crate::validate::json::{Fields, Json, integer};
use crate::validate::names::{self, NameRule};
use crate::validate::quantity::Quantity;
use pleach_yaml::Node;

/// Checks an enumeration; an empty value gets its default.
pub(super) fn one_of<'a>(node: &'a Node, key: &str, allowed: &[&str], report: &mut Report<'a>) {
    if let Some(value) = node.field(key)
        && !matches!(value.as_str(), Some(text) if text.is_empty() || allowed.contains(&text))
    {
        report.unsupported(value, allowed);
    }
}

/// Checks an enumeration; an empty value is invalid.
pub(super) fn exactly_one_of<'a>(
    node: &'a Node,
    key: &str,
    allowed: &[&str],
    report: &mut Report<'a>,
) {
    if let Some(value) = node.field(key)
        && !value.as_str().is_some_and(|it| allowed.contains(&it))
    {
        report.unsupported(value, allowed);
    }
}

/// Checks the range of a number, if it is set.
pub(super) fn within<'a>(node: &'a Node, key: &str, min: i64, max: i64, report: &mut Report<'a>) {
    if let Some(value) = node.integer(key)
        && !(min..=max).contains(&value)
    {
        let message = match max {
            i64::MAX => format!("must be at least {min}"),
            _ => format!("must be from {min} to {max}"),
        };
        report.invalid_field(node, key, message);
    }
}

/// Checks that numbers are not negative, if they are set.
pub(super) fn not_negative<'a>(node: &'a Node, keys: &[&str], report: &mut Report<'a>) {
    for key in keys {
        within(node, key, 0, i64::MAX, report);
    }
}

/// Checks a name, unless it is empty.
pub(super) fn name<'a>(node: &'a Node, key: &str, rule: NameRule, report: &mut Report<'a>) {
    let text = node.text_or_empty(key);
    if let Some(message) = rule(text).filter(|_| !text.is_empty()) {
        report.invalid_field(node, key, message);
    }
}

/// Checks a required name.
pub(super) fn required_name<'a>(
    node: &'a Node,
    key: &str,
    rule: NameRule,
    report: &mut Report<'a>,
) {
    if node.text_or_empty(key).is_empty() {
        required(node, key, report);
    } else {
        name(node, key, rule, report);
    }
}

/// Checks a required field, unless already reported.
pub(super) fn required<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    let is_reported = report.faults.iter().any(|it| {
        std::ptr::eq(it.at, node)
            && it.below.len() == 1
            && it.class == class::MISSING_FIELD
            && matches!(it.below.first(), Some(pleach_yaml::Step::Key(name)) if &**name == key)
    });
    if !is_reported {
        report.required(node, key);
    }
}

/// Checks each item of a list of strings.
pub(super) fn each<'a>(node: &'a Node, key: &str, rule: NameRule, report: &mut Report<'a>) {
    for item in node.list(key) {
        if let Some(message) = rule(text_of(item)) {
            report.invalid(item, message);
        }
    }
}

/// The text of a string; empty for null.
pub(super) fn text_of(node: &Node) -> &str {
    match node.is_null() {
        true => "",
        false => node.as_str().unwrap_or(""),
    }
}

pub(super) const PORT_WORDS: &str = "must be a port from 1 to 65535";

/// Whether a number is a port.
pub(super) fn is_port(number: i64) -> bool {
    (1..=65535).contains(&number)
}

/// Checks a port number or name.
pub(super) fn port_or_name<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    match node.field(key).map(Json::from_node) {
        Some(Json::String(text)) => {
            if let Some(message) = names::port_name(text) {
                report.invalid_field(node, key, message);
            }
        }
        _ => {
            if !is_port(node.integer(key).unwrap_or(0)) {
                report.invalid_field(node, key, PORT_WORDS);
            }
        }
    }
}

/// The number of a percentage.
pub(super) fn percent(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    let holds = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    holds.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// Checks a non-negative number or a percentage.
pub(super) fn count_or_percent<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    let Some(value) = node.field(key) else { return };
    match Json::from_node(value) {
        Json::String(text) if percent(text).is_none() => {
            report.invalid(value, "must be a number or a percentage such as `25%`");
        }
        Json::Int(number) if number < 0 => report.invalid(value, "must not be negative"),
        _ => {}
    }
}

/// Checks that a percentage is at most 100.
pub(super) fn at_most_all<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    let text = node.field(key).and_then(Node::as_str).unwrap_or("");
    if percent(text).is_some_and(|it| it > 100) {
        report.invalid_field(node, key, "must be at most 100%");
    }
}

/// The number of a count or percentage, or the default if it is missing.
pub(super) fn count(node: Option<&Node>, key: &str, default: i64) -> i64 {
    let Some(value) = node.and_then(|it| it.field(key)) else {
        return default;
    };
    match Json::from_node(value) {
        Json::String(text) => percent(text).or_else(|| text.parse().ok()).unwrap_or(0),
        _ => integer(value).unwrap_or(0),
    }
}

/// The quantity of a field.
pub(super) fn quantity(node: &Node, key: &str) -> Option<Quantity> {
    quantity_of(node.field(key)?)
}

/// The quantity of a value.
pub(super) fn quantity_of(value: &Node) -> Option<Quantity> {
    match Json::from_node(value) {
        Json::Null => Some(Quantity::default()),
        Json::Int(number) => i64::try_from(number).ok().map(Quantity::from_integer),
        _ => Quantity::parse(value.as_str()?),
    }
}

/// The fields that are set.
pub(super) fn set<'k>(node: &Node, keys: &[&'k str]) -> Vec<&'k str> {
    let set = keys.iter().filter(|it| node.field(it).is_some());
    set.copied().collect()
}

/// The spec of an object, which is required.
pub(super) fn spec_of<'a>(object: &'a Node, report: &mut Report<'a>) -> Option<&'a Node> {
    let spec = object.field("spec");
    if spec.is_none() {
        required(object, "spec", report);
    }
    spec
}

/// A relative path without `..`.
pub(super) fn relative_path<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    if node.text_or_empty(key).starts_with('/') {
        report.invalid_field(node, key, "must be a relative path");
    }
    no_steps_back(node, key, report);
}

pub(super) fn no_steps_back<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    if node.text_or_empty(key).split('/').any(|it| it == "..") {
        report.invalid_field(node, key, "must not contain `..`");
    }
}
