//! The patterns of `${NAME#pattern}` and its kin: `*`, `?`, `[a-z]` and `\` before a character.

/// Values that are longer keep their text: each end of them would have to be tried.
const BYTES_MAX: usize = 16_384;

/// A value without the part at its start, or at its end, that a pattern fits: the longest such part, or the shortest that is not
/// empty.
pub(super) fn without(value: &str, pattern: &str, at_end: bool, longest: bool) -> String {
    if value.len() > BYTES_MAX {
        return value.to_string();
    }
    // Flux turns value and pattern around to cut at the end.
    let turned = |text: &str| -> Vec<char> {
        match at_end {
            true => text.chars().rev().collect(),
            false => text.chars().collect(),
        }
    };
    let (chars, pattern) = (turned(value), terms(&turned(pattern)));
    let Some(pattern) = pattern else {
        return value.to_string();
    };
    let fits = |end: &usize| is_match(&pattern, chars.get(..*end).unwrap_or_default());
    let mut ends = 1..=chars.len();
    let end = match longest {
        true => ends.rev().find(fits),
        false => ends.find(fits),
    };
    let kept = chars.get(end.unwrap_or(0)..).unwrap_or_default().iter();
    match at_end {
        true => kept.rev().collect(),
        false => kept.collect(),
    }
}

enum Term {
    Any,
    One,
    Char(char),
    Class(bool, Vec<(char, char)>),
}

/// The terms of a pattern; `None` where it is not valid.
fn terms(pattern: &[char]) -> Option<Vec<Term>> {
    let mut rest = pattern.iter().copied().peekable();
    let mut terms = Vec::new();
    while let Some(next) = rest.next() {
        terms.push(match next {
            '*' => Term::Any,
            '?' => Term::One,
            '\\' => Term::Char(rest.next()?),
            '[' => {
                let is_negated = rest.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                while ranges.is_empty() || rest.next_if_eq(&']').is_none() {
                    let low = escaped(&mut rest)?;
                    let high = match rest.next_if_eq(&'-') {
                        Some(_) => escaped(&mut rest)?,
                        None => low,
                    };
                    ranges.push((low, high));
                }
                Term::Class(is_negated, ranges)
            }
            other => Term::Char(other),
        });
    }
    Some(terms)
}

fn escaped(rest: &mut impl Iterator<Item = char>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        other => Some(other),
    }
}

/// Whether a pattern fits all of a text: only the last star has to be tried again.
fn is_match(pattern: &[Term], text: &[char]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while let Some(next) = text.get(seen) {
        let fits = match pattern.get(at) {
            Some(Term::Any) => {
                star = Some((at, seen));
                at += 1;
                continue;
            }
            Some(Term::One) => true,
            Some(Term::Char(it)) => it == next,
            Some(Term::Class(is_negated, ranges)) => {
                ranges.iter().any(|it| (it.0..=it.1).contains(next)) != *is_negated
            }
            None => false,
        };
        if fits {
            (at, seen) = (at + 1, seen + 1);
        } else if let Some((back, from)) = star {
            (at, seen, star) = (back + 1, from + 1, Some((back, from + 1)));
        } else {
            return false;
        }
    }
    let mut left = pattern.iter().skip(at);
    left.all(|it| matches!(it, Term::Any))
}
