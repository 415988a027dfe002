//! Kyverno patterns: trees that an object must match, with anchors and operators.
//!
//! Source: `pkg/engine/validate`, `pkg/engine/anchor` and `pkg/engine/pattern` of Kyverno 1.19.

use std::cmp::Ordering;

use pleach_yaml::{FieldPath, Kind, Node, View};

use crate::validate::quantity::Quantity;
use crate::validate::scalars::go_duration;

/// The result of a pattern for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Matches,
    /// A condition in the pattern is not met, so the rule does not apply to the object.
    Skipped,
    /// The first field that does not match.
    Differs(FieldPath),
}

/// Compares an object with a pattern.
pub(super) fn matches(object: &Node, pattern: &Node) -> Match {
    match element(Some(object), pattern, &FieldPath::root()) {
        Ok(()) => Match::Matches,
        Err(fault) if fault.is_skip() => Match::Skipped,
        Err(fault) => Match::Differs(fault.field),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    Differs,
    /// A condition or a global condition is not met.
    Condition,
}

#[derive(Clone, Debug)]
struct Fault {
    kind: FaultKind,
    /// Whether the unmet conditions are at a deeper level, and not a condition of a sibling.
    is_below: bool,
    field: FieldPath,
}

impl Fault {
    fn differs(field: &FieldPath) -> Fault {
        Fault {
            kind: FaultKind::Differs,
            is_below: false,
            field: field.clone(),
        }
    }

    fn condition(field: &FieldPath, is_below: bool) -> Fault {
        Fault {
            kind: FaultKind::Condition,
            is_below,
            field: field.clone(),
        }
    }

    fn is_skip(&self) -> bool {
        self.kind == FaultKind::Condition
    }
}

/// A key of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    None,
    /// `(key)`: the rest is checked only if this matches.
    Condition,
    /// `<(key)`: the whole rule is checked only if this matches.
    Global,
    /// `X(key)`: the key must not exist.
    Negation,
    /// `=(key)`: the value is checked if the key exists.
    Equality,
    /// `^(key)`: at least one item of the list must match.
    Existence,
}

fn anchor(key: &str) -> (Anchor, &str) {
    let trimmed = key.trim();
    let inner = |open: &str| {
        let inner = trimmed.strip_prefix(open)?.strip_suffix(')')?;
        (!inner.is_empty()).then_some(inner)
    };
    let anchors = [
        ("(", Anchor::Condition),
        ("<(", Anchor::Global),
        ("X(", Anchor::Negation),
        ("=(", Anchor::Equality),
        ("^(", Anchor::Existence),
    ];
    let found = anchors
        .iter()
        .find_map(|(open, anchor)| Some((*anchor, inner(open)?)));
    found.unwrap_or((Anchor::None, key))
}

fn element(value: Option<&Node>, pattern: &Node, at: &FieldPath) -> Result<(), Fault> {
    match pattern.view() {
        View::Mapping(_) => match value.filter(|it| it.as_mapping().is_some()) {
            Some(value) => map(value, pattern, at),
            None => Err(Fault::differs(at)),
        },
        View::Sequence(patterns) => match value.and_then(Node::as_sequence) {
            Some(items) => list(items, patterns, at),
            None => Err(Fault::differs(at)),
        },
        View::Scalar(_) => {
            let items = value.and_then(Node::as_sequence);
            let is_match = match items {
                Some(items) => items.iter().all(|it| scalar(Some(it), pattern)),
                None => scalar(value, pattern),
            };
            match is_match {
                true => Ok(()),
                false => Err(Fault::differs(at)),
            }
        }
    }
}

fn map(value: &Node, pattern: &Node, at: &FieldPath) -> Result<(), Fault> {
    let entries = || pattern.as_mapping().into_iter().flatten();
    let mut keys: Vec<(&str, &Node)> = entries()
        .filter_map(|it| Some((it.key.as_str()?, &it.value)))
        .collect();
    keys.sort_by_key(|it| it.0);
    let is_anchor = |it: &&(&str, &Node)| !matches!(anchor(it.0).0, Anchor::None | Anchor::Global);
    let (mut skips, mut applied) = (Vec::new(), 0);
    for (key, pattern) in keys.iter().filter(is_anchor) {
        match entry(value, key, pattern, at) {
            Ok(()) => applied += 1,
            Err(fault) if fault.is_skip() => skips.push(fault),
            // A sibling has already decided that the rule does not apply.
            Err(_) if skips.iter().any(|it: &Fault| !it.is_below) => {}
            Err(fault) => return Err(fault),
        }
    }
    if !skips.is_empty() && (applied == 0 || skips.iter().any(|it| !it.is_below)) {
        return Err(Fault::condition(at, true));
    }
    // Conditions first, in reverse order.
    let rest = keys.iter().filter(|it| !is_anchor(it));
    let (first, last): (Vec<_>, Vec<_>) =
        rest.partition(|it| anchor(it.0).0 == Anchor::Global || has_anchors(it.1));
    let mut rest = first.into_iter().rev().chain(last);
    rest.try_for_each(|(key, pattern)| entry(value, key, pattern, at))
}

fn has_anchors(pattern: &Node) -> bool {
    match pattern.view() {
        View::Mapping(mapping) => mapping.iter().any(|it| {
            let is_anchor = it
                .key
                .as_str()
                .is_some_and(|it| anchor(it).0 != Anchor::None);
            is_anchor || has_anchors(&it.value)
        }),
        View::Sequence(items) => items.iter().any(has_anchors),
        View::Scalar(_) => false,
    }
}

fn entry(value: &Node, key: &str, pattern: &Node, at: &FieldPath) -> Result<(), Fault> {
    let (anchor, key) = anchor(key);
    let (key, found) = field(value, key, at);
    let below = at.key(key);
    match (anchor, found) {
        (Anchor::None, found) if pattern.as_string() == Some("*") => match found {
            Some(it) if !it.is_null() => Ok(()),
            _ => Err(Fault::differs(&below)),
        },
        (Anchor::None, found) => element(found, pattern, &below),
        (Anchor::Negation, Some(_)) => Err(Fault::differs(&below)),
        (Anchor::Condition, Some(found)) | (Anchor::Global, Some(found)) => {
            element(Some(found), pattern, &below).map_err(|_| Fault::condition(&below, false))
        }
        (Anchor::Condition, None) => Err(Fault::condition(&below, false)),
        (Anchor::Equality, Some(found)) => element(Some(found), pattern, &below),
        (Anchor::Existence, Some(found)) => exists(found, pattern, &below),
        (_, None) => Ok(()),
    }
}

/// A field of an object. Names of labels and annotations may contain wildcards.
fn field<'k, 'n: 'k>(value: &'n Node, key: &'k str, at: &FieldPath) -> (&'k str, Option<&'n Node>) {
    let above = at.steps();
    let is_names = above.len() >= 2
        && matches!(
            at.to_string().rsplit('.').next(),
            Some("labels" | "annotations")
        );
    if is_names && key.contains(['*', '?']) {
        let mut entries = value.as_mapping().into_iter().flatten();
        let found = entries.find(|it| it.key.as_str().is_some_and(|it| wildcard(key, it)));
        if let Some((name, found)) = found.and_then(|it| Some((it.key.as_str()?, &it.value))) {
            return (name, Some(found));
        }
    }
    (key, value.get(key))
}

/// Each pattern must match one item.
fn exists(found: &Node, pattern: &Node, at: &FieldPath) -> Result<(), Fault> {
    let (Some(items), Some(patterns)) = (found.as_sequence(), pattern.as_sequence()) else {
        return Err(Fault::differs(at));
    };
    let is_there = |pattern: &Node| {
        let mut items = items.iter().enumerate();
        pattern.as_mapping().is_some()
            && items.any(|(number, it)| element(Some(it), pattern, &at.index(number)).is_ok())
    };
    match patterns.iter().all(is_there) {
        true => Ok(()),
        false => Err(Fault::differs(at)),
    }
}

fn list(items: &[Node], patterns: &[Node], at: &FieldPath) -> Result<(), Fault> {
    let Some(first) = patterns.first() else {
        return Err(Fault::differs(at));
    };
    match first.view() {
        // One pattern for all items.
        View::Mapping(_) => each(items.iter().map(|it| (it, first)), at),
        View::Scalar(_) => {
            let is_match = items.iter().all(|it| scalar(Some(it), first));
            match is_match {
                true => Ok(()),
                false => Err(Fault::differs(at)),
            }
        }
        View::Sequence(_) if items.len() < patterns.len() => Err(Fault::differs(at)),
        View::Sequence(_) => each(items.iter().zip(patterns), at),
    }
}

fn each<'n>(
    pairs: impl Iterator<Item = (&'n Node, &'n Node)>,
    at: &FieldPath,
) -> Result<(), Fault> {
    let (mut applied, mut skipped) = (0, 0);
    for (number, (item, pattern)) in pairs.enumerate() {
        match element(Some(item), pattern, &at.index(number)) {
            Ok(()) => applied += 1,
            Err(fault) if fault.is_skip() => skipped += 1,
            Err(fault) => return Err(fault),
        }
    }
    match applied == 0 && skipped > 0 {
        true => Err(Fault::condition(at, true)),
        false => Ok(()),
    }
}

/// Whether a value matches a scalar pattern.
fn scalar(value: Option<&Node>, pattern: &Node) -> bool {
    let kind = |node: &Node| Some(node.kind()).filter(|_| node.is_scalar());
    let value_kind = value.map_or(Some(Kind::Null), kind);
    let text = value.and_then(Node::as_str).unwrap_or("");
    match kind(pattern) {
        Some(Kind::Bool) => value.and_then(Node::as_bool) == pattern.as_bool(),
        Some(Kind::Int) => match value_kind {
            Some(Kind::Int) => value.and_then(Node::as_int) == pattern.as_int(),
            Some(Kind::Float) => {
                let number = pattern.as_int().map(|it| it.to_string());
                value.and_then(Node::as_float).map(|it| it.to_string()) == number
            }
            Some(Kind::String) => text.parse().ok() == pattern.as_int(),
            _ => false,
        },
        Some(Kind::Float) => match value_kind {
            Some(Kind::Int | Kind::Float) => value.and_then(Node::as_float) == pattern.as_float(),
            Some(Kind::String) => text.parse().ok() == pattern.as_float(),
            _ => false,
        },
        Some(Kind::Null) => match value_kind {
            Some(Kind::Null) => true,
            Some(Kind::Bool) => value.and_then(Node::as_bool) == Some(false),
            Some(Kind::Int | Kind::Float) => value.and_then(Node::as_float) == Some(0.0),
            Some(_) => text.is_empty(),
            None => false,
        },
        _ => {
            let value = match value_kind {
                None => return false,
                Some(Kind::Null) => None,
                Some(_) => Some(text),
            };
            let is_bool = value_kind == Some(Kind::Bool);
            text_pattern(value, is_bool, pattern.as_str().unwrap_or(""))
        }
    }
}

/// `a | b & c`. `value` is `None` for null.
fn text_pattern(value: Option<&str>, is_bool: bool, pattern: &str) -> bool {
    let all = |it: &str| {
        let mut parts = it.split('&').map(str::trim);
        parts.all(|it| condition(value, is_bool, it))
    };
    value == Some(pattern) && !is_bool || pattern.split('|').any(|it| all(it.trim()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    More,
    MoreEqual,
    Less,
    LessEqual,
}

fn condition(value: Option<&str>, is_bool: bool, pattern: &str) -> bool {
    let operators = [
        (">=", Operator::MoreEqual),
        ("<=", Operator::LessEqual),
        (">", Operator::More),
        ("<", Operator::Less),
        ("!", Operator::NotEqual),
    ];
    let found = operators.iter().filter(|_| pattern.len() > 1);
    let mut found = found.filter_map(|(sign, it)| Some((*it, pattern.strip_prefix(sign)?)));
    if let Some((operator, operand)) = found.next() {
        return compare(value, is_bool, operand.trim(), operator);
    }
    let compare_with = |operand: &str, operator| compare(value, is_bool, operand, operator);
    if let Some((from, to)) = range(pattern, "!-") {
        return compare_with(from, Operator::Less) || compare_with(to, Operator::More);
    }
    if let Some((from, to)) = range(pattern, "-") {
        return compare_with(from, Operator::MoreEqual) && compare_with(to, Operator::LessEqual);
    }
    compare_with(pattern, Operator::Equal)
}

/// The two ends of a range such as `1Mi-2Gi` or `1!-5`.
fn range<'p>(pattern: &'p str, sign: &str) -> Option<(&'p str, &'p str)> {
    let is_bound = |it: &str| {
        let digits = it.trim_start_matches(['-', '+', '|']);
        let end = digits.find(|it: char| !it.is_ascii_digit() && it != '.');
        let (number, unit) = digits.split_at(end.unwrap_or(digits.len()));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        it.len() <= digits.len() + 1
            && is_number(whole)
            && is_number(fraction)
            && unit.chars().all(|it| it.is_ascii_alphabetic())
    };
    let mut locations = pattern.match_indices(sign).map(|it| it.0);
    locations.find_map(|at| {
        let (from, to) = (pattern.get(..at)?, pattern.get(at + sign.len()..)?);
        (is_bound(from) && is_bound(to)).then_some((from, to))
    })
}

fn compare(value: Option<&str>, is_bool: bool, operand: &str, operator: Operator) -> bool {
    let number = Some(value.unwrap_or("0")).filter(|_| !is_bool);
    let durations = number.and_then(|it| Some((go_duration(it)?, go_duration(operand)?)));
    let ordered = durations.map(|(value, operand)| value.cmp(&operand));
    let ordered = ordered.or_else(|| {
        let value = Quantity::parse(number?)?;
        Some(value.cmp(&Quantity::parse(operand)?))
    });
    if let Some(ordering) = ordered {
        return match operator {
            Operator::Equal => ordering == Ordering::Equal,
            Operator::NotEqual => ordering != Ordering::Equal,
            Operator::More => ordering == Ordering::Greater,
            Operator::MoreEqual => ordering != Ordering::Less,
            Operator::Less => ordering == Ordering::Less,
            Operator::LessEqual => ordering != Ordering::Greater,
        };
    }
    match (operator, value) {
        (Operator::Equal, Some(value)) => wildcard(operand, value),
        (Operator::NotEqual, Some(value)) => !wildcard(operand, value),
        _ => false,
    }
}

/// `*` matches any text, `?` any character.
pub(super) fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut of, mut star) = (0, 0, None);
    while at < text.len() {
        match pattern.get(of) {
            Some('*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(it) if *it == '?' || Some(it) == text.get(at) => {
                of += 1;
                at += 1;
            }
            _ => match star {
                Some((location, from)) => {
                    star = Some((location, from + 1));
                    (of, at) = (location + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern
        .get(of..)
        .is_some_and(|it| it.iter().all(|it| *it == '*'))
}

#[cfg(test)]
mod tests {
    use pleach_yaml::diag::Source;
    use pleach_yaml::parse_one;

    use super::*;

    fn node(text: &str) -> Node {
        parse_one(&Source::internal("pattern", text)).unwrap()
    }

    #[test]
    fn scalars_and_operators() {
        for (value, pattern, expected) in [
            ("1", "'1'", true),
            ("'1'", "1", true),
            ("true", "true", true),
            ("'true'", "true", false),
            ("nginx:1.2", "'*:*'", true),
            ("nginx:latest", "'!*:latest'", false),
            ("nginx", "'!*:latest & *:*'", false),
            ("a", "'b | a'", true),
            ("5", "'>3'", true),
            ("3", "'>3'", false),
            ("512Mi", "'<=1Gi'", true),
            ("2Gi", "'1Mi-1Gi'", false),
            ("512Mi", "'1Mi-1Gi'", true),
            ("7", "'1!-5'", true),
            ("90s", "'>1m'", true),
            ("x", "'>3'", false),
            ("abc", "'a?c'", true),
            ("", "null", true),
            ("''", "'?*'", false),
            ("[a, ab]", "'a*'", true),
            ("[a, b]", "'a*'", false),
        ] {
            let found = matches(
                &node(&format!("a: {value}")),
                &node(&format!("a: {pattern}")),
            );
            assert_eq!(
                found == Match::Matches,
                expected,
                "{value} {pattern}: {found:?}"
            );
        }
    }

    #[test]
    fn anchors() {
        let skipped = "skipped";
        for (object, pattern, expected) in [
            ("{a: 1}", "{b: '*'}", "b"),
            ("{a: 1}", "{=(b): 2}", ""),
            ("{b: 1}", "{=(b): 2}", "b"),
            ("{b: 1}", "{X(b): null}", "b"),
            ("{a: 1}", "{(a): 2, b: 3}", skipped),
            ("{a: 2}", "{(a): 2, b: 3}", "b"),
            ("{b: 2}", "{(a): 2, b: 3}", skipped),
            ("{a: 1, c: 1}", "{c: 2, <(a): 2}", skipped),
            (
                "{l: [{n: a, v: 1}, {n: b, v: 2}]}",
                "{l: [{(n): b, v: 2}]}",
                "",
            ),
            (
                "{l: [{n: a, v: 1}, {n: b, v: 2}]}",
                "{l: [{(n): b, v: 3}]}",
                "l[1].v",
            ),
            ("{l: [{n: a}]}", "{l: [{(n): b, v: 3}]}", skipped),
            ("{l: [{n: a}, {n: b}]}", "{^(l): [{n: b}]}", ""),
            ("{l: [{n: a}]}", "{^(l): [{n: b}]}", "l"),
            ("{l: []}", "{l: [{n: b}]}", ""),
            // The last of the keys with conditions is evaluated first, even if it is a global one.
            (
                "{a: {x: 1, y: 2}, c: 1}",
                "{<(c): 2, a: {(x): 1, y: 3}}",
                "a.y",
            ),
            (
                "{a: {x: 1, y: 2}, b: {x: 1}}",
                "{a: {(x): 1, y: 3}, b: {(x): 2}}",
                skipped,
            ),
            ("{a: x}", "{a: {b: 1}}", "a"),
            (
                "{metadata: {labels: {app.kubernetes.io/name: x}}}",
                "{metadata: {labels: {'app.*/name': '?*'}}}",
                "",
            ),
        ] {
            let found = match matches(&node(object), &node(pattern)) {
                Match::Matches => String::new(),
                Match::Skipped => skipped.to_string(),
                Match::Differs(field) => field.to_string(),
            };
            assert_eq!(found, expected, "{object} {pattern}");
        }
    }
}
