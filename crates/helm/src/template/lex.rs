//! The lexer of templates (Go, `parse/lex.go`).

use crate::go::strconv;
use crate::go::unicode::{is_digit, is_letter};
use crate::value::Value;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An error, with the message in `error` of the lexer. Only [`Kind::Eof`] follows.
    Error,
    Bool,
    /// A printable ASCII character without its own kind, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelimiter,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelimiter,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Dot,
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Kind {
    fn is_keyword(self) -> bool {
        use Kind::{
            Block, Break, Continue, Define, Dot, Else, End, If, Nil, Range, Template, With,
        };
        matches!(
            self,
            Block
                | Break
                | Continue
                | Dot
                | Define
                | Else
                | End
                | If
                | Nil
                | Range
                | Template
                | With
        )
    }
}

fn keyword(word: &[u8]) -> Option<Kind> {
    Some(match word {
        b"block" => Kind::Block,
        b"break" => Kind::Break,
        b"continue" => Kind::Continue,
        b"define" => Kind::Define,
        b"else" => Kind::Else,
        b"end" => Kind::End,
        b"if" => Kind::If,
        b"nil" => Kind::Nil,
        b"range" => Kind::Range,
        b"template" => Kind::Template,
        b"with" => Kind::With,
        b"true" | b"false" => Kind::Bool,
        _ => return None,
    })
}

/// A token of a template.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// The line of its first character, counted from 1.
    pub(super) line: usize,
}

const LEFT: &[u8] = b"{{";
const RIGHT: &[u8] = b"}}";
/// The length of a trim marker with its space.
const MARKER: usize = 2;

/// Reads tokens one by one.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    position: usize,
    /// The start of the current token.
    start: usize,
    line: usize,
    /// The position up to which lines are counted.
    counted: usize,
    paren_depth: usize,
    inside_action: bool,
    /// The message after a token of [`Kind::Error`].
    pub(super) error: String,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Lexer<'t> {
        Lexer {
            text,
            position: 0,
            start: 0,
            line: 1,
            counted: 0,
            paren_depth: 0,
            inside_action: false,
            error: String::new(),
        }
    }

    pub(super) fn slice(&self, token: Token) -> &'t [u8] {
        self.text.get(token.start..token.end).unwrap_or(&[])
    }

    /// The token in parse errors.
    pub(super) fn describe(&self, token: Token) -> String {
        let text = self.slice(token);
        match token.kind {
            Kind::Eof => "EOF".to_string(),
            Kind::Error => self.error.clone(),
            kind if kind.is_keyword() => format!("<{}>", String::from_utf8_lossy(text)),
            _ if text.len() > 10 => {
                let quoted = crate::fmt::sprintf(b"%.10q...", &[Value::string(text)]);
                String::from_utf8_lossy(&quoted).into_owned()
            }
            _ => strconv::quote(text),
        }
    }

    pub(super) fn next(&mut self) -> Token {
        if self.error.is_empty() {
            let kind = match self.inside_action {
                true => self.action(),
                false => self.text(),
            };
            if let Some(token) = kind {
                return token;
            }
        }
        Token {
            kind: Kind::Eof,
            start: self.text.len(),
            end: self.text.len(),
            line: self.line,
        }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.position..).unwrap_or(&[])
    }

    /// Ends the token at the current position.
    fn token(&mut self, kind: Kind) -> Option<Token> {
        let start = std::mem::replace(&mut self.start, self.position);
        self.count_lines(start);
        Some(Token {
            kind,
            start,
            end: self.position,
            line: self.line,
        })
    }

    fn skip(&mut self) {
        self.start = self.position;
    }

    /// Advances the current line to that of a position.
    fn count_lines(&mut self, position: usize) {
        let passed = self.text.get(self.counted..position).unwrap_or(&[]);
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.counted = self.counted.max(position);
    }

    fn fail(&mut self, error: impl Into<String>) -> Option<Token> {
        self.error = error.into();
        let token = self.token(Kind::Error);
        self.count_lines(self.position);
        token
    }

    /// Outside of actions: reads text up to the next action, or the left delimiter.
    fn text(&mut self) -> Option<Token> {
        loop {
            let rest = self.rest();
            let Some(length) = memchr::memmem::find(rest, LEFT) else {
                self.position = self.text.len();
                if self.position > self.start {
                    return self.token(Kind::Text);
                }
                self.count_lines(self.position);
                return None;
            };
            let (text, action) = rest.split_at(length);
            let trims = starts_with_marker(action.get(LEFT.len()..).unwrap_or(&[]));
            let kept = if trims { trim_end(text).len() } else { length };
            if kept > 0 {
                self.position += kept;
                let token = self.token(Kind::Text);
                self.position += length - kept;
                self.skip();
                return token;
            }
            self.position += length;
            self.skip();
            if let Some(token) = self.left_delimiter(trims) {
                return Some(token);
            }
        }
    }

    /// Returns `None` if the action is a comment.
    fn left_delimiter(&mut self, trims: bool) -> Option<Token> {
        let marker = if trims { MARKER } else { 0 };
        self.position += LEFT.len();
        let rest = self.rest().get(marker..).unwrap_or(&[]);
        if rest.starts_with(b"/*") {
            self.position += marker;
            self.skip();
            return self.comment();
        }
        let token = self.token(Kind::LeftDelimiter);
        self.position += marker;
        self.skip();
        self.inside_action = true;
        self.paren_depth = 0;
        token
    }

    fn comment(&mut self) -> Option<Token> {
        let body = self.rest().get(2..).unwrap_or(&[]);
        let Some(length) = memchr::memmem::find(body, b"*/") else {
            self.position += 2;
            return self.fail("unclosed comment");
        };
        self.position += 2 + length + 2;
        match self.right_delimiter_here() {
            None => self.fail("comment ends before closing delimiter"),
            Some(trims) => {
                self.pass_right_delimiter(trims);
                self.skip();
                None
            }
        }
    }

    /// Whether a right delimiter follows, and whether it has a trim marker.
    fn right_delimiter_here(&self) -> Option<bool> {
        let rest = self.rest();
        match rest {
            [space, b'-', after @ ..] if is_space(*space) && after.starts_with(RIGHT) => Some(true),
            _ if rest.starts_with(RIGHT) => Some(false),
            _ => None,
        }
    }

    fn pass_right_delimiter(&mut self, trims: bool) {
        self.position += RIGHT.len();
        if trims {
            self.position += MARKER;
            let rest = self.rest();
            self.position += rest.len() - trim_start(rest).len();
        }
    }

    fn right_delimiter(&mut self, trims: bool) -> Option<Token> {
        if trims {
            self.position += MARKER;
            self.skip();
        }
        self.position += RIGHT.len();
        let token = self.token(Kind::RightDelimiter);
        if trims {
            let rest = self.rest();
            self.position += rest.len() - trim_start(rest).len();
            self.skip();
        }
        self.inside_action = false;
        token
    }

    fn action(&mut self) -> Option<Token> {
        if let Some(trims) = self.right_delimiter_here() {
            return match self.paren_depth {
                0 => self.right_delimiter(trims),
                _ => self.fail("unclosed left paren"),
            };
        }
        let Some(c) = self.advance() else {
            return self.fail("unclosed action");
        };
        match c {
            ' ' | '\t' | '\r' | '\n' => self.space(),
            '=' => self.token(Kind::Assign),
            ':' => match self.advance() {
                Some('=') => self.token(Kind::Declare),
                _ => self.fail("expected :="),
            },
            '|' => self.token(Kind::Pipe),
            '"' => self.quoted(b'"', "unterminated quoted string", Kind::String),
            '\'' => self.quoted(b'\'', "unterminated character constant", Kind::CharConstant),
            '`' => self.raw_quoted(),
            '$' => self.field_or_variable(Kind::Variable, Kind::Variable),
            '.' if self.rest().first().is_some_and(|it| !it.is_ascii_digit()) => {
                self.field_or_variable(Kind::Field, Kind::Dot)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.position -= 1;
                self.number()
            }
            c if is_alphanumeric(c) => self.identifier(),
            '(' => {
                self.paren_depth += 1;
                self.token(Kind::LeftParen)
            }
            ')' => match self.paren_depth.checked_sub(1) {
                Some(depth) => {
                    self.paren_depth = depth;
                    self.token(Kind::RightParen)
                }
                None => self.fail("unexpected right paren"),
            },
            '!'..='~' => self.token(Kind::Char),
            c => {
                let code_point = code_point(c);
                self.fail(format!("unrecognized character in action: {code_point}"))
            }
        }
    }

    /// The next character; an invalid byte is U+FFFD.
    fn peek(&self) -> Option<(char, usize)> {
        let rest = self.rest();
        let first = *rest.first()?;
        if first.is_ascii() {
            return Some((char::from(first), 1));
        }
        let head = rest.get(..4).unwrap_or(rest);
        let c = head
            .utf8_chunks()
            .next()
            .and_then(|it| it.valid().chars().next());
        Some(c.map_or((char::REPLACEMENT_CHARACTER, 1), |it| (it, it.len_utf8())))
    }

    fn advance(&mut self) -> Option<char> {
        let (c, width) = self.peek()?;
        self.position += width;
        Some(c)
    }

    /// Reads white space, after the first character.
    fn space(&mut self) -> Option<Token> {
        let rest = self.rest();
        self.position += rest.iter().take_while(|it| is_space(**it)).count();
        // The last space may belong to a right delimiter with a trim marker: ` -}}`.
        self.position -= 1;
        if let Some(true) = self.right_delimiter_here() {
            return match self.position > self.start {
                true => self.token(Kind::Space),
                false => self.right_delimiter(true),
            };
        }
        self.position += 1;
        self.token(Kind::Space)
    }

    fn pass_alphanumeric(&mut self) {
        while let Some((c, width)) = self.peek() {
            if !is_alphanumeric(c) {
                break;
            }
            self.position += width;
        }
    }

    /// Reads an identifier, after its first character.
    fn identifier(&mut self) -> Option<Token> {
        self.pass_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = self.text.get(self.start..self.position).unwrap_or(&[]);
        self.token(keyword(word).unwrap_or(Kind::Identifier))
    }

    /// Reads a field or variable, after the dot or dollar sign.
    fn field_or_variable(&mut self, kind: Kind, alone: Kind) -> Option<Token> {
        if self.at_terminator() {
            return self.token(alone);
        }
        self.pass_alphanumeric();
        match self.at_terminator() {
            true => self.token(kind),
            false => self.bad_character(),
        }
    }

    fn bad_character(&mut self) -> Option<Token> {
        let c = self.peek().map_or('\u{fffd}', |it| it.0);
        self.fail(format!("bad character {}", code_point(c)))
    }

    /// Whether the next character may follow a name.
    fn at_terminator(&self) -> bool {
        match self.peek() {
            None => true,
            Some((' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(', _)) => true,
            Some(_) => self.rest().starts_with(RIGHT),
        }
    }

    /// Reads a quoted text, after the opening quote.
    fn quoted(&mut self, quote: u8, error: &str, kind: Kind) -> Option<Token> {
        loop {
            let byte = self.rest().first().copied();
            self.position += usize::from(byte.is_some());
            match byte {
                Some(b'\\') => {
                    let escaped = self.rest().first().copied();
                    self.position += usize::from(escaped.is_some());
                    if matches!(escaped, None | Some(b'\n')) {
                        return self.fail(error);
                    }
                }
                None | Some(b'\n') => return self.fail(error),
                Some(byte) if byte == quote => return self.token(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_quoted(&mut self) -> Option<Token> {
        match memchr::memchr(b'`', self.rest()) {
            Some(length) => {
                self.position += length + 1;
                self.token(Kind::RawString)
            }
            None => {
                self.position = self.text.len();
                self.fail("unterminated raw quoted string")
            }
        }
    }

    fn number(&mut self) -> Option<Token> {
        let mut is_valid = self.scan_number();
        let mut kind = Kind::Number;
        if is_valid && matches!(self.rest().first(), Some(b'+' | b'-')) {
            kind = Kind::Complex;
            let is_number = self.scan_number();
            is_valid = is_number && self.text.get(self.position - 1) == Some(&b'i');
        }
        if is_valid {
            return self.token(kind);
        }
        let text = self.text.get(self.start..self.position).unwrap_or(&[]);
        self.fail(format!("bad number syntax: {}", strconv::quote(text)))
    }

    fn accept(&mut self, valid: &[u8]) -> bool {
        let accepted = self.rest().first().is_some_and(|it| valid.contains(it));
        self.position += usize::from(accepted);
        accepted
    }

    fn accept_run(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }

    /// Consumes a number; false if a letter or digit follows it.
    fn scan_number(&mut self) -> bool {
        const DECIMAL: &[u8] = b"0123456789_";
        const HEXADECIMAL: &[u8] = b"0123456789abcdefABCDEF_";
        self.accept(b"+-");
        let mut digits = DECIMAL;
        if self.accept(b"0") {
            if self.accept(b"xX") {
                digits = HEXADECIMAL;
            } else if self.accept(b"oO") {
                digits = b"01234567_";
            } else if self.accept(b"bB") {
                digits = b"01_";
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        let exponent: &[u8] = match digits {
            DECIMAL => b"eE",
            HEXADECIMAL => b"pP",
            _ => b"",
        };
        if self.accept(exponent) {
            self.accept(b"+-");
            self.accept_run(DECIMAL);
        }
        self.accept(b"i");
        match self.peek() {
            Some((c, width)) if is_alphanumeric(c) => {
                self.position += width;
                false
            }
            _ => true,
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_alphanumeric(c: char) -> bool {
    match c.is_ascii() {
        true => c == '_' || c.is_ascii_alphanumeric(),
        false => is_letter(c) || is_digit(c),
    }
}

fn starts_with_marker(text: &[u8]) -> bool {
    matches!(text, [b'-', space, ..] if is_space(*space))
}

fn trim_end(text: &[u8]) -> &[u8] {
    let kept = text.iter().rposition(|it| !is_space(*it));
    text.get(..kept.map_or(0, |it| it + 1)).unwrap_or(&[])
}

fn trim_start(text: &[u8]) -> &[u8] {
    let kept = text.iter().position(|it| !is_space(*it));
    kept.and_then(|it| text.get(it..)).unwrap_or(&[])
}

/// A character in the format `%#U`.
fn code_point(c: char) -> String {
    let code = u32::from(c);
    match strconv::is_print(c) {
        true => format!("U+{code:04X} '{c}'"),
        false => format!("U+{code:04X}"),
    }
}
