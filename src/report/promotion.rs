//! What a promotion takes over, and what it leaves as it is.

use std::fmt::Write;

use crate::promote::{Difference, Promotion};
use crate::yaml::{Node, to_claims_form};

/// Characters that are shown of a value.
const WIDTH_MAX: usize = 60;

/// A line a field, by claim; what stays is told after what is taken.
pub fn promotion(promotion: &Promotion, to: &str) -> String {
    let mut text = String::new();
    part(&mut text, &promotion.taken, "\x1b[1m", "");
    if !promotion.left.is_empty() {
        _ = writeln!(text, "\x1b[2mstays in {to}:\x1b[0m");
        part(&mut text, &promotion.left, "\x1b[2m", "\x1b[2m");
    }
    text
}

fn part(text: &mut String, differences: &[Difference], head: &str, line: &str) {
    let mut claim = "";
    for difference in differences {
        if difference.claim != claim {
            claim = &difference.claim;
            _ = writeln!(text, "{head}{claim}\x1b[0m");
        }
        let [before, after] = [&difference.to, &difference.from].map(|it| shown(it.as_ref()));
        let path = difference.path();
        _ = writeln!(text, "{line}  {path}: {before} → {after}\x1b[0m");
    }
}

/// A value in one line.
fn shown(value: Option<&Node>) -> String {
    let Some(value) = value else {
        return "–".to_string();
    };
    let text = to_claims_form(value);
    let text: Vec<&str> = text.split_whitespace().collect();
    let text = text.join(" ");
    match text.chars().count() > WIDTH_MAX {
        true => text.chars().take(WIDTH_MAX - 1).chain(['…']).collect(),
        false => text,
    }
}
