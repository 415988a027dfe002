//! Converts positions of the Language Server Protocol (lines and UTF-16 units) to byte offsets and back.

use std::ops::Range;

use crate::diag::Span;

/// A line, from 0, and the number of UTF-16 units before the position in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utf16Position {
    /// The line, from 0.
    pub line: u32,
    /// UTF-16 units since the start of the line.
    pub unit: u32,
}

/// The offset of a line; for a line after the last one, the end of the text.
fn line_start(text: &str, line: u32) -> usize {
    let Some(above) = (line as usize).checked_sub(1) else {
        return 0;
    };
    let mut ends = memchr::memchr_iter(b'\n', text.as_bytes());
    ends.nth(above).map_or(text.len(), |it| it + 1)
}

/// A line without its line ending, including `\r`.
fn line_at(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or("");
    let line = rest.split('\n').next().unwrap_or("");
    line.strip_suffix('\r').unwrap_or(line)
}

/// The byte offset of a position. As in the protocol, a position after the end of its line means the end; one within a character
/// means its start.
pub fn offset(text: &str, position: Utf16Position) -> usize {
    let start = line_start(text, position.line);
    let line = line_at(text, start);
    let mut units = 0;
    for (at, c) in line.char_indices() {
        units += u32::try_from(c.len_utf16()).unwrap_or(1);
        if units > position.unit {
            return start + at;
        }
    }
    start + line.len()
}

/// The position of a byte.
pub fn position(text: &str, offset: usize) -> Utf16Position {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |it| it + 1);
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count();
    let units = before.get(start..).unwrap_or("").encode_utf16().count();
    Utf16Position {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        unit: u32::try_from(units).unwrap_or(u32::MAX),
    }
}

/// The positions of a range of bytes.
pub fn range(text: &str, range: Range<usize>) -> [Utf16Position; 2] {
    [position(text, range.start), position(text, range.end)]
}

/// The bytes of a location in the current text of its file.
///
/// The text of a location may have masked secrets and may be older than the file, so its lines and columns are used.
pub fn span_in(text: &str, span: &Span) -> Range<usize> {
    let whole = &span.source().text;
    if *whole == text {
        return span.range();
    }
    let byte = |at: usize| {
        let location = Span::new(span.source(), at..at).position();
        let line = u32::try_from(location.line.saturating_sub(1)).unwrap_or(u32::MAX);
        let start = line_start(text, line);
        let mut columns = line_at(text, start).char_indices().map(|it| it.0);
        let within = columns.nth(location.column.saturating_sub(1));
        start + within.unwrap_or(line_at(text, start).len())
    };
    let Range { start, end } = span.range();
    let first = byte(start);
    first..byte(end).max(first)
}

/// A text with a range of positions replaced. Positions after the end mean the end.
pub fn replaced(text: &str, [start, end]: [Utf16Position; 2], with: &str) -> String {
    let from = offset(text, start);
    let to = offset(text, end).max(from);
    let (before, after) = (text.get(..from), text.get(to..));
    [before.unwrap_or(text), with, after.unwrap_or("")].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32, unit: u32) -> Utf16Position {
        Utf16Position { line, unit }
    }

    #[test]
    fn units_are_those_of_utf_16() {
        let text = "a: 😀é\r\nb: 1\n";
        for (byte, location) in [
            (0, at(0, 0)),
            (3, at(0, 3)),
            (7, at(0, 5)),
            (9, at(0, 6)),
            (11, at(1, 0)),
            (16, at(2, 0)),
        ] {
            assert_eq!(position(text, byte), location, "{byte}");
            assert_eq!(offset(text, location), byte, "{location:?}");
        }
        // In the middle of a surrogate pair, after the end of a line, and after the end of the text.
        assert_eq!(offset(text, at(0, 4)), 3);
        assert_eq!(offset(text, at(0, 99)), 9);
        assert_eq!(offset(text, at(9, 9)), text.len());
    }

    #[test]
    fn edits() {
        let text = "a: 😀é\nb: 1\n";
        assert_eq!(replaced(text, [at(0, 3), at(0, 5)], "x"), "a: xé\nb: 1\n");
        assert_eq!(replaced(text, [at(0, 6), at(1, 0)], ""), "a: 😀éb: 1\n");
        assert_eq!(
            replaced(text, [at(2, 0), at(2, 0)], "c: 2\n"),
            "a: 😀é\nb: 1\nc: 2\n"
        );
    }
}
