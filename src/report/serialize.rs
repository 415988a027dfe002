//! Structs as JSON, in the layout and with the escapes of all reports.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::escape::is_unprintable;
use crate::object::ObjectId;

/// A value on one line, with a space after each comma and colon.
pub(super) fn to_json(value: &impl Serialize) -> String {
    write(value, 0)
}

/// A report with one line per item of the lists at nesting depth `depth`, so that long reports and diffs of reports are readable.
pub(super) fn to_json_lines(value: &impl Serialize, depth: usize) -> String {
    let mut text = write(value, depth);
    text.push('\n');
    text
}

fn write(value: &impl Serialize, lines_depth: usize) -> String {
    let layout = Layout {
        lines_depth,
        depth: 0,
        is_empty: false,
    };
    let mut bytes = Vec::new();
    // This fails only if the writer fails or a map key is not a string. Reports are structs, written to memory.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, layout));
    String::from_utf8(bytes).unwrap_or_default()
}

/// The identity of an object.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Identity {
    /// API group; empty for the core group.
    group: Box<str>,
    kind: Box<str>,
    /// Empty for objects without a namespace.
    namespace: Box<str>,
    name: Box<str>,
}

impl From<&ObjectId> for Identity {
    fn from(id: &ObjectId) -> Identity {
        Identity {
            group: id.group.clone(),
            kind: id.kind.clone(),
            namespace: id.namespace.clone(),
            name: id.name.clone(),
        }
    }
}

struct Layout {
    /// The nesting depth of the lists whose items are on separate lines.
    lines_depth: usize,
    /// The number of open collections.
    depth: usize,
    /// Whether the innermost list has no items so far.
    is_empty: bool,
}

impl Layout {
    fn has_lines(&self) -> bool {
        self.depth == self.lines_depth
    }
}

impl Formatter for Layout {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        writer.write_all(b"[")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(match (self.has_lines(), first) {
            (true, true) => b"\n",
            (true, false) => b",\n",
            (false, true) => b"",
            (false, false) => b", ",
        })
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_empty = false;
        Ok(())
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.has_lines() && !self.is_empty {
            writer.write_all(b"\n")?;
        }
        self.depth -= 1;
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // GitHub Actions interprets `##[` as a command anywhere in a line.
        let is_plain = |it: &str| !it.contains(is_unprintable) && !it.contains("##[");
        if is_plain(fragment) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut text = String::with_capacity(fragment.len() + 8);
        for char in fragment.chars() {
            match is_unprintable(char) {
                true => {
                    let mut units = [0; 2];
                    let units = char.encode_utf16(&mut units).iter();
                    units.for_each(|it| _ = write!(text, "\\u{it:04x}"));
                }
                false => text.push(char),
            }
        }
        writer.write_all(text.replace("##[", "#\\u0023[").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_the_outermost_object_have_lines() {
        let value = serde_json::json!({"a": [], "b": [[1, 2], {"c": [3, 4]}], "d": [[]]});
        assert_eq!(
            to_json_lines(&value, 2),
            "{\"a\": [], \"b\": [\n[1, 2],\n{\"c\": [3, 4]}\n], \"d\": [\n[]\n]}\n"
        );
        assert_eq!(
            to_json(&value),
            to_json_lines(&value, 2)
                .replace(",\n", ", ")
                .replace('\n', "")
        );
    }

    #[test]
    fn nothing_moves_a_cursor_or_commands_a_runner() {
        assert_eq!(
            to_json(&"a\u{202e}\u{1b}[1m\n##[error]\"\u{e0001}"),
            "\"a\\u202e\\u001b[1m\\n#\\u0023[error]\\\"\\udb40\\udc01\""
        );
    }
}
