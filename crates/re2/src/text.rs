//! Converts text that may contain invalid UTF-8 for the regex crate.

use std::borrow::Cow;

/// Valid text, with a mapping of positions to the original.
pub(crate) struct Text<'t> {
    pub(crate) valid: Cow<'t, str>,
    /// The ends of inserted U+FFFD, as positions in `valid`; each increases later positions by two bytes.
    replaced: Vec<usize>,
}

impl<'t> Text<'t> {
    pub(crate) fn new(bytes: &'t [u8]) -> Text<'t> {
        if let Ok(valid) = std::str::from_utf8(bytes) {
            return Text {
                valid: Cow::Borrowed(valid),
                replaced: Vec::new(),
            };
        }
        let mut valid = String::with_capacity(bytes.len());
        let mut replaced = Vec::new();
        for chunk in bytes.utf8_chunks() {
            valid.push_str(chunk.valid());
            for _ in chunk.invalid() {
                valid.push(char::REPLACEMENT_CHARACTER);
                replaced.push(valid.len());
            }
        }
        Text {
            valid: Cow::Owned(valid),
            replaced,
        }
    }

    /// The position in the original for a position in `valid`.
    pub(crate) fn original(&self, position: usize) -> usize {
        position - 2 * self.replaced.partition_point(|end| *end <= position)
    }

    /// The length of the character at a position; 0 at the end.
    pub(crate) fn width(&self, position: usize) -> usize {
        let rest = self.valid.get(position..).unwrap_or("");
        rest.chars().next().map_or(0, char::len_utf8)
    }
}
