//! A compiled pattern.

use std::ops::Range;

use crate::error::{Code, Error};
use crate::parse::translate;
use crate::text::Text;

/// The maximum memory of a compiled pattern.
const SIZE_LIMIT: usize = 64 << 20;

/// A compiled pattern. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Regexp {
    compiled: regex::Regex,
    names: Vec<Option<String>>,
    expression: String,
}

/// A match: the ranges of the whole match and of each group; `None` for a group that did not participate.
pub type Match = Vec<Option<Range<usize>>>;

impl Regexp {
    /// Compiles a pattern.
    ///
    /// Errors: with the message of Go's `regexp.Compile`.
    pub fn new(pattern: &str) -> Result<Regexp, Error> {
        let translation = translate(pattern)?;
        let mut builder = regex::RegexBuilder::new(&translation.pattern);
        // The depth is limited in terms of Go's syntax tree; the translation has a few levels for each of its levels.
        builder.size_limit(SIZE_LIMIT).nest_limit(2_000);
        let compiled = builder.build();
        Ok(Regexp {
            compiled: compiled.map_err(|_| Error::new(Code::Large, pattern))?,
            names: translation.names,
            expression: pattern.to_string(),
        })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.expression
    }

    /// Whether the pattern matches anywhere in the text.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.compiled.is_match(&Text::new(text).valid)
    }

    /// The byte range of the leftmost match, preferring alternatives as Perl does.
    pub fn find(&self, text: &[u8]) -> Option<Range<usize>> {
        let text = Text::new(text);
        let found = self.compiled.find(&text.valid)?;
        Some(text.original(found.start())..text.original(found.end()))
    }

    /// The leftmost match with its groups.
    pub fn captures(&self, text: &[u8]) -> Option<Match> {
        let text = Text::new(text);
        let captures = self.compiled.captures(&text.valid)?;
        Some(original(&text, &captures))
    }

    /// The first `limit` matches without overlaps; an empty match directly after another match is ignored.
    pub fn find_all(&self, text: &[u8], limit: Option<usize>) -> Vec<Range<usize>> {
        let text = Text::new(text);
        let mut found = Vec::new();
        let (mut position, mut previous_end) = (0, None);
        while limit.is_none_or(|limit| found.len() < limit) && position <= text.valid.len() {
            let Some(next) = self.compiled.find_at(&text.valid, position) else {
                break;
            };
            let is_counted = next.end() != position || previous_end != Some(next.start());
            if next.end() == position {
                position += text.width(position).max(1);
            } else {
                position = next.end();
            }
            previous_end = Some(next.end());
            if is_counted {
                found.push(text.original(next.start())..text.original(next.end()));
            }
        }
        found
    }

    /// Replaces every match by a template, in which `$1`, `${1}` and `$name` are groups and `$$` is a dollar sign.
    pub fn replace_all(&self, text: &[u8], template: &[u8]) -> Vec<u8> {
        self.replace(text, |out, captures| {
            self.expand(out, template, text, captures)
        })
    }

    /// Replaces every match by a literal text.
    pub fn replace_all_literal(&self, text: &[u8], replacement: &[u8]) -> Vec<u8> {
        self.replace(text, |out, _| out.extend_from_slice(replacement))
    }

    fn replace(&self, bytes: &[u8], mut put: impl FnMut(&mut Vec<u8>, &Match)) -> Vec<u8> {
        let text = Text::new(bytes);
        let mut out = Vec::new();
        let (mut last_end, mut position) = (0, 0);
        while position <= text.valid.len() {
            let Some(captures) = self.compiled.captures_at(&text.valid, position) else {
                break;
            };
            let (start, end) = captures
                .get(0)
                .map_or((position, position), |it| (it.start(), it.end()));
            let found = original(&text, &captures);
            out.extend_from_slice(slice(bytes, text.original(last_end), text.original(start)));
            if end > last_end || start == 0 {
                put(&mut out, &found);
            }
            last_end = end;
            let width = text.width(position);
            position = if position + width > end {
                position + width
            } else if position + 1 > end {
                position + 1
            } else {
                end
            };
        }
        out.extend_from_slice(slice(bytes, text.original(last_end), bytes.len()));
        out
    }

    /// The parts of the text between the matches, at most `limit` of them.
    pub fn split<'t>(&self, text: &'t [u8], limit: Option<usize>) -> Vec<&'t [u8]> {
        if limit == Some(0) {
            return Vec::new();
        }
        if !self.expression.is_empty() && text.is_empty() {
            return vec![text];
        }
        let mut parts = Vec::new();
        let (mut begin, mut end) = (0, 0);
        for found in self.find_all(text, limit) {
            if limit.is_some_and(|limit| parts.len() + 1 >= limit) {
                break;
            }
            end = found.start;
            if found.end != 0 {
                parts.push(slice(text, begin, end));
            }
            begin = found.end;
        }
        if end != text.len() {
            parts.push(slice(text, begin, text.len()));
        }
        parts
    }

    /// Appends a template, expanded for one match, to `out`.
    pub fn expand(&self, out: &mut Vec<u8>, template: &[u8], text: &[u8], found: &Match) {
        let mut rest = template;
        while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
            let (plain, after) = rest.split_at(at);
            out.extend_from_slice(plain);
            rest = after.get(1..).unwrap_or_default();
            if let Some(after) = rest.strip_prefix(b"$") {
                out.push(b'$');
                rest = after;
                continue;
            }
            let Some((name, after)) = reference(rest) else {
                out.push(b'$');
                continue;
            };
            rest = after;
            if let Some(range) = self.group(name, found) {
                out.extend_from_slice(slice(text, range.start, range.end));
            }
        }
        out.extend_from_slice(rest);
    }

    /// The group with a number, or with a name if Go does not read it as a number.
    fn group(&self, name: &str, found: &Match) -> Option<Range<usize>> {
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit())
            && (name == "0" || !name.starts_with('0'));
        if is_number {
            let number: usize = name.parse().ok()?;
            return found.get(number)?.clone();
        }
        let mut named = self.names.iter().zip(found);
        named
            .find(|(it, group)| it.as_deref() == Some(name) && group.is_some())
            .and_then(|(_, group)| group.clone())
    }
}

/// Escapes characters with a meaning in patterns.
pub fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if br"\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}

/// The name after a `$` in a template, and the rest; `None` if the `$` is literal.
fn reference(template: &[u8]) -> Option<(&str, &[u8])> {
    let (inner, braced) = match template.strip_prefix(b"{") {
        Some(inner) => (inner, true),
        None => (template, false),
    };
    let valid = inner.utf8_chunks().next().map_or("", |it| it.valid());
    let is_word = |it: char| it == '_' || it.is_alphabetic() || it.is_numeric();
    let length = valid.find(|it| !is_word(it)).unwrap_or(valid.len());
    let name = valid.get(..length).filter(|it| !it.is_empty())?;
    let rest = inner.get(length..)?;
    match braced {
        true => Some((name, rest.strip_prefix(b"}")?)),
        false => Some((name, rest)),
    }
}

fn original(text: &Text<'_>, captures: &regex::Captures<'_>) -> Match {
    let position = |it: regex::Match<'_>| text.original(it.start())..text.original(it.end());
    captures.iter().map(|group| group.map(position)).collect()
}

fn slice(text: &[u8], start: usize, end: usize) -> &[u8] {
    text.get(start..end).unwrap_or_default()
}
