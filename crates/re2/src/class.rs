//! Character classes: `[…]`, `\d`, `\pL`.

use crate::error::{Code, Error};
use crate::escape::{self, push_char};
use crate::names::unicode_class;
use crate::parse::{Flags, before};

pub(crate) const EMPTY: &str = r"[^\x{0}-\x{10FFFF}]";

/// POSIX classes, as ranges.
const POSIX: &[(&str, &str)] = &[
    ("alnum", "0-9A-Za-z"),
    ("alpha", "A-Za-z"),
    ("ascii", r"\x00-\x7F"),
    ("blank", r"\t\x20"),
    ("cntrl", r"\x00-\x1F\x7F"),
    ("digit", "0-9"),
    ("graph", r"\x21-\x7E"),
    ("lower", "a-z"),
    ("print", r"\x20-\x7E"),
    ("punct", r"\x21-\x2F\x3A-\x40\x5B-\x60\x7B-\x7E"),
    ("space", r"\t-\r\x20"),
    ("upper", "A-Z"),
    ("word", "0-9A-Za-z_"),
    ("xdigit", "0-9A-Fa-f"),
];

/// A class and what follows it.
type Class<'t> = (String, &'t str);

/// Reads a class in brackets; `text` begins with `[`.
pub(crate) fn parse(text: &str, flags: Flags) -> Result<Class<'_>, Error> {
    let inner = text.strip_prefix('[').unwrap_or(text);
    let (mut rest, sign) = match inner.strip_prefix('^') {
        Some(rest) => (rest, "^"),
        None => (inner, ""),
    };
    let mut members = String::new();
    let mut first = true;
    while first || !rest.starts_with(']') {
        first = false;
        if let Some((class, after)) = posix(rest)? {
            members.push_str(&class);
            rest = after;
        } else if let Some((class, after)) = unicode_or_perl(rest)? {
            members.push_str(&class);
            rest = after;
        } else {
            rest = range(&mut members, rest, text)?;
        }
    }
    if members.is_empty() {
        // Only surrogates, which text cannot contain.
        members.push_str(EMPTY);
    }
    let class = folded(format!("[{sign}{members}]"), flags);
    Ok((class, rest.get(1..).unwrap_or("")))
}

/// Reads `\d`, `\pL` and similar escapes outside of brackets; `None` for other escapes.
pub(crate) fn escaped(text: &str, flags: Flags) -> Result<Option<Class<'_>>, Error> {
    let class = unicode_or_perl(text)?;
    Ok(class.map(|(class, after)| (folded(class, flags), after)))
}

fn folded(class: String, flags: Flags) -> String {
    match flags.fold_case {
        true => format!("(?i:{class})"),
        false => class,
    }
}

/// `[:alpha:]` and similar classes.
fn posix(text: &str) -> Result<Option<Class<'_>>, Error> {
    let Some((name, after)) = text.strip_prefix("[:").and_then(|it| it.split_once(":]")) else {
        return Ok(None);
    };
    let (plain, sign) = match name.strip_prefix('^') {
        Some(plain) => (plain, "^"),
        None => (name, ""),
    };
    match POSIX.iter().find(|it| it.0 == plain) {
        Some((_, ranges)) => Ok(Some((format!("[{sign}{ranges}]"), after))),
        None => Err(Error::new(Code::InvalidCharRange, before(text, after))),
    }
}

fn unicode_or_perl(text: &str) -> Result<Option<Class<'_>>, Error> {
    let mut chars = text.chars();
    if chars.next() != Some('\\') {
        return Ok(None);
    }
    let class = match chars.next() {
        Some('p') => return unicode(text, false),
        Some('P') => return unicode(text, true),
        Some('d') => "[0-9]",
        Some('D') => "[^0-9]",
        Some('s') => r"[\t\n\x0C\r\x20]",
        Some('S') => r"[^\t\n\x0C\r\x20]",
        Some('w') => "[0-9A-Za-z_]",
        Some('W') => "[^0-9A-Za-z_]",
        _ => return Ok(None),
    };
    Ok(Some((class.to_string(), chars.as_str())))
}

/// `\pL` or `\p{Greek}`; `text` begins with the backslash.
fn unicode(text: &str, mut negated: bool) -> Result<Option<Class<'_>>, Error> {
    let inner = text.get(2..).unwrap_or("");
    let mut chars = inner.chars();
    let (name, after) = match chars.next() {
        // Go reads an empty name as the letter U+FFFD.
        None => ("", ""),
        Some('{') => match chars.as_str().split_once('}') {
            Some(split) => split,
            None => return Err(Error::new(Code::InvalidCharRange, text)),
        },
        Some(_) => (before(inner, chars.as_str()), chars.as_str()),
    };
    let plain = match name.strip_prefix('^') {
        Some(plain) => {
            negated = !negated;
            plain
        }
        None => name,
    };
    let class = unicode_class(plain);
    let class = class.ok_or_else(|| Error::new(Code::InvalidCharRange, before(text, after)))?;
    let sign = if negated { "^" } else { "" };
    Ok(Some((format!("[{sign}{class}]"), after)))
}

/// A character or a range; `whole` is the text from the opening bracket.
fn range<'t>(members: &mut String, text: &'t str, whole: &str) -> Result<&'t str, Error> {
    let (low, rest) = character(text, whole)?;
    let is_range = rest.starts_with('-') && rest.len() >= 2 && !rest.starts_with("-]");
    let (high, rest) = match rest.strip_prefix('-').filter(|_| is_range) {
        Some(rest) => character(rest, whole)?,
        None => (low, rest),
    };
    if high < low {
        return Err(Error::new(Code::InvalidCharRange, before(text, rest)));
    }
    // Surrogates are left out, because text cannot contain them.
    for (from, to) in [(low, high.min(0xD7FF)), (low.max(0xE000), high)] {
        if let (Some(from), Some(to)) = (char::from_u32(from), char::from_u32(to))
            && from <= to
        {
            push_char(members, from);
            members.push('-');
            push_char(members, to);
        }
    }
    Ok(rest)
}

fn character<'t>(text: &'t str, whole: &str) -> Result<(u32, &'t str), Error> {
    let mut chars = text.chars();
    match chars.next() {
        None => Err(Error::new(Code::MissingBracket, whole)),
        Some('\\') => escape::parse(text),
        Some(letter) => Ok((u32::from(letter), chars.as_str())),
    }
}
