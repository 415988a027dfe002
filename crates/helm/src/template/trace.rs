//! The origins of the parts of an output: the location in a template, and the printed value.

use std::sync::Arc;

use super::program::{LocationId, Source};
use crate::fmt::write_value;
use crate::value::{Map, Str, Value};

/// A part of an output, up to the start of the next one.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its start in the output.
    pub start: usize,
    /// The name of the text: a template file, or `gotpl` for a text of `tpl`.
    pub template: Str,
    /// The byte in that text: of the copied text, or of the expression whose value was printed.
    pub at: usize,
    /// The printed value, if any. A string, map or list that functions returned unchanged still has the same identity: see
    /// [`Str::same_as`] and [`Map::same_as`].
    pub value: Option<Value>,
    /// The map entry that the expression read and whose value it printed completely, possibly in quotes, or serialized for a map or
    /// list. This traces numbers and booleans, which have no identity.
    pub entry: Option<Entry>,
}

/// An entry of a map.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The map that the expression read from.
    pub map: Map,
    /// The key that the expression read.
    pub key: Str,
}

/// Records the pieces while a template is executed.
#[derive(Debug, Default)]
pub(super) struct Tracer {
    pieces: Vec<Piece>,
    /// The pieces from `include` and `tpl` since the last print, with their text: the next print may contain it, indented or cut.
    nested: Vec<(Piece, Vec<u8>)>,
    /// The last entry that was read since then, and its value.
    read: Option<(Entry, Value)>,
}

impl Tracer {
    pub(super) fn text(&mut self, start: usize, source: &Arc<Source>, at: usize) {
        self.pieces.push(Piece {
            start,
            template: source.name.as_str().into(),
            at,
            value: None,
            entry: None,
        });
    }

    /// Records that a field of a map was read.
    pub(super) fn read(&mut self, map: &Value, key: &Str, value: &Value) {
        if let Value::Map(map) = map {
            let entry = Entry {
                map: map.clone(),
                key: key.clone(),
            };
            self.read = Some((entry, value.clone()));
        }
    }

    /// Records that a value was printed, from `start` of the output.
    pub(super) fn value(
        &mut self,
        start: usize,
        source: &Arc<Source>,
        location: LocationId,
        value: Value,
        printed: &[u8],
    ) {
        let at = source
            .locations
            .get(location as usize)
            .map_or(0, |it| it.at as usize);
        let read = self.read.take();
        let entry = read.filter(|it| is_whole(&it.1, printed) || is_written_out(&it.1, printed));
        let entry = entry.map(|it| it.0);
        self.pieces.push(Piece {
            start,
            template: source.name.as_str().into(),
            at,
            value: Some(value),
            entry,
        });
        let mut cursor = 0;
        for (piece, text) in std::mem::take(&mut self.nested) {
            let mut offset = 0;
            for line in text.split_inclusive(|it| *it == b'\n') {
                let lead = line
                    .iter()
                    .take_while(|it| it.is_ascii_whitespace())
                    .count();
                let words = line.trim_ascii();
                let rest = printed.get(cursor..).unwrap_or(&[]);
                let found = memchr::memmem::find(rest, words).filter(|_| !words.is_empty());
                if let Some(found) = found {
                    let is_text = piece.value.is_none();
                    self.pieces.push(Piece {
                        start: start + cursor + found,
                        at: piece.at + if is_text { offset + lead } else { 0 },
                        ..piece.clone()
                    });
                    cursor += found + words.len();
                }
                offset += line.len();
            }
        }
    }

    /// Records that the output from `start` becomes the value of an `include` or `tpl`.
    pub(super) fn nest(&mut self, start: usize, out: &[u8]) {
        let first = self.pieces.partition_point(|it| it.start < start);
        let pieces = self.pieces.split_off(first);
        let ends = pieces.iter().skip(1).map(|it| it.start);
        let ends: Vec<usize> = ends.chain([out.len()]).collect();
        for (piece, end) in pieces.into_iter().zip(ends) {
            let text = out.get(piece.start..end).unwrap_or(&[]).to_vec();
            self.nested.push((piece, text));
        }
        self.read = None;
    }

    /// The pieces, after `removed` bytes were removed from the output at each of the positions.
    pub(super) fn into_pieces(mut self, positions: &[usize], removed: usize) -> Vec<Piece> {
        for piece in &mut self.pieces {
            let before = positions.partition_point(|it| *it < piece.start);
            piece.start = piece.start.saturating_sub(before * removed);
        }
        self.pieces
    }
}

/// Whether a map or list was printed as YAML or JSON, determined by its beginning.
fn is_written_out(value: &Value, printed: &[u8]) -> bool {
    match value {
        Value::Map(map) => {
            let entries = map.entries();
            let first = entries.as_ref().and_then(|it| it.iter().next());
            first.is_some_and(|(key, _)| memchr::memmem::find(printed, key.as_bytes()).is_some())
        }
        Value::List(_) => matches!(printed.trim_ascii_start(), [b'-' | b'[', ..]),
        _ => false,
    }
}

/// Whether the printed text is exactly the value, possibly in quotes.
fn is_whole(value: &Value, printed: &[u8]) -> bool {
    let inner = match printed {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        other => other,
    };
    // A map such as `.Files` may be large and is almost never printed.
    let begin: &[u8] = match value {
        Value::Map(_) => b"map[",
        Value::List(_) | Value::Bytes(_) => b"[",
        Value::Struct(_) | Value::Pointer(_) => return false,
        _ => b"",
    };
    if !inner.starts_with(begin) {
        return false;
    }
    let mut text = Vec::new();
    write_value(&mut text, value);
    text == printed || text == inner
}
