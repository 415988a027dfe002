//! Common checks of fields.

use crate::validate::fault::{Report, class};
use crate::validate::json::{Fields, Json, integer};
use crate::validate::names::{self, NameRule};
use crate::validate::quantity::Quantity;
use pleach_yaml::Node;

/// One of some words; an empty one gets its default.
pub(super) fn one_of<'a>(node: &'a Node, key: &str, allowed: &[&str], report: &mut Report<'a>) {
    if let Some(value) = node.field(key)
        && !matches!(value.as_str(), Some(text) if text.is_empty() || allowed.contains(&text))
    {
        report.unsupported(value, allowed);
    }
}

/// One of some words; an empty one is none.
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

/// A number within bounds, if there is one.
pub(super) fn within<'a>(node: &'a Node, key: &str, min: i64, max: i64, report: &mut Report<'a>) {
    if let Some(value) = node.integer(key)
        && !(min..=max).contains(&value)
    {
        let words = match max {
            i64::MAX => format!("must be at least {min}"),
            _ => format!("must be from {min} to {max}"),
        };
        report.invalid_field(node, key, words);
    }
}

/// A number that is not negative, if there is one.
pub(super) fn not_negative<'a>(node: &'a Node, keys: &[&str], report: &mut Report<'a>) {
    for key in keys {
        within(node, key, 0, i64::MAX, report);
    }
}

/// A name of some form, unless it is empty.
pub(super) fn name<'a>(node: &'a Node, key: &str, rule: NameRule, report: &mut Report<'a>) {
    let text = node.text_or_empty(key);
    if let Some(words) = rule(text).filter(|_| !text.is_empty()) {
        report.invalid_field(node, key, words);
    }
}

/// A name of some form that must be there.
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

/// A field that must be there, unless that was said already.
pub(super) fn required<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    let said = report.faults.iter().any(|it| {
        std::ptr::eq(it.at, node)
            && it.below.len() == 1
            && it.class == class::MISSING_FIELD
            && matches!(it.below.first(), Some(pleach_yaml::Step::Key(name)) if &**name == key)
    });
    if !said {
        report.required(node, key);
    }
}

/// Each item of a list of texts has a form.
pub(super) fn each<'a>(node: &'a Node, key: &str, rule: NameRule, report: &mut Report<'a>) {
    for item in node.list(key) {
        if let Some(words) = rule(text_of(item)) {
            report.invalid(item, words);
        }
    }
}

/// The text of a string; that of null is empty.
pub(super) fn text_of(node: &Node) -> &str {
    match node.is_null() {
        true => "",
        false => node.as_str().unwrap_or(""),
    }
}

pub(super) const PORT_WORDS: &str = "must be a port from 1 to 65535";

/// A number of a port.
pub(super) fn is_port(number: i64) -> bool {
    (1..=65535).contains(&number)
}

/// A port by its number or name.
pub(super) fn port_or_name<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    match node.field(key).map(Json::of) {
        Some(Json::String(text)) => {
            if let Some(words) = names::port_name(text) {
                report.invalid_field(node, key, words);
            }
        }
        _ => {
            if !is_port(node.integer(key).unwrap_or(0)) {
                report.invalid_field(node, key, PORT_WORDS);
            }
        }
    }
}

/// The number of percent, where a text is one.
pub(super) fn percent(text: &str) -> Option<i64> {
    let digits = text.strip_suffix('%')?;
    let holds = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    holds.then(|| digits.parse().unwrap_or(i64::MAX))
}

/// A number that is not negative, or percent.
pub(super) fn count_or_percent<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    let Some(value) = node.field(key) else { return };
    match Json::of(value) {
        Json::String(text) if percent(text).is_none() => {
            report.invalid(value, "must be a number or a percentage such as `25%`");
        }
        Json::Int(number) if number < 0 => report.invalid(value, "must not be negative"),
        _ => {}
    }
}

/// Percent, if it is that, of 100 at most.
pub(super) fn at_most_all<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    let text = node.field(key).and_then(Node::as_str).unwrap_or("");
    if percent(text).is_some_and(|it| it > 100) {
        report.invalid_field(node, key, "must be at most 100%");
    }
}

/// The number of a count or percentage; the default where it is missing.
pub(super) fn count(node: Option<&Node>, key: &str, default: i64) -> i64 {
    let Some(value) = node.and_then(|it| it.field(key)) else {
        return default;
    };
    match Json::of(value) {
        Json::String(text) => percent(text).or_else(|| text.parse().ok()).unwrap_or(0),
        _ => integer(value).unwrap_or(0),
    }
}

/// The quantity of a field.
pub(super) fn quantity(node: &Node, key: &str) -> Option<Quantity> {
    quantity_of(node.field(key)?)
}

/// The quantity that a value is.
pub(super) fn quantity_of(value: &Node) -> Option<Quantity> {
    match Json::of(value) {
        Json::Null => Some(Quantity::default()),
        Json::Int(number) => i64::try_from(number).ok().map(Quantity::of),
        _ => Quantity::parse(value.as_str()?),
    }
}

/// Of several fields, those that are set.
pub(super) fn set<'k>(node: &Node, keys: &[&'k str]) -> Vec<&'k str> {
    let set = keys.iter().filter(|it| node.field(it).is_some());
    set.copied().collect()
}
