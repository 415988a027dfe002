//! The order of keys in go-yaml 2, for the build form, and in go-yaml 3.

use std::cmp::Ordering;
use std::sync::OnceLock;

use regex::Regex;

/// Compares two keys in natural order: runs of digits are numbers, and letters come after everything else.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    compare_by(a, b, false)
}

/// The order of go-yaml 3: directly after a digit, letters come first.
pub(super) fn compare_v3(a: &str, b: &str) -> Ordering {
    compare_by(a, b, true)
}

fn compare_by(a: &str, b: &str, heeds_digits: bool) -> Ordering {
    // Most keys differ in their first letter.
    if let (Some(x), Some(y)) = (a.bytes().next(), b.bytes().next())
        && x != y
        && x.is_ascii_alphabetic()
        && y.is_ascii_alphabetic()
    {
        return x.cmp(&y);
    }
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let same = (0..=same)
        .rev()
        .find(|at| a.is_char_boundary(*at) && b.is_char_boundary(*at))
        .unwrap_or(0);
    let (Some(x), Some(y)) = (a[same..].chars().next(), b[same..].chars().next()) else {
        return a.len().cmp(&b.len());
    };
    let after_digit = heeds_digits && a[..same].chars().next_back().is_some_and(is_digit);
    match (is_letter(x), is_letter(y)) {
        (true, true) => x.cmp(&y),
        (x_is_letter, y_is_letter) if x_is_letter != y_is_letter => {
            let order = x_is_letter.cmp(&y_is_letter);
            if after_digit { order.reverse() } else { order }
        }
        _ => compare_digits(a, b, same).then(x.cmp(&y)),
    }
}

/// Compares the runs of digits at `from`, as numbers and then by length.
fn compare_digits(a: &str, b: &str, from: usize) -> Ordering {
    // A zero after other digits is part of their number.
    let zero = a[from..].starts_with('0') || b[from..].starts_with('0');
    let before = a[..from].chars().rev().take_while(|c| is_digit(*c));
    let start = i64::from(zero && before.into_iter().any(|c| c != '0'));
    let number = |text: &str| {
        let digits = text[from..].chars().take_while(|c| is_digit(*c));
        digits.fold((start, 0), |(number, len), c| {
            let digit = i64::from(c as u32) - i64::from(b'0');
            (
                i64::wrapping_add(i64::wrapping_mul(number, 10), digit),
                len + 1,
            )
        })
    };
    number(a).cmp(&number(b))
}

fn is_letter(c: char) -> bool {
    static LETTER: OnceLock<Option<Regex>> = OnceLock::new();
    c.is_ascii_alphabetic() || !c.is_ascii() && matches(&LETTER, r"^\p{L}", c)
}

fn is_digit(c: char) -> bool {
    static DIGIT: OnceLock<Option<Regex>> = OnceLock::new();
    c.is_ascii_digit() || !c.is_ascii() && matches(&DIGIT, r"^\p{Nd}", c)
}

/// Whether a character is in a general category, which the standard library does not support.
fn matches(class: &OnceLock<Option<Regex>>, pattern: &str, c: char) -> bool {
    let class = class.get_or_init(|| Regex::new(pattern).ok());
    class
        .as_ref()
        .is_some_and(|it| it.is_match(c.encode_utf8(&mut [0; 4])))
}

/// The maximum number of items that Go's `sort.Sort` sorts by insertion.
const INSERTION_MAX: usize = 12;

/// An insertion sort like Go's, and a merge sort for more items. The comparison is not a total order, so the sort of the standard library
/// could panic.
pub(super) fn sort(items: &mut [u32], compare: &impl Fn(u32, u32) -> Ordering) {
    if items.len() <= INSERTION_MAX {
        return sort_by_insertion(items, compare);
    }
    if items.is_sorted_by(|a, b| compare(*a, *b).is_le()) {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    sort(left, compare);
    sort(right, compare);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    for slot in items {
        let from_right = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => compare(*a, *b).is_gt(),
            (next, _) => next.is_none(),
        };
        let next = if from_right {
            right.next()
        } else {
            left.next()
        };
        *slot = next.unwrap_or(*slot);
    }
}

/// The order of `sort.Sort` for a few items, also for a comparison that is not a total order.
fn sort_by_insertion(items: &mut [u32], compare: &impl Fn(u32, u32) -> Ordering) {
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(items[at - 1], items[at]).is_gt() {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        let keys = [
            "_x", "9", "10", "A", "a", "a b", "a-b", "a.b", "a/b", "a_b", "a1b", "a01", "a2",
            "a10", "ab", "é",
        ];
        for pair in keys.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
    }
}
