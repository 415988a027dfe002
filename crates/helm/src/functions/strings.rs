//! Strings: cutting, padding, searching, joining.

use super::convert::{display, items, texts, to_text};
use super::{ANY, INT, STRING, fail, text};
use crate::go::strconv::quote;
use crate::go::unicode::{is_space, runes};
use crate::template::{Arguments, Context, Function, FunctionError, Returned};
use crate::value::{Map, Str, Type, Value};

const STRING_LIST: Type = Type::Slice(&Type::String);
static STRING_MAP: Type = Type::Map(&Type::String);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("abbrev", &[INT, STRING], |_, it| {
        text(abbreviate(it.text(1), 0, it.int(0), false))
    }),
    Function::fixed("abbrevboth", &[INT, INT, STRING], |_, it| {
        text(abbreviate(it.text(2), it.int(0), it.int(1), true))
    }),
    Function::variadic("cat", &[ANY], |context, it| {
        let texts = it.0.iter().filter(|it| !matches!(it, Value::Nil));
        let texts: Vec<Vec<u8>> = texts.map(display).collect();
        joined(context, &texts, b" ")
    }),
    Function::fixed("contains", &[STRING, STRING], |_, it| {
        Ok(Value::Bool(find(it.text(1), it.text(0)).is_some()))
    }),
    Function::fixed("hasPrefix", &[STRING, STRING], |_, it| {
        Ok(Value::Bool(it.text(1).starts_with(it.text(0))))
    }),
    Function::fixed("hasSuffix", &[STRING, STRING], |_, it| {
        Ok(Value::Bool(it.text(1).ends_with(it.text(0))))
    }),
    Function::fixed("indent", &[INT, STRING], |context, it| {
        indent(context, it, "")
    }),
    Function::fixed("join", &[STRING, ANY], |context, it| {
        joined(context, &texts(it.get(1)), it.text(0))
    }),
    Function::fixed("nindent", &[INT, STRING], |context, it| {
        indent(context, it, "\n")
    }),
    Function::fixed("plural", &[STRING, STRING, INT], |_, it| {
        let at = if it.int(2) == 1 { 0 } else { 1 };
        text(it.string(at))
    }),
    Function::variadic("quote", &[ANY], |context, it| {
        let texts = it.0.iter().filter(|it| !matches!(it, Value::Nil));
        let texts: Vec<String> = texts.map(|it| quote(&to_text(it))).collect();
        joined(context, &texts, b" ")
    }),
    Function::fixed("repeat", &[INT, STRING], |context, it| {
        text(repeated(context, it.text(1), it.int(0))?)
    }),
    Function::fixed("replace", &[STRING, STRING, STRING], replace),
    Function::fixed("sortAlpha", &[ANY], |_, it| Ok(sorted(it.get(0)))),
    Function::fixed("split", &[STRING, STRING], |_, it| {
        Ok(numbered(split(it.text(1), it.text(0), None)))
    }),
    Function::fixed("splitList", &[STRING, STRING], |_, it| {
        Ok(Value::strings(split(it.text(1), it.text(0), None)))
    }),
    Function::fixed("splitn", &[STRING, INT, STRING], |_, it| {
        let limit = usize::try_from(it.int(1)).ok();
        Ok(numbered(split(it.text(2), it.text(0), limit)))
    }),
    Function::variadic("squote", &[ANY], |context, it| {
        let texts = it.0.iter().filter(|it| !matches!(it, Value::Nil));
        let quoted = |it: &Value| [b"'", &*display(it), b"'"].concat();
        let texts: Vec<Vec<u8>> = texts.map(quoted).collect();
        joined(context, &texts, b" ")
    }),
    Function::fixed("substr", &[INT, INT, STRING], substring),
    Function::fixed("toString", &[ANY], |_, it| text(to_text(it.get(0)))),
    Function::fixed("toStrings", &[ANY], |_, it| match it.get(0) {
        value if is_string_list(value) => Ok(value.clone()),
        value => Ok(Value::strings(texts(value))),
    }),
    Function::fixed("trim", &[STRING], |_, it| text(trim_space(it.text(0)))),
    Function::fixed("trimAll", &[STRING, STRING], |_, it| {
        text(trim_set(it.text(1), it.text(0)))
    }),
    Function::fixed("trimPrefix", &[STRING, STRING], |_, it| {
        match it.text(1).strip_prefix(it.text(0)) {
            Some(rest) => text(rest),
            None => text(it.string(1)),
        }
    }),
    Function::fixed("trimSuffix", &[STRING, STRING], |_, it| {
        match it.text(1).strip_suffix(it.text(0)) {
            Some(rest) => text(rest),
            None => text(it.string(1)),
        }
    }),
    Function::fixed("trimall", &[STRING, STRING], |_, it| {
        text(trim_set(it.text(1), it.text(0)))
    }),
    Function::fixed("trunc", &[INT, STRING], |_, it| {
        text(truncate(it.text(1), it.int(0)))
    }),
];

fn is_string_list(value: &Value) -> bool {
    value.as_list().is_some_and(|it| *it.ty() == STRING_LIST)
}

/// The texts of a list, sorted by bytes. A list of strings is sorted in place, which is visible through all references.
fn sorted(value: &Value) -> Value {
    if let Some(list) = value.as_list().filter(|_| is_string_list(value)) {
        if let Some(mut items) = list.items_mut() {
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        }
        return value.clone();
    }
    let mut texts = texts(value);
    match items(value) {
        Ok(_) => texts.sort(),
        Err(_) => texts = vec![to_text(value)],
    }
    Value::strings(texts)
}

/// Abbreviates a text to at most `width` bytes, with dots in place of omitted parts. `offset` bytes at the beginning may also be
/// omitted.
fn abbreviate(text: &[u8], offset: i64, width: i64, both: bool) -> Vec<u8> {
    let width_at_least = if both && offset > 0 { 7 } else { 4 };
    let (Ok(offset), Ok(width)) = (usize::try_from(offset.max(0)), usize::try_from(width)) else {
        return text.to_vec();
    };
    let length = text.len();
    if width < width_at_least || length <= width {
        return text.to_vec();
    }
    let kept = width - 3;
    let offset = offset.min(length - kept);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    if offset <= 4 {
        return [part(0, kept), b"..."].concat();
    }
    if offset + kept < length {
        let rest = part(offset, length);
        return [b"...", &*abbreviate(rest, 0, kept as i64, false)].concat();
    }
    [b"...", part(length - kept, length)].concat()
}

fn joined<T: AsRef<[u8]>>(context: &mut Context<'_>, parts: &[T], separator: &[u8]) -> Returned {
    let length: usize = parts
        .iter()
        .map(|it| it.as_ref().len() + separator.len())
        .sum();
    context.charge(length)?;
    let mut out = Vec::with_capacity(length);
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(part.as_ref());
    }
    text(out)
}

pub(super) fn repeated(
    context: &mut Context<'_>,
    text: &[u8],
    count: i64,
) -> Result<Vec<u8>, FunctionError> {
    let Ok(count) = usize::try_from(count) else {
        return fail("strings: negative Repeat count");
    };
    let Some(length) = text.len().checked_mul(count) else {
        return fail("strings: Repeat output length overflow");
    };
    context.charge(length)?;
    Ok(text.repeat(count))
}

/// Indents each line, including empty ones.
fn indent(context: &mut Context<'_>, arguments: Arguments<'_>, before: &str) -> Returned {
    let padding = repeated(context, b" ", arguments.int(0))?;
    let body = arguments.text(1);
    let lines = body.iter().filter(|it| **it == b'\n').count() + 1;
    let length = body
        .len()
        .saturating_add(lines.saturating_mul(padding.len()));
    context.charge(length)?;
    let mut out = Vec::with_capacity(length + before.len());
    out.extend_from_slice(before.as_bytes());
    for (at, line) in body.split(|it| *it == b'\n').enumerate() {
        if at > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&padding);
        out.extend_from_slice(line);
    }
    text(out)
}

/// An empty old text matches before each character and at the end.
fn replace(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let (old, new, source) = (arguments.text(0), arguments.text(1), arguments.text(2));
    let parts = split(source, old, None);
    let count = parts.len() + if old.is_empty() { 1 } else { 0 };
    context.charge(source.len().saturating_add(new.len().saturating_mul(count)))?;
    let mut out = Vec::with_capacity(source.len());
    for (at, part) in parts.iter().enumerate() {
        if at > 0 || old.is_empty() {
            out.extend_from_slice(new);
        }
        out.extend_from_slice(part);
    }
    if old.is_empty() {
        out.extend_from_slice(new);
    }
    text(out)
}

/// The parts between separators, at most `limit` of them. An empty separator splits into characters.
fn split<'t>(text: &'t [u8], separator: &[u8], limit: Option<usize>) -> Vec<&'t [u8]> {
    if limit == Some(0) {
        return Vec::new();
    }
    if separator.is_empty() {
        return explode(text, limit);
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while limit.is_none_or(|limit| parts.len() + 1 < limit) {
        let Some(at) = find(rest, separator) else {
            break;
        };
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.get(separator.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

fn explode(text: &[u8], limit: Option<usize>) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if limit.is_some_and(|limit| parts.len() + 1 >= limit) {
            parts.push(rest);
            break;
        }
        let (part, after) = rest.split_at(first_width(rest));
        parts.push(part);
        rest = after;
    }
    parts
}

/// The length of the first character; one byte for invalid UTF-8.
fn first_width(text: &[u8]) -> usize {
    let head = text.get(..4).unwrap_or(text);
    let valid = head.utf8_chunks().next().map_or("", |it| it.valid());
    valid.chars().next().map_or(1, char::len_utf8)
}

/// The position of a text in another one.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, needle)
}

/// A map of the parts with keys `_0`, `_1` and so on.
fn numbered(parts: Vec<&[u8]>) -> Value {
    let parts = parts.into_iter().enumerate();
    let entry =
        |(at, part): (usize, &[u8])| (Str::from(format!("_{at}")), Value::String(part.into()));
    Value::Map(Map::with_type(&STRING_MAP, parts.map(entry).collect()))
}

fn substring(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let (start, end, source) = (arguments.int(0), arguments.int(1), arguments.text(2));
    let length = source.len() as i64;
    let bounds = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        (start, length)
    } else {
        (start, end)
    };
    let (from, to) = bounds;
    let part = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    match part.and_then(|(from, to)| source.get(from..to)) {
        Some(part) => text(part),
        None if start < 0 && end < 0 => {
            fail(format!("runtime error: slice bounds out of range [:{end}]"))
        }
        None if start < 0 => fail(format!(
            "runtime error: slice bounds out of range [:{end}] with length {length}"
        )),
        None => fail(format!(
            "runtime error: slice bounds out of range [{from}:{to}]"
        )),
    }
}

/// Removes Unicode spaces at both ends.
fn trim_space(text: &[u8]) -> &[u8] {
    trim(text, is_space)
}

fn trim_set<'t>(text: &'t [u8], set: &[u8]) -> &'t [u8] {
    let set: Vec<char> = runes(set).collect();
    trim(text, |c| set.contains(&c))
}

fn trim(mut text: &[u8], is_trimmed: impl Fn(char) -> bool) -> &[u8] {
    let first = |text: &[u8]| runes(text.get(..4).unwrap_or(text)).next();
    while first(text).is_some_and(&is_trimmed) {
        text = text.get(first_width(text)..).unwrap_or_default();
    }
    while let Some((width, c)) = last_character(text) {
        if !is_trimmed(c) {
            break;
        }
        text = text.get(..text.len() - width).unwrap_or_default();
    }
    text
}

/// The last character and its length; for invalid UTF-8, U+FFFD and one byte.
fn last_character(text: &[u8]) -> Option<(usize, char)> {
    text.last()?;
    for width in 1..=4.min(text.len()) {
        let tail = text.get(text.len() - width..).unwrap_or_default();
        if let Some(c) = std::str::from_utf8(tail)
            .ok()
            .and_then(|it| it.chars().next())
        {
            return Some((width, c));
        }
    }
    Some((1, char::REPLACEMENT_CHARACTER))
}

/// The first bytes, or the last ones for a negative count.
fn truncate(text: &[u8], count: i64) -> &[u8] {
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if size >= text.len() {
        return text;
    }
    match count < 0 {
        true => text.get(text.len() - size..).unwrap_or(text),
        false => text.get(..size).unwrap_or(text),
    }
}
