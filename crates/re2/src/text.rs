//! Text that may hold invalid UTF-8, as the regex crate can search it.

use std::borrow::Cow;

/// Valid text, and where its places are in the original.
pub(crate) struct Text<'t> {
    pub(crate) valid: Cow<'t, str>,
    /// The ends of the U+FFFD put in place of single bytes, as places in `valid`; each makes later places two bytes larger.
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

    /// The place in the original of a place in `valid`.
    pub(crate) fn original(&self, place: usize) -> usize {
        place - 2 * self.replaced.partition_point(|end| *end <= place)
    }

    /// The length of the character at a place; 0 at the end.
    pub(crate) fn width(&self, place: usize) -> usize {
        let rest = self.valid.get(place..).unwrap_or("");
        rest.chars().next().map_or(0, char::len_utf8)
    }
}
