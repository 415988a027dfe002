//! Plain and quoted scalars.

use super::scan::{Scan, Scanner, Text, Token, TokenKind};
use crate::Style;

/// The bytes that end a run of ordinary characters: bit 1 in a plain scalar in block context, bit 2 in flow context, bit 4 in
/// double quotes, bit 8 in single quotes.
static SPECIAL: [u8; 256] = special();

const BLOCK: u8 = 1;
const FLOW: u8 = 2;
const DOUBLE: u8 = 4;
const SINGLE: u8 = 8;

const fn special() -> [u8; 256] {
    let mut table = [0; 256];
    // Line breaks; 0xC2 and 0xE2 are the first bytes of the three non-ASCII ones.
    table[b'\n' as usize] = BLOCK | FLOW | DOUBLE | SINGLE;
    table[b'\r' as usize] = BLOCK | FLOW | DOUBLE | SINGLE;
    table[0xC2] = BLOCK | FLOW | DOUBLE | SINGLE;
    table[0xE2] = BLOCK | FLOW | DOUBLE | SINGLE;
    table[b'#' as usize] = BLOCK | FLOW;
    table[b':' as usize] = BLOCK | FLOW;
    table[b',' as usize] = FLOW;
    table[b'?' as usize] = FLOW;
    table[b'[' as usize] = FLOW;
    table[b']' as usize] = FLOW;
    table[b'{' as usize] = FLOW;
    table[b'}' as usize] = FLOW;
    table[b'"' as usize] = DOUBLE;
    table[b'\\' as usize] = DOUBLE;
    table[b'\'' as usize] = SINGLE;
    table
}

impl Scanner<'_> {
    /// The position of the next special byte from `at`, or the end.
    fn special(&self, at: usize, context: u8) -> usize {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        rest.iter()
            .position(|byte| SPECIAL[*byte as usize] & context != 0)
            .map_or(self.bytes.len(), |it| at + it)
    }

    pub(super) fn finish(&mut self, start: usize, end: usize, style: Style, text: Text) -> Token {
        self.scalar = (style, text);
        Token {
            end: end as u32,
            ..self.token(TokenKind::Scalar, start)
        }
    }

    pub(super) fn owned(&self) -> Text {
        Text::Owned(self.buffer.as_str().into())
    }

    /// Reads an unquoted scalar, which continues on all lines that are indented deeper than its collection.
    pub(super) fn plain(&mut self) -> Scan<Token> {
        let start = self.at;
        let mut end = self.plain_line();
        let mut folded = false;
        while self.break_len(self.at) > 0 {
            let fold = self.plain_break(start)?;
            self.key_allowed = true;
            let context = if self.flow.is_empty() { BLOCK } else { FLOW };
            // In flow style, indentation does not end a scalar.
            let indented = context == FLOW || self.column() > self.indent;
            let marker = self.column() == 0 && self.at_document_marker();
            if !indented || marker || self.byte() == b'#' || self.stops_plain(self.at, context) {
                break;
            }
            // A scalar on one line is a slice of the source; only now, a copy is needed.
            if !folded {
                self.buffer.clear();
                self.buffer.push_str(&self.text[start..end]);
                folded = true;
            }
            self.push_fold(fold);
            let line = self.at;
            self.key_allowed = false;
            end = self.plain_line();
            self.buffer.push_str(&self.text[line..end]);
        }
        let text = if folded {
            self.owned()
        } else {
            Text::Slice(start as u32, end as u32)
        };
        Ok(self.finish(start, end, Style::Plain, text))
    }

    /// Skips the plain text on one line; returns the end of its last character.
    fn plain_line(&mut self) -> usize {
        let context = if self.flow.is_empty() { BLOCK } else { FLOW };
        let start = self.at;
        let mut at = start;
        loop {
            // Values of manifests are mostly ASCII and not in flow style; memchr searches 16 or more bytes at a time.
            at = if self.simple && context == BLOCK {
                let rest = self.bytes.get(at..).unwrap_or(&[]);
                at + memchr::memchr3(b':', b'\n', b'#', rest).unwrap_or(rest.len())
            } else {
                self.special(at, context)
            };
            if self.stops_plain(at, context) {
                break;
            }
            at += 1;
        }
        self.at = at;
        let line = self.bytes.get(start..at).unwrap_or(&[]);
        let blanks = line
            .iter()
            .rev()
            .take_while(|it| matches!(it, b' ' | b'\t'));
        at - blanks.count()
    }

    /// Whether a plain scalar ends here.
    fn stops_plain(&self, at: usize, context: u8) -> bool {
        match self.byte_at(at) {
            0 => true,
            // `http://` and `a:b` are ordinary text.
            b':' => self.is_blank_or_end(at + 1),
            // A `#` inside a word is ordinary text, as in `a#b`.
            b'#' => matches!(self.bytes.get(at.wrapping_sub(1)), Some(b' ' | b'\t')),
            0xC2 | 0xE2 => self.break_len(at) > 0,
            byte => SPECIAL[byte as usize] & context != 0,
        }
    }

    /// Skips line breaks and the indentation of the next line, where tabs are only allowed after the required indentation.
    fn plain_break(&mut self, start: usize) -> Scan<Option<&'static str>> {
        let fold = self.take_break();
        self.breaks.clear();
        loop {
            match self.byte() {
                b' ' => self.at += 1,
                // libyaml only rejects a tab where indentation matters.
                b'\t' if self.column() <= self.indent => {
                    return Err(self.tab_in_plain(start));
                }
                b'\t' => self.at += 1,
                _ => match self.take_break() {
                    Some(more) => self.breaks.push_str(more),
                    None => return Ok(fold),
                },
            }
        }
    }

    /// Adds the separator between two folded lines: one line break becomes a blank, and of several one is removed.
    fn push_fold(&mut self, first: Option<&str>) {
        match first {
            // A single line break becomes a blank; an empty line becomes a line break.
            Some("\n") if self.breaks.is_empty() => self.buffer.push(' '),
            Some("\n") | None => self.buffer.push_str(&self.breaks),
            Some(first) => {
                self.buffer.push_str(first);
                self.buffer.push_str(&self.breaks);
            }
        }
    }

    pub(super) fn single_quoted(&mut self) -> Scan<Token> {
        self.quoted(b'\'', SINGLE, Style::SingleQuoted)
    }

    pub(super) fn double_quoted(&mut self) -> Scan<Token> {
        self.quoted(b'"', DOUBLE, Style::DoubleQuoted)
    }

    fn quoted(&mut self, quote: u8, context: u8, style: Style) -> Scan<Token> {
        let start = self.at;
        let mut end = self.special(start + 1, context);
        // These bytes also begin many other characters, from `é` to `–`.
        while matches!(self.byte_at(end), 0xC2 | 0xE2) && self.break_len(end) == 0 {
            end = self.special(end + 1, context);
        }
        let text =
            if self.byte_at(end) == quote && (quote == b'"' || self.byte_at(end + 1) != quote) {
                self.at = end + 1;
                Text::Slice(start as u32 + 1, end as u32)
            } else {
                self.at = start + 1;
                self.quoted_folded(start, quote, context)?;
                self.owned()
            };
        Ok(self.finish(start, self.at, style, text))
    }

    /// Decodes escapes and folds lines into the buffer, up to and including the closing quote.
    fn quoted_folded(&mut self, start: usize, quote: u8, context: u8) -> Scan<()> {
        self.buffer.clear();
        loop {
            let run = self.at;
            self.at = self.special(run, context);
            self.buffer.push_str(&self.text[run..self.at]);
            match self.byte() {
                0 => return Err(self.unclosed_quote(start)),
                byte if byte == quote && quote == b'\'' && self.byte_at(self.at + 1) == quote => {
                    self.buffer.push('\'');
                    self.at += 2;
                }
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(());
                }
                // An escaped line break joins two lines without a blank.
                b'\\' if quote == b'"' && self.break_len(self.at + 1) > 0 => {
                    self.at += 1;
                    self.take_break();
                    self.quoted_break(start, None)?;
                }
                b'\\' if quote == b'"' => self.escape()?,
                _ if self.break_len(self.at) > 0 => {
                    // Blanks before a line break are removed, unless they were written as an escape.
                    let blanks = self.text[run..self.at]
                        .bytes()
                        .rev()
                        .take_while(|it| matches!(it, b' ' | b'\t'));
                    let kept = self.buffer.len() - blanks.count();
                    self.buffer.truncate(kept);
                    let first = self.take_break();
                    self.quoted_break(start, first)?;
                }
                _ => {
                    let lead = &self.text[self.at..];
                    let len = lead.chars().next().map_or(1, char::len_utf8);
                    self.buffer.push_str(&lead[..len]);
                    self.at += len;
                }
            }
        }
    }

    /// Skips line breaks and indentation in quotes, and adds the separator.
    fn quoted_break(&mut self, start: usize, first: Option<&'static str>) -> Scan<()> {
        self.breaks.clear();
        loop {
            self.skip_blanks();
            match self.take_break() {
                Some(more) => self.breaks.push_str(more),
                None => break,
            }
        }
        self.push_fold(first);
        // libyaml rejects it, because a quote is most likely missing.
        if self.column() == 0 && self.at_document_marker() {
            return Err(self.marker_in_quotes(start));
        }
        Ok(())
    }

    fn escape(&mut self) -> Scan<()> {
        let letter = self.byte_at(self.at + 1);
        let digits = match letter {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => {
                let meant = simple_escape(letter).ok_or_else(|| self.unknown_escape())?;
                self.buffer.push(meant);
                self.at += 2;
                return Ok(());
            }
        };
        let from = self.at + 2;
        let code = self
            .text
            .get(from..from + digits)
            .filter(|it| it.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let meant = code
            .and_then(|it| u32::from_str_radix(it, 16).ok())
            // Surrogates are not characters, and YAML has no pairs of escapes as in JSON.
            .and_then(char::from_u32);
        self.buffer
            .push(meant.ok_or_else(|| self.bad_code(from, digits))?);
        self.at = from + digits;
        Ok(())
    }
}

fn simple_escape(letter: u8) -> Option<char> {
    Some(match letter {
        b'0' => '\0',
        b'a' => '\u{7}',
        b'b' => '\u{8}',
        b't' | b'\t' => '\t',
        b'n' => '\n',
        b'v' => '\u{b}',
        b'f' => '\u{c}',
        b'r' => '\r',
        b'e' => '\u{1b}',
        b' ' => ' ',
        b'"' => '"',
        b'\'' => '\'',
        b'\\' => '\\',
        b'N' => '\u{85}',
        b'_' => '\u{a0}',
        b'L' => '\u{2028}',
        b'P' => '\u{2029}',
        _ => return None,
    })
}
