//! Padding, and formatting of strings and bytes with `%s`, `%q`, `%x`.

use super::printer::Printer;
use crate::go::strconv;

pub(super) const LOWER: &[u8; 17] = b"0123456789abcdefx";
pub(super) const UPPER: &[u8; 17] = b"0123456789ABCDEFX";

impl Printer<'_> {
    /// Writes bytes, padded to the width in characters.
    pub(super) fn pad(&mut self, text: &[u8]) {
        let Some(width) = self.flags.width.filter(|it| *it > 0) else {
            return self.out.extend_from_slice(text);
        };
        let missing = width.saturating_sub(rune_count(text));
        if self.flags.minus {
            self.out.extend_from_slice(text);
            self.padding(missing);
        } else {
            self.padding(missing);
            self.out.extend_from_slice(text);
        }
    }

    pub(super) fn padding(&mut self, count: usize) {
        let byte = if self.flags.zero && !self.flags.minus {
            b'0'
        } else {
            b' '
        };
        self.out.resize(self.out.len() + count, byte);
    }

    /// Pads with spaces, ignoring the flag `0`.
    pub(super) fn pad_with_spaces(&mut self, text: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(text);
        self.flags.zero = zero;
    }

    /// Formats a string with a verb; false if the verb is invalid for it.
    pub(super) fn text(&mut self, text: &[u8], verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => {
                let text = self.truncated(text);
                self.pad(text);
            }
            'x' => self.hex_text(text, LOWER),
            'X' => self.hex_text(text, UPPER),
            'q' => self.quoted(text),
            _ => return false,
        }
        true
    }

    fn truncated<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        match self.flags.precision {
            Some(count) => first_runes(text, count),
            None => text,
        }
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.truncated(text);
        if self.flags.sharp && can_backquote(text) {
            self.pad(&[b"`", text, b"`"].concat());
        } else if self.flags.plus {
            let quoted = to_ascii(&strconv::quote(text));
            self.pad(quoted.as_bytes());
        } else {
            self.pad(strconv::quote(text).as_bytes());
        }
    }

    /// A character in single quotes.
    pub(super) fn quoted_rune(&mut self, code: u64) {
        let mut out = String::from("'");
        strconv::push_escaped(&mut out, rune(code), '\'');
        out.push('\'');
        let out = if self.flags.plus { to_ascii(&out) } else { out };
        self.pad(out.as_bytes());
    }

    /// The bytes in hexadecimal digits.
    fn hex_text(&mut self, text: &[u8], digits: &[u8; 17]) {
        let count = self
            .flags
            .precision
            .map_or(text.len(), |it| it.min(text.len()));
        let mut hex = Vec::with_capacity(count * 2);
        let prefix = [b'0', digits[16]];
        for (index, byte) in text.iter().take(count).enumerate() {
            if index > 0 && self.flags.space {
                hex.push(b' ');
            }
            if self.flags.sharp && (index == 0 || self.flags.space) {
                hex.extend_from_slice(&prefix);
            }
            hex.push(digits[usize::from(byte >> 4)]);
            hex.push(digits[usize::from(byte & 15)]);
        }
        self.pad(&hex);
    }
}

/// The character with a code point; U+FFFD if there is none.
pub(super) fn rune(code: u64) -> char {
    let code = u32::try_from(code).ok();
    code.and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The number of characters; each invalid byte counts as one.
pub(super) fn rune_count(text: &[u8]) -> usize {
    text.utf8_chunks()
        .map(|it| it.valid().chars().count() + it.invalid().len())
        .sum()
}

/// The bytes of at most `count` characters.
fn first_runes(text: &[u8], count: usize) -> &[u8] {
    let (mut left, mut end) = (count, 0);
    for chunk in text.utf8_chunks() {
        let sizes = chunk.valid().chars().map(char::len_utf8);
        for size in sizes.chain(chunk.invalid().iter().map(|_| 1)) {
            if left == 0 {
                return text.get(..end).unwrap_or(text);
            }
            (left, end) = (left - 1, end + size);
        }
    }
    text
}

/// Whether a text can be written unchanged in backquotes.
fn can_backquote(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let forbidden =
        |it: char| it == '\u{feff}' || it == '`' || it == '\x7f' || (it < ' ' && it != '\t');
    !text.contains(forbidden)
}

/// A quoted text with non-ASCII characters escaped.
fn to_ascii(quoted: &str) -> String {
    let mut out = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        match u32::from(c) {
            ..0x80 => out.push(c),
            code @ ..0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}
