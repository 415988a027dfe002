//! A value after kustomize's round trip through YAML, JSON and YAML.

use std::borrow::Cow;

use super::number;
use super::printer::Printer;
use super::text::{Facts, Quotes, TextContext, is_plain_word};
use crate::diag::{Diagnostic, Source};
use crate::{Entry, Kind, Node, Style, Tag, View, parse_one, resolve, timestamp};

/// A scalar to be printed.
#[derive(PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A null, a boolean or a number: printed as it is.
    Word(Cow<'a, str>),
    Text(Cow<'a, str>),
}

/// The maximum length of the JSON text of a key that version 2 parses as a key.
const KEY_LEN_MAX: usize = 1024;

fn refused(node: &Node, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("build-value", message).at(node)
}

/// The same as printed by version 2, which reads the JSON before.
pub(super) fn read_by_version_2(node: &Node, flow: bool) -> Result<Value<'_>, Diagnostic> {
    Ok(match from_node(node, flow)? {
        Value::Text(text) if text.contains('\u{85}') => {
            Value::Text(through_json(node, &text)?.into())
        }
        value => value,
    })
}

/// `flow`: in the source, the scalar is inside `{…}` or `[…]`.
pub(super) fn from_node(node: &Node, flow: bool) -> Result<Value<'_>, Diagnostic> {
    let text = node.as_str().unwrap_or("");
    Ok(match kind(node, text)? {
        // kustomize writes a missing value inside `{…}` as an empty string.
        Kind::Null if text.is_empty() && is_missing_in_flow(node, flow) => Value::Text("".into()),
        Kind::Null => Value::Word("null".into()),
        Kind::Bool => Value::Word(
            if matches!(text, "true" | "True" | "TRUE") {
                "true"
            } else {
                "false"
            }
            .into(),
        ),
        Kind::Int if is_plain_decimal(text) => Value::Word(text.into()),
        Kind::Int | Kind::Float if node.tag() != Tag::Float && number::whole(text).is_some() => {
            Value::Word(number::whole(text).unwrap_or_default().into())
        }
        Kind::Int | Kind::Float => match number::stated_float(text) {
            Some(text) => Value::Word(text.into()),
            None => {
                let fault = refused(
                    node,
                    format!("`{text}` is a number that JSON cannot represent"),
                );
                return Err(fault.help("quote it if it is meant as a string"));
            }
        },
        Kind::Timestamp => Value::Text(timestamp::rfc_3339(text).unwrap_or_default().into()),
        Kind::Binary => Value::Text(decoded(node, text)?.into()),
        _ => Value::Text(string(node, text, flow)?),
    })
}

/// The text of a string that the round trip does not change and that is printed without quotes. `None` for any other value; faster
/// than [`from_node`].
pub(super) fn plain_word(node: &Node) -> Option<&str> {
    let word = node.as_str().filter(|it| is_plain_word(it))?;
    // A folded block is printed and parsed again.
    (node.style() != Style::Folded && node.kind() == Kind::String).then_some(word)
}

/// Whether a value is missing inside a flow collection: a null without text and without a tag. If its tag is set, the current
/// position decides.
fn is_missing_in_flow(node: &Node, flow: bool) -> bool {
    match node.style() {
        Style::Flow => node.tag() == Tag::None,
        style => flow && style == Style::Plain,
    }
}

/// The kind, which must match the tag.
fn kind(node: &Node, text: &str) -> Result<Kind, Diagnostic> {
    let kind = node.kind();
    let found = match node.tag() {
        Tag::None | Tag::Str | Tag::Binary | Tag::Other => return Ok(kind),
        _ if kind == Kind::String => return Ok(kind),
        _ => resolve(text),
    };
    if found == kind || (kind, found) == (Kind::Float, Kind::Int) {
        return Ok(kind);
    }
    let message = format!(
        "`{text}` is {}, but its tag is for {}",
        found.description(),
        kind.description()
    );
    Err(refused(node, message).help("remove the tag, or write a value that matches it"))
}

fn is_plain_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    digits.len() < 19
        && matches!(digits.first(), Some(b'1'..=b'9'))
        && digits.iter().all(u8::is_ascii_digit)
        || text == "0"
}

/// The text of a key, which must be a string.
pub(super) fn key(node: &Node, flow: bool) -> Result<Cow<'_, str>, Diagnostic> {
    let text = node.as_str().unwrap_or("");
    let missing = node.style() == Style::Flow && node.is_null();
    if node.kind() != Kind::String && !missing {
        let message = format!(
            "key `{text}` is {}, but kustomize only allows strings",
            node.kind().description()
        );
        return Err(refused(node, message).help("quote the key"));
    }
    let text = string(node, text, flow)?;
    if text.len() >= KEY_LEN_MAX / 6 && json_len(&text) > KEY_LEN_MAX {
        let message = format!(
            "the key is longer than {KEY_LEN_MAX} characters, which kustomize cannot parse"
        );
        return Err(refused(node, message).help("use a shorter key"));
    }
    if node.as_str().is_some_and(|it| it.contains('\u{85}')) {
        let fault = refused(
            node,
            "the key contains the character U+0085, which kustomize parses as a line break",
        );
        return Err(fault.help("remove the character"));
    }
    Ok(text)
}

/// The length of a string in Go's JSON, in characters, including quotes.
fn json_len(text: &str) -> usize {
    let len = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => 6,
        _ => 1,
    };
    2 + text.chars().map(len).sum::<usize>()
}

/// Whether version 2 treats the entry as a merge and loses it: a key `<<` that is quoted in the source.
pub(super) fn is_swallowed(entry: &Entry) -> Result<bool, Diagnostic> {
    if !entry.key.is_text("<<") {
        return Ok(false);
    }
    let is_map = |node: &Node| matches!(node.view(), View::Mapping(_));
    match entry.value.view() {
        View::Mapping(_) => Ok(true),
        View::Sequence(items) if items.iter().all(is_map) => Ok(true),
        _ => Err(refused(
            &entry.value,
            "kustomize treats the key `<<` as a merge key, which requires a map",
        )
        .help("use another key")),
    }
}

/// A string after the round trip.
fn string<'a>(node: &Node, text: &'a str, flow: bool) -> Result<Cow<'a, str>, Diagnostic> {
    let text = if flow {
        Cow::Borrowed(text)
    } else {
        as_block_text(node, text)?
    };
    if text.bytes().all(|byte| byte < 0x7f) {
        return Ok(text);
    }
    let refused_by_reader =
        |c: char| matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if let Some(c) = text.chars().find(|c| refused_by_reader(*c)) {
        let before = text.split(c).next().unwrap_or("");
        let line = match text.contains('\n') {
            true => format!(" on line {}", before.matches('\n').count() + 1),
            false => String::new(),
        };
        let message = format!(
            "the string contains the control character U+{:04X}{line}, which kustomize cannot parse",
            c as u32
        );
        return Err(
            refused(node, message).help("remove the character, or encode the data as base64")
        );
    }
    Ok(text)
}

/// A string after kustomize has printed it as a block scalar and parsed it again.
fn as_block_text<'a>(node: &Node, text: &'a str) -> Result<Cow<'a, str>, Diagnostic> {
    let block = match node.style() {
        Style::Folded | Style::Literal => true,
        Style::Plain | Style::Flow | Style::Tagged => text.contains('\n'),
        Style::SingleQuoted | Style::DoubleQuoted => false,
    };
    if !block
        || Facts::new(text).quotes(
            Quotes::Literal,
            text,
            TextContext {
                flow: false,
                simple_key: false,
            },
        ) != Quotes::Literal
    {
        return Ok(Cow::Borrowed(text));
    }
    if text.starts_with('\t') {
        let fault = refused(
            node,
            "kustomize cannot parse a multi-line string that begins with a tab",
        );
        return Err(
            fault.help("put the string in double quotes, or begin it with another character")
        );
    }
    if node.style() != Style::Folded {
        return Ok(Cow::Borrowed(text));
    }
    let mut printer = Printer::new(false);
    printer.push("- ");
    printer.folded(text, 2, "");
    let again = reread(node, printer.finish())?;
    let items = again.as_sequence().unwrap_or(&[]);
    Ok(items
        .first()
        .and_then(Node::as_str)
        .unwrap_or(text)
        .to_string()
        .into())
}

/// A string after JSON, which does not escape U+0085; version 2 parses it as a line break in quotes.
fn through_json(node: &Node, text: &str) -> Result<String, Diagnostic> {
    let mut json = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                json.push_str(&format!("\\u{:04x}", c as u32))
            }
            c => json.push(c),
        }
    }
    json.push('"');
    Ok(reread(node, json)?.as_str().unwrap_or("").to_string())
}

fn reread(node: &Node, text: String) -> Result<Node, Diagnostic> {
    let source = Source::internal("", text);
    parse_one(&source).map_err(|_| {
        refused(node, "kustomize cannot parse this string again")
            .help("put the string in double quotes")
    })
}

fn decoded(node: &Node, text: &str) -> Result<String, Diagnostic> {
    let bytes = base64(text).ok_or_else(|| {
        refused(node, "the string is not base64, but its tag is `!!binary`").help("remove the tag")
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Decodes base64 with padding, ignoring line breaks.
fn base64(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text
        .bytes()
        .filter(|it| !matches!(it, b'\r' | b'\n'))
        .collect();
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    let groups = letters.chunks(4).len();
    for (at, group) in letters.chunks(4).enumerate() {
        let padding = group.iter().rev().take_while(|it| **it == b'=').count();
        if group.len() != 4 || padding > 2 || padding > 0 && at + 1 < groups {
            return None;
        }
        let mut bits = 0_u32;
        for letter in &group[..4 - padding] {
            bits = bits << 6 | sextet(*letter)?;
        }
        bits <<= 6 * padding;
        bytes.extend_from_slice(&bits.to_be_bytes()[1..4 - padding]);
    }
    Some(bytes)
}

fn sextet(letter: u8) -> Option<u32> {
    Some(u32::from(match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}
