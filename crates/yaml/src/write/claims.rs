//! The claims form, the format of the committed tree.
//!
//! Keys in the given order, sequences in the column of their key, no folding, LF line ends. A string that has another type in YAML
//! 1.1 or 1.2 is in double quotes; multi-line strings are literal blocks. A number whose value differs between the two versions
//! (`0777`, `1_000`) is written in plain decimal.

use super::text::{is_long_word, is_word};
use crate::scalar::{float_value, int_value_wide};
use crate::{Kind, Mapping, Node, View, resolve};

/// Writes one document, with a final line feed.
pub fn emit_canonical(node: &Node) -> String {
    let mut writer = Writer { out: String::new() };
    match node.view() {
        View::Mapping(mapping) if !mapping.is_empty() => writer.mapping(mapping, 0, false),
        View::Sequence(items) if !items.is_empty() => writer.sequence(items, 0, false),
        _ => {
            writer.inline(node, 2);
            writer.out.push('\n');
        }
    }
    writer.out
}

struct Writer {
    out: String,
}

impl Writer {
    /// `started`: the cursor is already at the start of the first entry.
    fn mapping(&mut self, mapping: &Mapping, indent: usize, started: bool) {
        for (at, entry) in mapping.iter().enumerate() {
            if at > 0 || !started {
                self.indent(indent);
            }
            self.key(&entry.key);
            match entry.value.view() {
                View::Mapping(inner) if !inner.is_empty() => {
                    self.out.push_str(":\n");
                    self.mapping(inner, indent + 2, false);
                }
                View::Sequence(items) if !items.is_empty() => {
                    self.out.push_str(":\n");
                    self.sequence(items, indent, false);
                }
                _ => {
                    self.out.push_str(": ");
                    self.inline(&entry.value, indent + 2);
                    self.out.push('\n');
                }
            }
        }
    }

    fn sequence(&mut self, items: &[Node], indent: usize, started: bool) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 || !started {
                self.indent(indent);
            }
            self.out.push_str("- ");
            match item.view() {
                View::Mapping(mapping) if !mapping.is_empty() => {
                    self.mapping(mapping, indent + 2, true)
                }
                View::Sequence(items) if !items.is_empty() => {
                    self.sequence(items, indent + 2, true)
                }
                _ => {
                    self.inline(item, indent + 2);
                    self.out.push('\n');
                }
            }
        }
    }

    /// Writes a value on the line of its key or dash, including the lines of a block scalar, without the final line feed.
    fn inline(&mut self, node: &Node, indent: usize) {
        match node.view() {
            View::Mapping(_) => self.out.push_str("{}"),
            View::Sequence(_) => self.out.push_str("[]"),
            View::Scalar(text) => match node.kind() {
                Kind::Null => self.out.push_str("null"),
                Kind::Bool => self.out.push_str(if node.as_bool() == Some(true) {
                    "true"
                } else {
                    "false"
                }),
                Kind::Int | Kind::Float => self.out.push_str(&number(text)),
                Kind::Binary => {
                    self.out.push_str("!!binary ");
                    self.double_quoted(text);
                }
                _ if is_block_text(text) => self.literal(text, indent),
                _ => self.string(text),
            },
        }
    }

    fn key(&mut self, key: &Node) {
        self.string(key.as_str().unwrap_or(""));
    }

    fn string(&mut self, text: &str) {
        if is_plain(text) {
            self.out.push_str(text)
        } else {
            self.double_quoted(text)
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n']) {
            self.out.push('2');
        }
        if !text.ends_with('\n') {
            self.out.push('-');
        } else if text.ends_with("\n\n") || text == "\n" {
            self.out.push('+');
        }
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            self.out.push('\n');
            if !line.is_empty() {
                self.indent(indent);
                self.out.push_str(line);
            }
        }
    }

    fn double_quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                '\r' => self.out.push_str("\\r"),
                c if is_printable(c) => self.out.push(c),
                c if (c as u32) < 0x100 => self.out.push_str(&format!("\\x{:02X}", c as u32)),
                c if (c as u32) < 0x10000 => self.out.push_str(&format!("\\u{:04X}", c as u32)),
                c => self.out.push_str(&format!("\\U{:08X}", c as u32)),
            }
        }
        self.out.push('"');
    }

    fn indent(&mut self, columns: usize) {
        self.out.extend(std::iter::repeat_n(' ', columns));
    }
}

/// A number that all parsers interpret equally: as written if it is plain decimal, otherwise its value.
fn number(text: &str) -> String {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let decimal = unsigned == "0"
        || !unsigned.starts_with('0') && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if decimal && !unsigned.is_empty() {
        return text.to_string();
    }
    if let Some(value) = int_value_wide(text) {
        return value.to_string();
    }
    let fraction = unsigned.split_once('.').is_some_and(|(whole, fraction)| {
        let digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'))
    });
    match float_value(text) {
        Some(_) if fraction => text.to_string(),
        // In YAML 1.1, an exponent requires a point before it and a sign; otherwise, it is a string.
        Some(value) => {
            let text = format!("{value:e}");
            match text.split_once('e') {
                Some((mantissa, "0")) if mantissa.contains('.') => mantissa.to_string(),
                Some((mantissa, "0")) => format!("{mantissa}.0"),
                Some((mantissa, exponent)) => {
                    let point = if mantissa.contains('.') { "" } else { ".0" };
                    let sign = if exponent.starts_with('-') { "" } else { "+" };
                    format!("{mantissa}{point}e{sign}{exponent}")
                }
                None => text,
            }
        }
        None => text.to_string(),
    }
}

/// Whether a multi-line string can be a literal block that all parsers read unchanged.
pub fn is_block_text(text: &str) -> bool {
    text.contains('\n')
        && !text.trim_matches('\n').is_empty()
        && !text.starts_with('\t')
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || is_printable(c))
        && text
            .split('\n')
            .all(|line| line.is_empty() || line.bytes().any(|byte| byte != b' ' && byte != b'\t'))
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// Whether a string needs no quotes, because all parsers read the plain text as this string.
pub fn is_plain(text: &str) -> bool {
    if is_word(text) {
        return is_long_word(text) || !is_word_of_yaml_1_1(text) && !is_infinity_or_nan(text);
    }
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    let indicator = match first {
        b'-' | b'?' | b':' => bytes.get(1).is_none_or(|next| *next == b' '),
        first => b" \t,[]{}#&*!|>'\"%@`=".contains(first),
    };
    !indicator
        && *last != b' '
        && *last != b':'
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !text.contains(": ")
        && !text.contains(" #")
        && text != "<<"
        && text.chars().all(is_printable)
        && resolve(text) == Kind::String
        && !is_word_of_yaml_1_1(text)
        && !looks_like_number(text)
}

fn is_word_of_yaml_1_1(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    text.len() <= 5 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

fn is_infinity_or_nan(text: &str) -> bool {
    const WORDS: [&str; 5] = [".inf", ".nan", "inf", "nan", "infinity"];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Numbers of YAML 1.1 that are not numbers in 1.2 (base 60, `0o8`, `1e400`), and texts that other parsers may treat as numbers.
fn looks_like_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if is_infinity_or_nan(unsigned) {
        return true;
    }
    let starts_with_digit = unsigned
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit());
    let base_60 = starts_with_digit
        && unsigned.contains(':')
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"_:.".contains(&byte));
    let exponent = starts_with_digit
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"_.eE+-".contains(&byte))
        && unsigned.contains(['e', 'E']);
    let digits = starts_with_digit
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_');
    base_60 || exponent || digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Source;
    use crate::parse_one;
    use crate::tree::TreePath;

    fn round(text: &str) -> String {
        let source = Source::new(TreePath::new("t.yaml").unwrap(), text);
        emit_canonical(&parse_one(&source).unwrap())
    }

    #[test]
    fn strings_that_look_like_other_types_are_quoted() {
        let quoted = [
            "yes",
            "y",
            "12:30",
            "1e3",
            "2001-01-01",
            "=",
            "a: b",
            "- x",
            "",
            " a",
            "x:",
            ".5",
            "0o17",
            "1_0",
            "Off",
        ];
        for text in quoted {
            assert_eq!(emit_canonical(&Node::string(text)), format!("{text:?}\n"));
        }
        for text in [
            ">=2.1.0",
            "a:b",
            "0.25.6",
            "100m",
            "1Gi",
            "v1",
            "-x",
            "a#b",
            "é",
            "C:\\dir",
            "clickhouse/clickhouse-server:24.8",
        ] {
            let plain = is_plain(text);
            assert_eq!(plain, text != ">=2.1.0", "{text}");
        }
    }

    #[test]
    fn collections_and_blocks() {
        let text =
            "a:\n- b: 1\n  c: []\n- - x\n  - {}\nd: |\n  one\n\n  two\ne: |-\n  x\n   y\nf: null\n";
        assert_eq!(round(text), text);
        assert_eq!(
            round("a: 0777\nb: 1_000\nc: 1e3\nd: 1.50\n"),
            "a: 511\nb: 1000\nc: 1.0e+3\nd: 1.50\n"
        );
    }
}
