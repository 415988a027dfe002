//! Decodes the bytes of a file, and rejects the characters of placeholders.

use std::sync::Arc;

use crate::diag::{Diagnostic, Source, Span};
use crate::tree::TreePath;

/// The beginning of a placeholder in the output of a template: a private-use character that no font or file uses.
pub const PLACEHOLDER_OPEN: char = '\u{10FFF0}';
/// The end of a placeholder.
pub const PLACEHOLDER_CLOSE: char = '\u{10FFF1}';

/// Whether a character is reserved for placeholders and not allowed in input.
pub fn is_reserved(c: char) -> bool {
    c == PLACEHOLDER_OPEN || c == PLACEHOLDER_CLOSE
}

/// The reserved characters of a text. The fast search uses their common first byte.
fn find_reserved(text: &str) -> impl Iterator<Item = (usize, char)> {
    let starts = memchr::memchr_iter(0xf4, text.as_bytes());
    let chars = starts.filter_map(|at| Some((at, text.get(at..)?.chars().next()?)));
    chars.filter(|it| is_reserved(it.1))
}

/// The text of a file. Errors: `not-utf8`, `reserved-character`.
pub fn text_source(path: &TreePath, bytes: &[u8]) -> Result<Arc<Source>, Diagnostic> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        // The excerpt ends before the first invalid byte.
        let readable = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let source = Source::new(path.clone(), String::from_utf8_lossy(readable));
        let end = source.text.len();
        let fault = Diagnostic::error("not-utf8", "the file is not valid UTF-8");
        // The most common cause is `>` in PowerShell, which writes UTF-16 with a byte order mark.
        let is_utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        fault.at(Span::new(&source, end..end)).help(match is_utf16 {
            true => "the file is UTF-16: save it as UTF-8",
            false => "save the file as UTF-8",
        })
    })?;
    let source = Source::new(path.clone(), text);
    let mut reserved = find_reserved(text);
    match reserved.next() {
        Some((at, c)) => {
            let fault = Diagnostic::error(
                "reserved-character",
                format!(
                    "the character U+{:X} is reserved for internal use",
                    c as u32
                ),
            );
            Err(fault
                .at(Span::new(&source, at..at + c.len_utf8()))
                .help("remove it; it is an invisible private-use character"))
        }
        None => Ok(source),
    }
}
