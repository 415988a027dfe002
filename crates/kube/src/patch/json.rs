//! JSON in patches: its syntax is stricter than YAML, but a few strings of JSON are not valid in YAML.

use std::sync::Arc;

use pleach_yaml::diag::{Source, Span};

/// Checks the syntax of JSON. The error is the reason and its location.
pub(super) fn check(source: &Arc<Source>) -> Result<(), (String, Span)> {
    let text = without_surrogates(&source.text);
    let Err(fault) = serde_json::from_slice::<serde_json::Value>(&text) else {
        return Ok(());
    };
    let reason = fault.to_string();
    let reason = reason.split(" at line ").next().unwrap_or("");
    // Go has no such limits for the text; depths and values of nodes are checked elsewhere.
    let is_limit = ["recursion limit", "number out of range"];
    if is_limit.iter().any(|it| reason.starts_with(it)) {
        return Ok(());
    }
    let before = source
        .text
        .split_inclusive('\n')
        .take(fault.line().saturating_sub(1));
    let line = before.map(str::len).sum::<usize>();
    let at = (line + fault.column().saturating_sub(1)).min(source.text.len());
    let at = (0..=at).rev().find(|at| source.text.is_char_boundary(*at));
    let at = at.unwrap_or(0);
    let len = source.text.get(at..).and_then(|it| it.chars().next());
    let len = len.filter(|it| *it != '\n').map_or(0, char::len_utf8);
    Err((reason.to_string(), Span::new(source, at..at + len)))
}

/// The text with other characters of the same length for surrogates, which in Go need not be in pairs.
fn without_surrogates(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let mut at = 0;
    let escape = |bytes: &[u8], at: usize| bytes.get(at..)?.iter().position(|it| *it == b'\\');
    while let Some(length) = escape(&bytes, at) {
        at += length + 2;
        if let Some(
            [
                b'u',
                first @ (b'd' | b'D'),
                b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F',
                ..,
            ],
        ) = bytes.get_mut(at - 1..)
        {
            *first = b'1';
        }
    }
    bytes
}

/// The text with other spellings of the strings that YAML reads in another way than JSON: `\/`, pairs of surrogates, line separators.
///
/// Lines keep their locations.
pub(super) fn as_yaml(source: &Arc<Source>) -> Arc<Source> {
    let is_special = |c: char| matches!(c, '\\' | '\u{7f}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    if !source.text.contains(is_special) {
        return source.clone();
    }
    let mut text = String::with_capacity(source.text.len());
    let mut rest = source.text.as_str();
    while let Some(at) = rest.find(is_special) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        rest = spell(after, &mut text);
    }
    text.push_str(rest);
    if text == source.text {
        return source.clone();
    }
    let starts = source.text.match_indices('\n').map(|(at, _)| at + 1);
    let lines = std::iter::once(0).chain(starts);
    let lines = lines.map(|at| u32::try_from(at).unwrap_or(u32::MAX));
    let whole = Span::new(source, 0..source.text.len());
    Source::embedded(whole, text, lines.collect())
}

/// Writes the special character at the start of a text as YAML reads it; returns the rest.
fn spell<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let Some(escape) = rest.strip_prefix('\\') else {
        let mut chars = rest.chars();
        let code = chars.next().map_or(0, u32::from);
        text.push_str(&format!("\\u{code:04X}"));
        return chars.as_str();
    };
    if let Some(after) = escape.strip_prefix('/') {
        text.push('/');
        return after;
    }
    let Some(first @ 0xD800..0xE000) = code_unit(rest) else {
        let len = 1 + escape.chars().next().map_or(0, char::len_utf8);
        let (known, after) = rest.split_at(len);
        text.push_str(known);
        return after;
    };
    let after = rest.get(6..).unwrap_or("");
    match code_unit(after) {
        Some(second @ 0xDC00..0xE000) if first < 0xDC00 => {
            let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            text.push_str(&format!("\\U{code:08X}"));
            after.get(6..).unwrap_or("")
        }
        // Go replaces a surrogate without the other one.
        _ => {
            text.push_str("\\uFFFD");
            after
        }
    }
}

/// The number in an escape `\uXXXX` at the start of a text.
fn code_unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let are_digits = digits.bytes().all(|it| it.is_ascii_hexdigit());
    are_digits.then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_json_are_spelled_as_in_yaml() {
        let check = |json: &str, expected: &str| {
            let text = as_yaml(&Source::internal("patch", json)).text.clone();
            assert_eq!(text, expected);
        };
        check(r#"["\/ \\/ \n"]"#, r#"["/ \\/ \n"]"#);
        check(r#"["\ud83d\ude00"]"#, r#"["\U0001F600"]"#);
        check(r#"["\ud83d", "\ude00x"]"#, r#"["\uFFFD", "\uFFFDx"]"#);
        check("[\"\u{2028}\"]", r#"["\u2028"]"#);
    }
}
