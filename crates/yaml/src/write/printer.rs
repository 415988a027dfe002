//! Writes scalars in a style, and tracks the line.

use super::text::{Facts, Quotes, is_break, is_printable};

/// The column after which the build form folds lines.
const WIDTH: usize = 80;

/// The maximum length of a key that is written without a `?`, in bytes.
pub(super) const SIMPLE_KEY_LEN_MAX: usize = 128;

pub(super) struct Printer {
    pub(super) out: String,
    /// Whether long texts are folded.
    folds: bool,
    /// Whether the cursor is at the beginning of a line.
    line_begins: bool,
    /// Whether the line has only blanks and the signs of block collections.
    is_indentation: bool,
    /// Whether a value may follow without a blank.
    separated: bool,
    /// The column of the comment that was written last, if an empty line separates it from a line in this column.
    apart: Option<usize>,
}

impl Printer {
    pub(super) fn new(folds: bool) -> Printer {
        Printer {
            out: String::new(),
            folds,
            line_begins: true,
            is_indentation: true,
            separated: true,
            apart: None,
        }
    }

    pub(super) fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.line_begins = false;
        self.is_indentation = false;
        self.separated = false;
    }

    /// Writes a blank, unless there is one.
    pub(super) fn separate(&mut self) {
        if !self.separated {
            self.out.push(' ');
            self.separated = true;
        }
    }

    /// Writes the sign of a block collection, after which an entry may begin on the same line.
    pub(super) fn sign(&mut self, sign: char) {
        self.separate();
        self.out.push(sign);
        self.line_begins = false;
        self.separated = false;
    }

    /// Writes the bracket at the start of a flow collection.
    pub(super) fn open(&mut self, bracket: &str) {
        self.push(bracket);
        self.separated = true;
    }

    /// Moves to a column, of a new line unless the current one is still indentation.
    pub(super) fn start_line(&mut self, indent: usize) {
        let mut column = self.line_len();
        if !self.is_indentation || column > indent || column == indent && !self.separated {
            self.out.push('\n');
            column = 0;
        }
        if self.apart.take() == Some(indent) {
            self.out.push('\n');
            column = 0;
        }
        self.spaces(indent.saturating_sub(column));
        self.line_begins = indent == 0;
        self.is_indentation = true;
        self.separated = true;
    }

    /// Writes a comment and ends its line. `indent`: the column of further lines.
    pub(super) fn comment(&mut self, comment: &str, indent: usize) {
        for (at, line) in comment.split('\n').enumerate() {
            if at > 0 {
                self.end_line();
                if !line.is_empty() {
                    self.start_line(indent);
                }
            }
            if !line.is_empty() {
                self.out.push_str(line);
                self.line_begins = false;
                self.is_indentation = false;
            }
        }
        if !comment.ends_with('\n') {
            self.end_line();
        }
        self.separated = true;
    }

    /// Writes a comment behind a value.
    pub(super) fn line_comment(&mut self, comment: &str, indent: usize) {
        if !self.separated {
            self.out.push(' ');
        }
        self.comment(comment, indent);
    }

    pub(super) fn end_line(&mut self) {
        self.out.push('\n');
        self.line_begins = true;
        self.is_indentation = true;
    }

    /// Separates the comment in this column from a next line in the same column.
    pub(super) fn set_apart(&mut self, indent: usize) {
        self.apart = Some(indent);
    }

    /// Separates the last comment of the document.
    pub(super) fn end_document(&mut self) {
        self.apart = None;
        self.start_line(0);
    }

    /// Whether the line has only blanks and the signs of block collections.
    pub(super) fn is_indentation(&self) -> bool {
        self.is_indentation
    }

    /// Whether the line is empty.
    pub(super) fn at_column_0(&self) -> bool {
        self.line_len() == 0
    }

    /// The number of bytes in the line.
    fn line_len(&self) -> usize {
        let line = memchr::memrchr(b'\n', self.out.as_bytes()).map_or(0, |it| it + 1);
        self.out.len() - line
    }

    /// Moves to a column of a new line, or of the current one if it is empty.
    pub(super) fn line(&mut self, indent: usize) {
        if !self.line_begins {
            self.out.push('\n');
        }
        self.spaces(indent);
        self.line_begins = false;
    }

    pub(super) fn finish(mut self) -> String {
        if !self.line_begins {
            self.out.push('\n');
        }
        self.out
    }

    fn spaces(&mut self, mut count: usize) {
        const SPACES: &str = "                                                                ";
        while count > 0 {
            let some = count.min(SPACES.len());
            self.out.push_str(&SPACES[..some]);
            count -= some;
        }
    }

    /// Writes a scalar. `indent`: the column of further lines. `may_fold`: it is not a simple key.
    pub(super) fn text(&mut self, text: &str, quotes: Quotes, indent: usize, may_fold: bool) {
        self.commented_text(text, quotes, indent, may_fold, "");
    }

    /// Writes a scalar, with a comment after the indicators of a block scalar.
    pub(super) fn commented_text(
        &mut self,
        text: &str,
        quotes: Quotes,
        indent: usize,
        may_fold: bool,
        comment: &str,
    ) {
        self.line_begins = false;
        self.is_indentation = false;
        self.separated = false;
        let folds = self.folds && may_fold;
        match quotes {
            Quotes::Plain if !folds || self.fits(text) => self.out.push_str(text),
            Quotes::Plain => self.flowing(text, indent, true, false),
            Quotes::Single => {
                self.out.push('\'');
                self.flowing(text, indent, folds, true);
                self.out.push('\'');
            }
            Quotes::Double => {
                self.out.push('"');
                self.escaped(text, indent, folds);
                self.out.push('"');
            }
            Quotes::Literal => self.literal(text, indent, comment),
            Quotes::Folded => self.folded(text, indent, comment),
        }
    }

    /// Whether a text ends before the folding column.
    fn fits(&self, text: &str) -> bool {
        let line = self.out.len() - self.out.rfind('\n').map_or(0, |it| it + 1);
        line + text.len() <= WIDTH
    }

    /// The column, in characters.
    fn column(&self) -> usize {
        let line = self.out.rfind('\n').map_or(0, |it| it + 1);
        self.out[line..].chars().count()
    }

    fn break_line(&mut self, indent: usize) {
        self.out.push('\n');
        self.spaces(indent);
    }

    /// A plain or single-quoted text, folded at single blanks.
    fn flowing(&mut self, text: &str, indent: usize, folds: bool, single: bool) {
        let (mut column, mut spaces, mut breaks) = (self.column(), false, false);
        for (at, c) in text.char_indices() {
            if c == ' ' {
                let inside = at > 0 && at + 1 < text.len() && !text[at + 1..].starts_with(' ');
                if folds && !spaces && column > WIDTH && inside {
                    self.break_line(indent);
                    column = indent;
                } else {
                    self.out.push(' ');
                    column += 1;
                }
                spaces = true;
                continue;
            }
            if is_break(c) {
                if !breaks && c == '\n' {
                    self.out.push('\n');
                }
                self.out.push(c);
                breaks = true;
                continue;
            }
            if breaks {
                self.spaces(indent);
                column = indent;
            }
            if c == '\'' && single {
                self.out.push('\'');
                column += 1;
            }
            self.out.push(c);
            column += 1;
            (spaces, breaks) = (false, false);
        }
    }

    /// The content of double quotes, folded before blanks.
    fn escaped(&mut self, text: &str, indent: usize, folds: bool) {
        if !folds
            && text
                .bytes()
                .all(|it| matches!(it, b' '..=b'~') && it != b'"' && it != b'\\')
        {
            return self.out.push_str(text);
        }
        let (mut column, mut spaces) = (self.column(), false);
        let all = text.starts_with('\u{feff}');
        for (at, c) in text.char_indices() {
            if c == ' ' && !all {
                let inside = at > 0 && at + 1 < text.len();
                if folds && !spaces && column > WIDTH && inside {
                    self.break_line(indent);
                    column = indent;
                    if text[at + 1..].starts_with(' ') {
                        self.out.push('\\');
                        column += 1;
                    }
                } else {
                    self.out.push(' ');
                    column += 1;
                }
                spaces = true;
                continue;
            }
            let from = self.out.len();
            if all || c == '"' || c == '\\' || is_break(c) || !is_printable(c) {
                self.escape(c)
            } else {
                self.out.push(c)
            }
            column += if self.out.len() - from == c.len_utf8() {
                1
            } else {
                self.out.len() - from
            };
            spaces = false;
        }
    }

    fn escape(&mut self, c: char) {
        use std::fmt::Write;
        let code = c as u32;
        self.out.push('\\');
        let letter = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                // Writing to a string cannot fail.
                let _ = match code {
                    0..=0xFF => write!(self.out, "x{code:02X}"),
                    0x100..=0xFFFF => write!(self.out, "u{code:04X}"),
                    _ => write!(self.out, "U{code:08X}"),
                };
                return;
            }
        };
        self.out.push(letter);
    }

    fn literal(&mut self, text: &str, indent: usize, comment: &str) {
        self.out.push('|');
        self.block_header(text, indent, comment);
        if text.is_ascii() {
            text.split_inclusive('\n')
                .for_each(|line| self.block_line(line, indent));
        } else {
            text.split_inclusive(is_break)
                .for_each(|line| self.block_line(line, indent));
        }
        self.block_ended(text);
    }

    fn block_line(&mut self, line: &str, indent: usize) {
        if !line.starts_with(is_break) {
            self.spaces(indent);
        }
        self.out.push_str(line);
    }

    /// A folded block, with libyaml's bug: a line break is doubled even if the next line would keep it anyway, so parsing the
    /// result gives one more line break.
    pub(super) fn folded(&mut self, text: &str, indent: usize, comment: &str) {
        self.out.push('>');
        self.block_header(text, indent, comment);
        let (mut breaks, mut leading_blank) = (true, true);
        let doubles = text
            .trim_start_matches(is_break)
            .starts_with(|c| c != ' ' && c != '\t');
        for c in text.chars() {
            if is_break(c) {
                if !breaks && !leading_blank && c == '\n' && doubles {
                    self.out.push('\n');
                }
                self.out.push(c);
                breaks = true;
                continue;
            }
            if breaks {
                self.spaces(indent);
                leading_blank = c == ' ' || c == '\t';
            }
            self.out.push(c);
            breaks = false;
        }
        self.block_ended(text);
    }

    /// The indicators of a block scalar, and the end of their line. An indentation indicator is needed if the text begins with
    /// blanks.
    fn block_header(&mut self, text: &str, indent: usize, comment: &str) {
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.out.push('2');
        }
        let mut from_end = text.chars().rev();
        match (from_end.next(), from_end.next()) {
            (Some(last), _) if !is_break(last) => self.out.push('-'),
            (Some(_), None) => self.out.push('+'),
            (Some(_), Some(before)) if is_break(before) => self.out.push('+'),
            _ => {}
        }
        if comment.is_empty() {
            return self.out.push('\n');
        }
        self.line_comment(comment, indent);
    }

    fn block_ended(&mut self, text: &str) {
        self.line_begins = text.ends_with(is_break);
        self.is_indentation = self.line_begins;
        self.separated = true;
    }
}

/// Whether the text can be a key without a `?`.
pub(super) fn is_simple_key(text: &str, facts: Facts) -> bool {
    !facts.multiline && text.len() <= SIMPLE_KEY_LEN_MAX
}
