//! The fields that a promotion copies, and those that it leaves unchanged.

use std::fmt::Write;

use super::escape::{printable, screened};
use super::wording::clipped;
use crate::promote::{Difference, Promotion};
use crate::secret::{Salt, hide_field};
use crate::yaml::{Node, emit_canonical};

/// The maximum number of characters of a value.
const WIDTH_MAX: usize = 60;

/// One line per field, by claim; fields that stay are listed after fields that are copied.
pub fn promotion(promotion: &Promotion, [from, to]: [&str; 2], salt: &Salt) -> String {
    let mut text = String::new();
    part(&mut text, &promotion.copied, ["\x1b[1m", ""], None, salt);
    if !promotion.skipped.is_empty() {
        _ = writeln!(text, "\x1b[2mstays in {}:\x1b[0m", printable(to));
        part(
            &mut text,
            &promotion.skipped,
            ["\x1b[2m"; 2],
            Some(from),
            salt,
        );
    }
    if !promotion.missing.is_empty() {
        let (from, claims) = (printable(from), printable(&promotion.missing.join(", ")));
        _ = writeln!(
            text,
            "\x1b[2monly in {from}, and not copied: {claims}\x1b[0m"
        );
    }
    screened(&text)
}

fn part(
    text: &mut String,
    differences: &[Difference],
    [head, line]: [&str; 2],
    other: Option<&str>,
    salt: &Salt,
) {
    let mut claim = "";
    for difference in differences {
        if difference.claim != claim {
            claim = &difference.claim;
            _ = writeln!(text, "{head}{}\x1b[0m", printable(claim));
        }
        let path = difference.path();
        let [before, after] =
            [&difference.to, &difference.from].map(|it| display_value(it.as_ref(), &path, salt));
        let path = printable(&path);
        let change = match other {
            Some(other) => format!("{before} ({}: {after})", printable(other)),
            None => format!("{before} → {after}"),
        };
        _ = writeln!(text, "{line}  {path}: {change}\x1b[0m");
    }
}

/// A value in one line.
fn display_value(value: Option<&Node>, name: &str, salt: &Salt) -> String {
    let Some(value) = value else {
        return "not set".to_string();
    };
    clipped(&printable(&flow(&hide_field(value, name, salt))), WIDTH_MAX)
}

/// A value in the flow style of YAML.
fn flow(value: &Node) -> String {
    if let Some(mapping) = value.as_mapping() {
        let fields = mapping.iter();
        let fields = fields.map(|it| format!("{}: {}", flow(&it.key), flow(&it.value)));
        return format!("{{{}}}", fields.collect::<Vec<_>>().join(", "));
    }
    if let Some(items) = value.as_sequence() {
        let items: Vec<String> = items.iter().map(flow).collect();
        return format!("[{}]", items.join(", "));
    }
    let text = emit_canonical(value);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}
