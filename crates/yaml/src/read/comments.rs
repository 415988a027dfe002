//! Finds the comments between tokens, and the token that each belongs to, as in go-yaml v3.
//!
//! A comment at the end of a line is a line comment of what is before it, one above a value is its head, and one directly below a
//! value and followed by an empty line is its foot. The conditions in [`Finder::comment_lines`], including their use of columns
//! that begin at 0 or 1, are those of go-yaml, because the output of kustomize depends on them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::scan::{Scanner, Token, TokenKind};
use crate::diag::Source;

/// The number of blanks after which go-yaml no longer looks for a comment.
const BLANKS_MAX: usize = 512;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Head,
    Line,
    Foot,
}

/// One or several lines of comments, separated by line feeds.
pub(super) struct Comment {
    pub(super) place: Place,
    /// The position of the token that it belongs to: the first one that begins here or later.
    pub(super) token: usize,
    pub(super) text: String,
    /// Its column; from 0 for a line comment, and from 1 for others.
    column: usize,
    start: usize,
    /// The end of the blanks after it, and the position where the search for it began; 0 for a line comment.
    end: usize,
    scan: usize,
}

/// The comments of a document and the starts of its tokens.
pub(super) struct Found {
    pub(super) comments: VecDeque<Comment>,
    /// A block collection may end before a comment that follows it.
    pub(super) starts: Vec<usize>,
}

/// Finds the comments in a part of a file.
pub(super) fn find(source: &Arc<Source>, range: Range<usize>) -> Found {
    let mut scan = Scanner::new(source, range.clone(), true);
    let start = scan.at;
    let mut tokens = Vec::new();
    // The parser reports an error when it reaches it.
    while let Ok(token) = scan.next() {
        tokens.push(token);
        if token.kind == TokenKind::StreamEnd {
            break;
        }
    }
    let mut finder = Finder {
        scan: Scanner::new(source, range, true),
        here: Position {
            at: start,
            ..Position::default()
        },
        line_start: start,
        line_breaks: 0,
        columns: Vec::new(),
        flow: 0,
        last: [Last { kind: None, start }; 2],
        comments: Vec::new(),
    };
    let starts = finder.tokens(&tokens);
    Found {
        comments: finder.comments.into(),
        starts,
    }
}

#[derive(Clone, Copy, Default)]
struct Position {
    at: usize,
    line: usize,
    column: usize,
}

/// A token that was scanned before; without a kind at the beginning.
#[derive(Clone, Copy)]
struct Last {
    kind: Option<TokenKind>,
    start: usize,
}

struct Finder<'s> {
    scan: Scanner<'s>,
    here: Position,
    line_start: usize,
    /// The number of line breaks since the last character that is not a blank.
    line_breaks: usize,
    /// The columns of open block collections.
    columns: Vec<usize>,
    /// The number of open flow collections.
    flow: usize,
    /// The last token and the one before it.
    last: [Last; 2],
    comments: Vec<Comment>,
}

impl Finder<'_> {
    fn tokens(&mut self, tokens: &[Token]) -> Vec<usize> {
        let mut starts = Vec::with_capacity(tokens.len());
        // The position before the gap, if the gap in front of the next token has been searched.
        let mut searched = None;
        // Where block collections end that are deeper than the next token, and where others end, at the end of the document.
        let (mut inner_end, mut outer_end) = (0, 0);
        for token in tokens {
            if searched.is_none() {
                searched = Some(self.here.at);
                inner_end = self.here.at.saturating_sub(1);
                self.gap();
                outer_end = self.here.at.saturating_sub(1);
            }
            let start = token.start as usize;
            let column = self.here.column;
            match token.kind {
                TokenKind::BlockEnd => {
                    let own = self.columns.pop().unwrap_or(0);
                    let end = if own > column {
                        &mut inner_end
                    } else {
                        &mut outer_end
                    };
                    *end = self.block_end(own, *end);
                    starts.push(*end);
                    self.pushed(TokenKind::BlockEnd, *end);
                }
                TokenKind::BlockMappingStart | TokenKind::BlockSequenceStart => {
                    self.columns.push(column);
                    starts.push(start);
                }
                // The key of a scalar is inserted before it later.
                TokenKind::Key if token.start == token.end => starts.push(start),
                _ => {
                    starts.push(start);
                    self.token(token);
                    searched = None;
                }
            }
        }
        starts
    }

    /// The position of the end of a block collection: before the comments in its column.
    fn block_end(&self, own: usize, end: usize) -> usize {
        let (mut found, mut stop) = (end, end);
        for comment in self.comments.iter().rev() {
            if comment.end < stop {
                break;
            }
            if comment.column == own + 1 {
                found = comment.start;
            }
            stop = comment.scan;
        }
        found
    }

    /// Skips a token, and the comment at the end of its line.
    fn token(&mut self, token: &Token) {
        let start = token.start as usize;
        let byte = self.scan.byte_at(start);
        let owner = match byte {
            b':' if self.flow == 0 => self.last[0].start,
            b',' if self.flow > 0 => self.last[0].start,
            _ => start,
        };
        match token.kind {
            TokenKind::FlowSequenceStart | TokenKind::FlowMappingStart => self.flow += 1,
            TokenKind::FlowSequenceEnd | TokenKind::FlowMappingEnd => {
                self.flow = self.flow.saturating_sub(1);
            }
            _ => {}
        }
        self.pushed(token.kind, start);
        match token.kind {
            TokenKind::StreamEnd | TokenKind::DocumentStart | TokenKind::DocumentEnd => {
                return self.move_to(token.end as usize);
            }
            TokenKind::Directive => {
                self.move_to(self.scan.line_end(start));
                return self.move_to(self.here.at + self.scan.break_len(self.here.at));
            }
            TokenKind::Scalar if matches!(byte, b'|' | b'>') && self.flow == 0 => {
                self.block_text(token);
            }
            TokenKind::Scalar if !matches!(byte, b'"' | b'\'') => {
                self.move_to(token.end as usize);
                // libyaml looks for further lines of the scalar.
                self.skip_white_space(true);
            }
            _ => self.move_to(token.end as usize),
        }
        // A comment after a dash is the head of what follows.
        if token.kind != TokenKind::BlockEntry {
            self.line_comment(owner);
        }
    }

    /// Skips a block scalar, with the comment in its first line and the blanks after it.
    fn block_text(&mut self, token: &Token) {
        let (start, end) = (token.start as usize, token.end as usize);
        let header = self.scan.text.get(start..self.scan.line_end(start));
        let indicators = header
            .unwrap_or("")
            .trim_start_matches(|c| !matches!(c, ' ' | '\t'));
        let blanks = header.map_or(0, |it| it.len() - indicators.len());
        self.move_to(start + blanks);
        self.line_comment(start);
        self.move_to(end);
        self.skip_white_space(false);
    }

    fn skip_white_space(&mut self, tabs: bool) {
        loop {
            let len = match self.scan.byte_at(self.here.at) {
                b' ' => 1,
                b'\t' if tabs => 1,
                _ => self.scan.break_len(self.here.at),
            };
            if len == 0 {
                return;
            }
            self.move_to(self.here.at + len);
        }
    }

    fn pushed(&mut self, kind: TokenKind, start: usize) {
        let [last, _] = self.last;
        self.last = [
            Last {
                kind: Some(kind),
                start,
            },
            last,
        ];
    }

    fn line_comment(&mut self, owner: usize) {
        let blanks = (0..BLANKS_MAX).find(|at| !self.is_blank(self.here.at + at));
        let start = self.here.at + blanks.unwrap_or(0);
        if self.line_breaks > 0 || self.scan.byte_at(start) != b'#' {
            return;
        }
        self.move_to(start);
        let text = self.comment_line();
        self.comments.push(Comment {
            place: Place::Line,
            token: owner,
            text,
            column: start - self.line_start,
            start,
            end: 0,
            scan: 0,
        });
    }

    /// Skips a comment to the end of its line.
    fn comment_line(&mut self) -> String {
        let start = self.here.at;
        let end = self.scan.line_end(start);
        self.move_to(end);
        self.scan.text.get(start..end).unwrap_or("").to_string()
    }

    /// Skips blanks, line breaks and comments.
    fn gap(&mut self) {
        let scan = self.here;
        loop {
            while self.is_blank(self.here.at) || self.at_byte_order_mark() {
                self.move_to(self.here.at + 1);
            }
            if self.scan.byte_at(self.here.at) == b'#' {
                self.comment_lines(scan);
            }
            match self.scan.break_len(self.here.at) {
                0 => return,
                len => self.move_to(self.here.at + len),
            }
        }
    }

    fn at_byte_order_mark(&self) -> bool {
        let rest = self.scan.text.get(self.here.at..);
        self.here.column == 0 && rest.is_some_and(|it| it.starts_with('\u{feff}'))
    }

    /// Reads the comments from here to the next token.
    fn comment_lines(&mut self, scan: Position) {
        let owner = match self.last {
            [
                Last {
                    kind: Some(TokenKind::FlowEntry),
                    ..
                },
                before,
            ] => before,
            [last, _] => last,
        };
        let indent = self.columns.last().copied().unwrap_or(0);
        let mut run = Run {
            scan,
            owner: owner.start,
            start: Position::default(),
            text: String::new(),
        };
        let (mut after_empty, mut no_empty) = (false, self.line_breaks <= 1);
        let Position {
            mut line,
            mut column,
            ..
        } = self.here;
        // The line directly below the last token.
        let inside_line = self.line_breaks == 0 && column > 1;
        let below = (scan.line > 0)
            .then(|| (line + 1 + usize::from(inside_line)).wrapping_sub(self.line_breaks));
        let mut ahead = 0;
        while ahead < BLANKS_MAX {
            let at = self.here.at + ahead;
            column += 1;
            ahead += 1;
            if self.is_blank(at) {
                continue;
            }
            let byte = self.scan.byte_at(at);
            let next = Position { at, line, column };
            let closes = self.flow > 0 && matches!(byte, b']' | b'}');
            let breaks = self.scan.break_len(at) > 0;
            let is_further_left = run.start.column <= indent;
            if closes || breaks || byte == 0 {
                let is_below =
                    Some(run.start.line) == below && owner.kind != Some(TokenKind::Value);
                if closes || !after_empty && no_empty && (is_below || is_further_left) {
                    // Further left, it has nothing to do with the last token.
                    if is_further_left && !run.text.is_empty() {
                        run.owner = run.start.at;
                    }
                    self.comments.extend(run.end(Place::Foot, next));
                } else if !after_empty && !run.text.is_empty() && byte != 0 {
                    run.text.push('\n');
                }
                if !breaks {
                    break;
                }
                (no_empty, after_empty) = (false, true);
                (line, column) = (line + 1, 0);
                continue;
            }
            if column <= indent && column != run.start.column {
                self.comments.extend(run.end(Place::Foot, next));
            }
            if byte != b'#' {
                break;
            }
            match run.text.is_empty() {
                true => run.start = next,
                false => run.text.push('\n'),
            }
            after_empty = false;
            self.move_to(at);
            run.text.push_str(&self.comment_line());
            // The line break after the comment is not looked at, and does not count as a line.
            (ahead, column, line) = (1, 0, self.here.line);
        }
        let end = Position {
            at: (self.here.at + ahead).saturating_sub(2),
            line,
            column,
        };
        run.owner = run.start.at;
        self.comments.extend(run.end(Place::Head, end));
    }

    fn is_blank(&self, at: usize) -> bool {
        matches!(self.scan.byte_at(at), b' ' | b'\t')
    }

    fn move_to(&mut self, end: usize) {
        let end = end.min(self.scan.bytes.len());
        while self.here.at < end {
            match self.scan.break_len(self.here.at) {
                0 => {
                    if !self.is_blank(self.here.at) {
                        self.line_breaks = 0;
                    }
                    self.here.at += 1;
                }
                len => {
                    self.here.at += len;
                    self.here.line += 1;
                    self.line_start = self.here.at;
                    self.line_breaks += 1;
                }
            }
        }
        self.here.column = self.here.at.saturating_sub(self.line_start);
    }
}

/// Comment lines that belong together.
struct Run {
    scan: Position,
    owner: usize,
    start: Position,
    text: String,
}

impl Run {
    /// The comment, if there is one. The next one begins at `end`.
    fn end(&mut self, place: Place, end: Position) -> Option<Comment> {
        if self.text.is_empty() {
            return None;
        }
        let comment = Comment {
            place,
            token: self.owner,
            text: std::mem::take(&mut self.text),
            column: self.start.column,
            start: self.start.at,
            end: end.at,
            scan: self.scan.at,
        };
        self.scan = end;
        self.owner = end.at;
        Some(comment)
    }
}
