//! Label selectors: validation and matching.

use super::fields::{required, text_of};
use crate::validate::fault::Report;
use crate::validate::json::Fields;
use crate::validate::metadata::labels;
use crate::validate::names;
use pleach_yaml::{Entry, Node};

/// Validates a label selector.
pub(super) fn validate<'a>(selector: &'a Node, report: &mut Report<'a>) {
    labels(selector.map("matchLabels"), report);
    for requirement in selector.list("matchExpressions") {
        let values = requirement.list("values");
        match requirement.text_or_empty("operator") {
            "In" | "NotIn" if values.is_empty() => {
                report.invalid_field(
                    requirement,
                    "values",
                    "must have a value for `In` and `NotIn`",
                );
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                report.invalid_field(
                    requirement,
                    "values",
                    "must be empty for `Exists` and `DoesNotExist`",
                );
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            _ => {
                if let Some(operator) = requirement.field("operator") {
                    report.unsupported(operator, &["In", "NotIn", "Exists", "DoesNotExist"]);
                } else {
                    required(requirement, "operator", report);
                }
            }
        }
        key(requirement, report);
        for value in values {
            if let Some(message) = names::label_value(text_of(value)) {
                report.invalid(value, message);
            }
        }
    }
}

/// Validates the key of a requirement.
pub(super) fn key<'a>(requirement: &'a Node, report: &mut Report<'a>) {
    match requirement.text_or_empty("key") {
        "" => required(requirement, "key", report),
        text => {
            if let Some(message) = names::qualified_name(text) {
                report.invalid_field(requirement, "key", message);
            }
        }
    }
}

/// Validates the selector in a field, if there is one.
pub(super) fn field<'a>(node: &'a Node, key: &str, report: &mut Report<'a>) {
    if let Some(selector) = node.field(key) {
        validate(selector, report);
    }
}

/// Whether a selector has no requirement.
pub(super) fn is_empty(selector: &Node) -> bool {
    selector.map("matchLabels").is_empty() && selector.list("matchExpressions").is_empty()
}

/// Whether a selector matches labels. An invalid one matches everything, because its error is already reported.
pub(super) fn matches(selector: &Node, labels: &[Entry]) -> bool {
    let label = |key: &str| {
        let entry = labels.iter().find(|it| it.key.as_str() == Some(key));
        entry.map(|it| text_of(&it.value))
    };
    let has_all = selector
        .map("matchLabels")
        .iter()
        .all(|it| label(it.key.as_str().unwrap_or("")) == Some(text_of(&it.value)));
    has_all
        && selector.list("matchExpressions").iter().all(|it| {
            let found = label(it.text_or_empty("key"));
            let has = |text: &str| it.list("values").iter().any(|it| text_of(it) == text);
            match it.text_or_empty("operator") {
                "In" => found.is_some_and(has),
                "NotIn" => !found.is_some_and(has),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => true,
            }
        })
}
