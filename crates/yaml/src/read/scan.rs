//! The scanner: bytes to tokens, like libyaml.
//!
//! libyaml recognizes that a scalar was a key when it reaches the `:` after it, and then inserts a key token before the scalar.
//! This scanner looks for the `:` as soon as the scalar ends, so tokens are produced in order. Columns are in bytes, which makes no
//! difference, because a collection can only begin before the first non-ASCII character of a line.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::diag::{Diagnostic, Source, Span};
use crate::{Style, Tag};

/// An error that stops reading. Boxed to keep tokens small.
pub(super) type Scan<T> = Result<T, Box<Diagnostic>>;

/// The kind of a token. The names are those of productions in the YAML specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    StreamEnd,
    Directive,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias,
    Anchor,
    Tag,
    Scalar,
}

/// A token with its location. The text of a scalar is in [`Scanner::scalar`] until the next scalar is scanned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// The type of a tag token.
    pub(super) tag: Tag,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// The text of a scalar: a range of the source if it contains the text verbatim.
pub(super) enum Text {
    Slice(u32, u32),
    Owned(Arc<str>),
}

pub(super) struct Scanner<'s> {
    pub(super) source: &'s Arc<Source>,
    pub(super) text: &'s str,
    pub(super) bytes: &'s [u8],
    /// Whether only a line feed breaks lines: the text is ASCII without carriage returns.
    pub(super) simple: bool,
    pub(super) at: usize,
    pub(super) line_start: usize,
    /// The column of the innermost block collection; −1 if there is none.
    pub(super) indent: i32,
    indents: Vec<i32>,
    /// The starts of open flow collections.
    pub(super) flow: Vec<usize>,
    /// Whether a key without `?` may begin here.
    pub(super) key_allowed: bool,
    queue: VecDeque<Token>,
    pub(super) scalar: (Style, Text),
    /// The `:` after a collection that is a key.
    collection_key: Option<usize>,
    /// The start of the last scalar, for messages about an unexpected `: `.
    last_scalar: usize,
    /// Handles that `%TAG` directives of the current document declare.
    pub(super) handles: Vec<(String, String)>,
    /// Whether the last token was a directive, and whether one of them was `%YAML`.
    pub(super) directives: bool,
    pub(super) versioned: bool,
    /// Whether a document is read as written, in which a collection may be a key.
    as_written: bool,
    /// For texts that the source does not contain verbatim.
    pub(super) buffer: String,
    pub(super) breaks: String,
}

impl<'s> Scanner<'s> {
    pub(super) fn new(
        source: &'s Arc<Source>,
        range: Range<usize>,
        as_written: bool,
    ) -> Scanner<'s> {
        let text = source.text.get(..range.end).unwrap_or(&source.text);
        let after_mark = text
            .get(range.start..)
            .is_some_and(|it| it.starts_with('\u{feff}'));
        let start = range.start + if after_mark { '\u{feff}'.len_utf8() } else { 0 };
        let own = text.as_bytes().get(start..).unwrap_or(&[]);
        Scanner {
            source,
            text,
            bytes: text.as_bytes(),
            // Determined once per file, so that nearly all files skip the checks for rare line breaks.
            simple: own.is_ascii() && !own.contains(&b'\r'),
            at: start,
            line_start: start,
            indent: -1,
            indents: Vec::new(),
            flow: Vec::new(),
            key_allowed: true,
            queue: VecDeque::new(),
            scalar: (Style::Plain, Text::Slice(0, 0)),
            collection_key: None,
            last_scalar: start,
            handles: Vec::new(),
            directives: false,
            versioned: false,
            as_written,
            buffer: String::new(),
            breaks: String::new(),
        }
    }

    /// The next token. Must not be called after the end of the stream.
    pub(super) fn next(&mut self) -> Scan<Token> {
        match self.queue.pop_front() {
            Some(token) => Ok(token),
            None => self.fetch(),
        }
    }

    fn fetch(&mut self) -> Scan<Token> {
        self.skip_to_token();
        let column = self.column();
        let byte = self.byte();
        if self.flow.is_empty()
            // One token for each collection that ends.
            && (column < self.indent || self.at_boundary(column, byte))
            && self.indent >= 0
        {
            self.indent = self.indents.pop().unwrap_or(-1);
            return Ok(self.token(TokenKind::BlockEnd, self.at));
        }
        // Directives and markers are only recognized at the beginning of a line, even inside braces.
        if column == 0 {
            match byte {
                b'%' => {
                    self.begin_directives();
                    self.directives = true;
                    return self.directive();
                }
                b'-' | b'.' if self.at_document_marker() => {
                    self.key_allowed = false;
                    self.begin_directives();
                    self.directives = false;
                    let kind = if byte == b'-' {
                        TokenKind::DocumentStart
                    } else {
                        TokenKind::DocumentEnd
                    };
                    return Ok(self.take(kind, 3));
                }
                _ => {}
            }
        }
        self.fetch_at(column, byte)
    }

    fn fetch_at(&mut self, column: i32, byte: u8) -> Scan<Token> {
        let in_flow = !self.flow.is_empty();
        match byte {
            // Control characters were rejected before, so a zero is the end.
            0 => Ok(self.token(TokenKind::StreamEnd, self.at)),
            b'[' => self.flow_start(TokenKind::FlowSequenceStart, column),
            b'{' => self.flow_start(TokenKind::FlowMappingStart, column),
            b']' => Ok(self.flow_end(TokenKind::FlowSequenceEnd)),
            b'}' => Ok(self.flow_end(TokenKind::FlowMappingEnd)),
            b',' => {
                self.key_allowed = true;
                Ok(self.take(TokenKind::FlowEntry, 1))
            }
            b'-' if self.is_blank_or_end(self.at + 1) => self.block_entry(column),
            b'?' if in_flow || self.is_blank_or_end(self.at + 1) => self.key(column),
            b':' if in_flow || self.is_blank_or_end(self.at + 1) => self.value(column),
            byte if self.starts_content(byte) => self.content(column),
            b'\t' => Err(self.tab_fault(self.at)),
            _ => Err(self.cannot_start()),
        }
    }

    /// Directives only apply to one document, so they are reset before those of the next one.
    fn begin_directives(&mut self) {
        if !self.directives {
            self.handles.clear();
            self.versioned = false;
        }
    }

    /// Whether all block collections end here: at the end of the text, a document marker or a directive.
    fn at_boundary(&self, column: i32, byte: u8) -> bool {
        byte == 0
            || column == 0
                && (byte == b'%' || matches!(byte, b'-' | b'.') && self.at_document_marker())
    }

    /// Whether `---` or `...` is here, followed by a blank or nothing. The column must be 0.
    pub(super) fn at_document_marker(&self) -> bool {
        let marker = self.bytes.get(self.at..self.at + 3);
        (marker == Some(b"---") || marker == Some(b"...")) && self.is_blank_or_end(self.at + 3)
    }

    /// Skips blanks, line breaks and comments.
    fn skip_to_token(&mut self) {
        loop {
            match self.byte() {
                b' ' => self.at += 1,
                b'\n' => {
                    self.at += 1;
                    self.line_start = self.at;
                    // In flow style, line breaks are ignored.
                    self.key_allowed |= self.flow.is_empty();
                }
                // Tabs are separators, except where the column of a key would depend on them.
                b'\t' if !self.flow.is_empty() || !self.key_allowed => self.at += 1,
                b'#' => self.comment(),
                b'\r' | 0xC2 | 0xE2 => {
                    if self.take_break().is_none() {
                        return;
                    }
                    self.key_allowed |= self.flow.is_empty();
                }
                // A byte order mark may begin any line and occupies a column.
                0xEF if self.at == self.line_start
                    && self.text[self.at..].starts_with('\u{feff}') =>
                {
                    self.at += 3;
                    self.line_start = self.at - 1;
                }
                _ => return,
            }
        }
    }

    /// Skips a comment and the blanks before the next one. Before a second comment, tabs may be used for indentation.
    pub(super) fn comment(&mut self) {
        loop {
            self.at = self.line_end(self.at);
            let (mut next, mut line_start) = (self.at, self.line_start);
            while matches!(self.byte_at(next), b' ' | b'\t' | b'\n') {
                next += 1;
                if self.byte_at(next - 1) == b'\n' {
                    line_start = next;
                }
            }
            if self.byte_at(next) != b'#' {
                return;
            }
            self.line_start = line_start;
            self.key_allowed |= self.flow.is_empty();
            self.at = next;
        }
    }

    fn flow_start(&mut self, kind: TokenKind, column: i32) -> Scan<Token> {
        if let Some(colon) = self.colon_after_collection() {
            self.collection_key = Some(colon);
            let key = self.token(TokenKind::Key, self.at);
            let rolled = self.flow.is_empty() && self.roll_indent(column);
            self.flow.push(self.at);
            let start = self.take(kind, 1);
            if rolled {
                self.queue.push_back(key);
            }
            self.queue.push_back(start);
            let kind = TokenKind::BlockMappingStart;
            return Ok(if rolled { Token { kind, ..key } } else { key });
        }
        // libyaml reports the missing `:` of a simple key much later.
        if self.key_allowed && self.flow.is_empty() && self.indent == column {
            return Err(self.collection_in_place_of_key());
        }
        self.flow.push(self.at);
        self.key_allowed = true;
        Ok(self.take(kind, 1))
    }

    /// The position of the `:` after the `[…]` or `{…}` that begins here, if it is a key. Only needed for a document as written;
    /// otherwise, such keys are rejected later, with a better message.
    fn colon_after_collection(&self) -> Option<usize> {
        if !self.as_written || !self.key_allowed {
            return None;
        }
        // libyaml only allows simple keys on one line, which also limits the search.
        let line = self.at..self.line_end(self.at);
        let mut ahead = Scanner::new(self.source, line, false);
        let mut depth = 0;
        loop {
            match ahead.next().ok()?.kind {
                TokenKind::FlowSequenceStart | TokenKind::FlowMappingStart => depth += 1,
                TokenKind::FlowSequenceEnd | TokenKind::FlowMappingEnd => depth -= 1,
                TokenKind::StreamEnd => return None,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        ahead.skip_blanks();
        let colon = ahead.at;
        let is_key = self.byte_at(colon) == b':'
            && (!self.flow.is_empty() || self.is_blank_or_end(colon + 1))
            && ahead.is_short(self.at);
        is_key.then_some(colon)
    }

    fn flow_end(&mut self, kind: TokenKind) -> Token {
        self.flow.pop();
        self.key_allowed = false;
        self.take(kind, 1)
    }

    fn block_entry(&mut self, column: i32) -> Scan<Token> {
        if self.flow.is_empty() {
            if !self.key_allowed {
                return Err(self.stray_dash());
            }
            // The first item opens the list. Then the same dash is scanned again as an item.
            if self.roll_indent(column) {
                return Ok(self.token(TokenKind::BlockSequenceStart, self.at));
            }
        }
        self.key_allowed = true;
        Ok(self.take(TokenKind::BlockEntry, 1))
    }

    fn key(&mut self, column: i32) -> Scan<Token> {
        if self.flow.is_empty() {
            if !self.key_allowed {
                return Err(self.stray_question_mark());
            }
            if self.roll_indent(column) {
                return Ok(self.token(TokenKind::BlockMappingStart, self.at));
            }
        }
        // After `?` or `:` in block style, a compact collection may begin on the same line.
        self.key_allowed = self.flow.is_empty();
        Ok(self.take(TokenKind::Key, 1))
    }

    /// A `:` that does not follow a simple key.
    fn value(&mut self, column: i32) -> Scan<Token> {
        // Its key token was returned when the collection began.
        if self.collection_key == Some(self.at) {
            return Ok(self.take(TokenKind::Value, 1));
        }
        if self.flow.is_empty() {
            if !self.key_allowed {
                return Err(self.stray_colon(self.last_scalar));
            }
            if self.roll_indent(column) {
                return Ok(self.token(TokenKind::BlockMappingStart, self.at));
            }
        }
        self.key_allowed = self.flow.is_empty();
        Ok(self.take(TokenKind::Value, 1))
    }

    /// A scalar or alias, with its anchor and tag, and the `:` after it, if there is one.
    fn content(&mut self, column: i32) -> Scan<Token> {
        let (start, line) = (self.at, self.line_start);
        // Scanning the scalar changes the flag.
        let may_be_key = self.key_allowed;
        self.last_scalar = start;
        let first = self.content_part()?;
        let mut part = first;
        let parts = loop {
            if part.kind == TokenKind::Scalar
                && matches!(self.scalar.0, Style::Literal | Style::Folded)
            {
                break None;
            }
            self.skip_blanks();
            let byte = self.byte();
            if byte == b':' && self.line_start == line {
                break Some(());
            }
            let property = matches!(part.kind, TokenKind::Anchor | TokenKind::Tag);
            if !property || !self.starts_content(byte) {
                break None;
            }
            self.last_scalar = self.at;
            part = self.content_part()?;
            self.queue.push_back(part);
        };
        if may_be_key
            && parts.is_some()
            && self.line_start == line
            && (!self.flow.is_empty() || self.is_blank_or_end(self.at + 1))
            && self.is_short(start)
        {
            return Ok(self.as_key(first, column));
        }
        // A block scalar is never a key; it may be in the column of its key.
        let block_text = first.kind == TokenKind::Scalar
            && matches!(self.scalar.0, Style::Literal | Style::Folded);
        if may_be_key && self.flow.is_empty() && self.indent == column && !block_text {
            return Err(self.missing_colon(start, line));
        }
        Ok(first)
    }

    /// Handles a key: returns key tokens before its first part, and consumes the `:` after it.
    fn as_key(&mut self, first: Token, column: i32) -> Token {
        let key = self.token(TokenKind::Key, first.start as usize);
        // The parser needs the key token before the scalar, which is already scanned.
        self.queue.push_front(first);
        self.key_allowed = false;
        let value = self.take(TokenKind::Value, 1);
        self.queue.push_back(value);
        if self.flow.is_empty() && self.roll_indent(column) {
            self.queue.push_front(key);
            return Token {
                kind: TokenKind::BlockMappingStart,
                ..key
            };
        }
        key
    }

    /// An anchor, an alias, a tag or a scalar.
    fn content_part(&mut self) -> Scan<Token> {
        self.key_allowed = false;
        match self.byte() {
            b'&' => self.anchor(TokenKind::Anchor),
            b'*' => self.anchor(TokenKind::Alias),
            b'!' => self.tag(),
            b'"' => self.double_quoted(),
            b'\'' => self.single_quoted(),
            b'|' if self.flow.is_empty() => self.block_text(Style::Literal),
            b'>' if self.flow.is_empty() => self.block_text(Style::Folded),
            _ => self.plain(),
        }
    }

    /// Whether an anchor, an alias, a tag or a scalar can begin with this byte here.
    fn starts_content(&self, byte: u8) -> bool {
        match byte {
            b'-' => {
                !matches!(self.byte_at(self.at + 1), b' ' | b'\t')
                    && !self.is_blank_or_end(self.at + 1)
            }
            b'?' | b':' => self.flow.is_empty() && !self.is_blank_or_end(self.at + 1),
            b'|' | b'>' => self.flow.is_empty(),
            b'&' | b'*' | b'!' | b'"' | b'\'' => true,
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'%' | b'@' | b'`' => false,
            0 | b' ' | b'\t' | b'\n' | b'\r' => false,
            _ => self.break_len(self.at) == 0,
        }
    }

    /// Opens a block collection if the column is deeper than the current one.
    fn roll_indent(&mut self, column: i32) -> bool {
        // An equal column continues the collection; a smaller one has already ended it.
        let deeper = self.indent < column;
        if deeper {
            self.indents.push(self.indent);
            self.indent = column;
        }
        deeper
    }

    /// Whether the text from `start` is short enough for a key: 1024 characters.
    fn is_short(&self, start: usize) -> bool {
        // The number of bytes is an upper bound, and counting characters is slow.
        self.at - start <= 1024 || self.text[start..self.at].chars().count() <= 1024
    }

    pub(super) fn column(&self) -> i32 {
        i32::try_from(self.at - self.line_start).unwrap_or(i32::MAX)
    }

    /// The current byte; 0 at the end.
    pub(super) fn byte(&self) -> u8 {
        self.byte_at(self.at)
    }

    pub(super) fn byte_at(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(super) fn skip_blanks(&mut self) {
        while matches!(self.byte(), b' ' | b'\t') {
            self.at += 1;
        }
    }

    pub(super) fn is_blank_or_end(&self, at: usize) -> bool {
        match self.byte_at(at) {
            0 | b' ' | b'\t' | b'\n' | b'\r' => true,
            0xC2 | 0xE2 => self.break_len(at) > 0,
            _ => false,
        }
    }

    /// The length of the line break at a position in bytes; 0 if there is none.
    pub(super) fn break_len(&self, at: usize) -> usize {
        match self.byte_at(at) {
            b'\n' => 1,
            b'\r' if self.byte_at(at + 1) == b'\n' => 2,
            b'\r' => 1,
            0xC2 if self.byte_at(at + 1) == 0x85 => 2,
            0xE2 if self.byte_at(at + 1) == 0x80 && matches!(self.byte_at(at + 2), 0xA8 | 0xA9) => {
                3
            }
            _ => 0,
        }
    }

    /// Skips a line break and returns its meaning in a text.
    pub(super) fn take_break(&mut self) -> Option<&'static str> {
        let len = self.break_len(self.at);
        let meaning = match (len, self.byte_at(self.at + 2)) {
            (0, _) => return None,
            (3, 0xA8) => "\u{2028}",
            (3, _) => "\u{2029}",
            _ => "\n",
        };
        self.at += len;
        self.line_start = self.at;
        Some(meaning)
    }

    /// The end of the line that contains `from`.
    pub(super) fn line_end(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or(&[]);
        let line = memchr::memchr2(b'\n', b'\r', rest).map_or(rest, |end| &rest[..end]);
        if self.simple {
            return from + line.len();
        }
        let leads = memchr::memchr2_iter(0xC2, 0xE2, line);
        let wide = leads.map(|at| from + at).find(|at| self.break_len(*at) > 0);
        wide.unwrap_or(from + line.len())
    }

    /// A token from `start` to here.
    pub(super) fn token(&self, kind: TokenKind, start: usize) -> Token {
        Token {
            kind,
            tag: Tag::None,
            start: start as u32,
            end: self.at as u32,
        }
    }

    pub(super) fn take(&mut self, kind: TokenKind, len: usize) -> Token {
        let start = self.at;
        self.at += len;
        self.token(kind, start)
    }

    /// The span of a range, extended to whole characters.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        let end = (range.end..=self.text.len()).find(|at| self.text.is_char_boundary(*at));
        Span::new(self.source, range.start..end.unwrap_or(self.text.len()))
    }

    pub(super) fn fault(&self, range: Range<usize>, message: impl Into<String>) -> Box<Diagnostic> {
        Box::new(Diagnostic::error("yaml-syntax", message).at(self.span(range)))
    }
}
