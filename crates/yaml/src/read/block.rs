//! Block scalars.

use std::ops::Range;

use super::scan::{Scan, Scanner, Text, Token};
use crate::Style;

impl Scanner<'_> {
    pub(super) fn block_text(&mut self, style: Style) -> Scan<Token> {
        let start = self.at;
        let (chomp, increment) = self.block_header(start)?;
        let mut indent = match increment {
            0 => 0,
            // Relative to the parent collection; without one, libyaml counts from 0.
            increment => self.indent.max(0) + increment,
        };
        self.buffer.clear();
        self.breaks.clear();
        let mut end = self.line_end(start).min(self.at);
        self.block_breaks(start, &mut indent)?;
        // A single line is a slice of the source. It is only copied to the buffer if a second one follows.
        let (mut alone, mut was_blank, mut ended): (Option<Range<usize>>, bool, Option<&str>) =
            (None, false, None);
        while self.column() == indent && self.byte() != 0 {
            if let Some(line) = alone.take() {
                self.buffer.push_str(&self.text[line]);
            }
            // In a folded scalar, line breaks around a line that begins with a blank are kept.
            let blank = matches!(self.byte(), b' ' | b'\t');
            let folds = style == Style::Folded && !was_blank && !blank;
            self.push_line_break(ended, folds);
            was_blank = blank;
            let from = self.at;
            end = self.line_end(from);
            self.at = end;
            if ended.is_none() && self.buffer.is_empty() {
                alone = Some(from..end);
            } else {
                self.buffer.push_str(&self.text[from..end]);
            }
            ended = self.take_break();
            self.breaks.clear();
            self.block_breaks(start, &mut indent)?;
        }
        // A block scalar ends at a line break, after which a key may begin.
        self.key_allowed = true;
        let text = self.chomped(chomp, ended, alone);
        Ok(self.finish(start, end, style, text))
    }

    /// Adds the separator between two lines. In a folded scalar, one break becomes a blank, and of several breaks one is removed.
    fn push_line_break(&mut self, ended: Option<&str>, folds: bool) {
        match ended {
            // Only line feeds are folded; libyaml keeps U+2028 and U+2029.
            Some("\n") if folds && self.breaks.is_empty() => self.buffer.push(' '),
            Some("\n") if folds => {}
            ended => self.buffer.push_str(ended.unwrap_or("")),
        }
        self.buffer.push_str(&self.breaks);
    }

    /// The text with the line breaks at its end that are kept.
    fn chomped(&mut self, chomp: Chomp, ended: Option<&str>, alone: Option<Range<usize>>) -> Text {
        let last = if chomp == Chomp::Strip {
            ""
        } else {
            ended.unwrap_or("")
        };
        let kept = if chomp == Chomp::Keep {
            self.breaks.as_str()
        } else {
            ""
        };
        if let Some(line) = alone {
            let len = last.len() + kept.len();
            let follows = self
                .text
                .get(line.end..line.end + len)
                .is_some_and(|it| it.strip_prefix(last) == Some(kept));
            if follows {
                return Text::Slice(line.start as u32, (line.end + len) as u32);
            }
            self.buffer.push_str(&self.text[line]);
        }
        self.buffer.push_str(last);
        self.buffer.push_str(kept);
        self.owned()
    }

    /// Reads the indicators after `|` or `>`, to the end of the line.
    fn block_header(&mut self, start: usize) -> Scan<(Chomp, i32)> {
        self.at += 1;
        let mut chomp = self.chomping();
        let mut increment = 0;
        if self.byte().is_ascii_digit() {
            increment = i32::from(self.byte() - b'0');
            if increment == 0 {
                return Err(self.zero_indentation());
            }
            self.at += 1;
            // Both orders are allowed, `|2-` and `|-2`.
            if chomp.is_none() {
                chomp = self.chomping();
            }
        }
        self.skip_blanks();
        if self.byte() == b'#' {
            self.at = self.line_end(self.at);
        }
        if self.byte() != 0 && self.take_break().is_none() {
            return Err(self.text_in_block_header(start));
        }
        Ok((chomp.unwrap_or(Chomp::Clip), increment))
    }

    fn chomping(&mut self) -> Option<Chomp> {
        let chomp = match self.byte() {
            b'+' => Chomp::Keep,
            b'-' => Chomp::Strip,
            _ => return None,
        };
        self.at += 1;
        Some(chomp)
    }

    /// Skips empty lines and the indentation of the next line; determines the indentation of the scalar if it is not known yet.
    fn block_breaks(&mut self, start: usize, indent: &mut i32) -> Scan<()> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.column() < *indent) && self.byte() == b' ' {
                self.at += 1;
            }
            deepest = deepest.max(self.column());
            // A tab has no width in YAML, so the indentation would be undefined.
            if (*indent == 0 || self.column() < *indent) && self.byte() == b'\t' {
                return Err(self.tab_in_block(start));
            }
            match self.take_break() {
                Some(more) => self.breaks.push_str(more),
                None => break,
            }
        }
        if *indent == 0 {
            // Blank lines before the first text also count: libyaml uses the deepest of them.
            *indent = deepest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}

/// The handling of line breaks at the end of a block scalar.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomp {
    Strip,
    Clip,
    Keep,
}
