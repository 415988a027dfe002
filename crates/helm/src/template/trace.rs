//! The origins of the parts of an output: the location in a template, and the printed value.

use std::sync::Arc;

use super::program::{LocationId, Source};
use crate::fmt::write_value;
use crate::value::{Map, Str, Value};

/// A part of an output, up to the start of the next segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its start in the output.
    pub start: usize,
    /// The name of the text: a template file, or `gotpl` for a text of `tpl`.
    pub template: Str,
    /// The offset in that text of the copied text, or of the expression whose value was printed.
    pub at: usize,
    /// The printed value, if any. A string, map or list that functions returned unchanged still has the same identity: see
    /// [`Str::same_as`] and [`Map::same_as`].
    pub value: Option<Value>,
    /// The map entry that the expression read, if it printed exactly its value, possibly in quotes, or a map or list as YAML or
    /// JSON. So numbers and booleans can be traced, which have no identity.
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

/// Records the segments while a template is executed.
#[derive(Debug, Default)]
pub(super) struct Tracer {
    segments: Vec<Segment>,
    /// The segments from `include` and `tpl` since the last print, with their text, which the next print may contain, indented or
    /// truncated.
    nested: Vec<(Segment, Vec<u8>)>,
    /// The last entry that was read since the last print, and its value.
    last_read: Option<(Entry, Value)>,
}

impl Tracer {
    /// Records that text of the template was copied, from `start` of the output.
    pub(super) fn text(&mut self, start: usize, source: &Arc<Source>, at: usize) {
        self.segments.push(Segment {
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
            self.last_read = Some((entry, value.clone()));
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
        let read = self.last_read.take();
        let entry = read.filter(|it| is_exactly(&it.1, printed) || is_serialized(&it.1, printed));
        let entry = entry.map(|it| it.0);
        self.segments.push(Segment {
            start,
            template: source.name.as_str().into(),
            at,
            value: Some(value),
            entry,
        });
        let mut cursor = 0;
        for (segment, text) in std::mem::take(&mut self.nested) {
            let mut offset = 0;
            for line in text.split_inclusive(|it| *it == b'\n') {
                let indent = line
                    .iter()
                    .take_while(|it| it.is_ascii_whitespace())
                    .count();
                let content = line.trim_ascii();
                let rest = printed.get(cursor..).unwrap_or(&[]);
                let found = memchr::memmem::find(rest, content).filter(|_| !content.is_empty());
                if let Some(found) = found {
                    let is_text = segment.value.is_none();
                    self.segments.push(Segment {
                        start: start + cursor + found,
                        at: segment.at + if is_text { offset + indent } else { 0 },
                        ..segment.clone()
                    });
                    cursor += found + content.len();
                }
                offset += line.len();
            }
        }
    }

    /// Records that the output from `start` becomes the value of an `include` or `tpl`.
    pub(super) fn nest(&mut self, start: usize, out: &[u8]) {
        let first = self.segments.partition_point(|it| it.start < start);
        let segments = self.segments.split_off(first);
        let ends = segments.iter().skip(1).map(|it| it.start);
        let ends: Vec<usize> = ends.chain([out.len()]).collect();
        for (segment, end) in segments.into_iter().zip(ends) {
            let text = out.get(segment.start..end).unwrap_or(&[]).to_vec();
            self.nested.push((segment, text));
        }
        self.last_read = None;
    }

    /// The segments, after `removed` bytes were removed from the output at each of the positions.
    pub(super) fn into_segments(mut self, positions: &[usize], removed: usize) -> Vec<Segment> {
        for segment in &mut self.segments {
            let before = positions.partition_point(|it| *it < segment.start);
            segment.start = segment.start.saturating_sub(before * removed);
        }
        self.segments
    }
}

/// Whether a map or list was printed as YAML or JSON. Only the beginning is compared.
fn is_serialized(value: &Value, printed: &[u8]) -> bool {
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
fn is_exactly(value: &Value, printed: &[u8]) -> bool {
    let inner = match printed {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        other => other,
    };
    // A map such as `.Files` may be large and is almost never printed.
    let prefix: &[u8] = match value {
        Value::Map(_) => b"map[",
        Value::List(_) | Value::Bytes(_) => b"[",
        Value::Struct(_) | Value::Pointer(_) => return false,
        _ => b"",
    };
    if !inner.starts_with(prefix) {
        return false;
    }
    let mut text = Vec::new();
    write_value(&mut text, value);
    text == printed || text == inner
}
