//! The expressions of a text: the syntax of `fluxcd/pkg/envsubst`, which knows less than a shell.
//!
//! Every step follows Flux's own parser, so that the same texts are rejected, with the same messages.

use std::ops::Range;

/// How deep expressions may be nested in the words of others.
const DEPTH_MAX: usize = 100;

/// A part of a text.
#[derive(Debug)]
pub(super) enum Piece<'t> {
    /// Plain text as written, and which characters may be escaped in it.
    Text(&'t str, &'static str),
    Expression(Box<Expression<'t>>),
}

/// `${NAME}` and other expressions.
#[derive(Debug)]
pub(super) struct Expression<'t> {
    pub(super) name: &'t str,
    pub(super) function: Function<'t>,
    /// Where it is in the text.
    pub(super) range: Range<usize>,
}

/// The operation of an expression.
#[derive(Debug)]
pub(super) enum Function<'t> {
    /// `${NAME}`
    Value,
    /// `${#NAME}`
    Length,
    /// `${NAME:=word}`, and the other operators that are equivalent in Flux.
    Default(Vec<Piece<'t>>),
    /// `${NAME:offset:length}`
    Part(Piece<'t>, Option<Piece<'t>>),
    /// `${NAME,}`, `${NAME,,}`, `${NAME^}` and `${NAME^^}`, by their signs.
    LetterCase(&'t str),
    /// `${NAME/old/new}`, with a second sign `/` for all, `#` at the start and `%` at the end.
    Replace {
        signs: &'t str,
        old: Piece<'t>,
        new: Option<Piece<'t>>,
    },
    /// `${NAME#pattern}`, `${NAME##pattern}`, `${NAME%pattern}` and `${NAME%%pattern}`, by their signs.
    Remove(&'t str, Piece<'t>),
}

/// A variable that a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mention<'t> {
    pub(crate) name: &'t str,
    /// Whether there is a default for an unset variable, as in `${NAME:=word}`.
    pub(crate) has_default: bool,
}

/// What Flux cannot parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault<'t> {
    /// From its `${` on, up to the end of its braces or of its line.
    pub(crate) text: &'t str,
    /// The message of Flux.
    pub(crate) reason: &'static str,
    /// The byte offset at which Flux's parser stops.
    pub(super) at: usize,
}

/// The maximum number of errors searched in a text: after each one, parsing starts again.
const FAULTS_MAX: usize = 20;

/// The parts of a text, and its errors. Flux stops at the first error; here, parsing continues after it.
pub(super) fn parse(text: &str) -> (Vec<Piece<'_>>, Vec<Fault<'_>>) {
    let mut parser = Parser { text, at: 0 };
    let (mut pieces, mut faults) = (Vec::new(), Vec::new());
    loop {
        let start = parser.at;
        match parser.scan(Mode::TEXT, |_, _| true) {
            Token::Open => {
                let inside = parser.at;
                match parser.expression(0) {
                    Ok(expression) => pieces.push(Piece::Expression(Box::new(expression))),
                    Err(reason) => {
                        let excerpt = excerpt_of(text.get(inside - 2..).unwrap_or(""));
                        faults.push(Fault {
                            text: excerpt,
                            reason,
                            at: parser.at,
                        });
                        if faults.len() == FAULTS_MAX {
                            return (pieces, faults);
                        }
                        parser.at = inside;
                    }
                }
            }
            Token::Word => pieces.push(Piece::Text(
                text.get(start..parser.at).unwrap_or(""),
                Mode::TEXT.escapes,
            )),
            _ => return (pieces, faults),
        }
    }
}

/// The variables that a text names, in their order, and what cannot be parsed.
pub(crate) fn mentions(text: &str) -> (Vec<Mention<'_>>, Vec<Fault<'_>>) {
    let (pieces, faults) = parse(text);
    let mut found = Vec::new();
    pieces.iter().for_each(|it| it.mention(&mut found));
    (found, faults)
}

impl<'t> Piece<'t> {
    fn mention(&self, found: &mut Vec<Mention<'t>>) {
        let Piece::Expression(expression) = self else {
            return;
        };
        found.push(Mention {
            name: expression.name,
            has_default: matches!(expression.function, Function::Default(_)),
        });
        match &expression.function {
            Function::Value | Function::Length | Function::LetterCase(_) => {}
            Function::Default(pieces) => pieces.iter().for_each(|it| it.mention(found)),
            Function::Part(one, other) => {
                one.mention(found);
                other.iter().for_each(|it| it.mention(found));
            }
            Function::Replace { old, new, .. } => {
                old.mention(found);
                new.iter().for_each(|it| it.mention(found));
            }
            Function::Remove(_, pattern) => pattern.mention(found),
        }
    }
}

/// The maximum length of an excerpt in a message, in bytes.
const EXCERPT_MAX: usize = 60;

/// A text up to the brace that closes the one at its beginning, at most to the end of its line.
fn excerpt_of(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return text.get(..=at).unwrap_or(text),
            '}' => depth -= 1,
            _ => {}
        }
        if c == '\n' || at > EXCERPT_MAX {
            return text.get(..at).unwrap_or(text);
        }
    }
    text
}

const BAD: &str = "bad substitution";
const NO_BRACE: &str = "missing closing brace";
const NO_NAME: &str = "unable to parse variable name";
const NO_WORD: &str = "unable to parse substitution within function";
const NO_DEFAULT: &str = "unable to parse default function";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    /// Characters that are accepted.
    Word,
    End,
    Other,
}

/// What a scan looks for.
#[derive(Clone, Copy)]
struct Mode {
    word: bool,
    open: bool,
    close: bool,
    /// The characters that may be escaped: `$` by itself, `/` and `\` by a backslash.
    escapes: &'static str,
}

impl Mode {
    const NONE: Mode = Mode {
        word: false,
        open: false,
        close: false,
        escapes: "",
    };
    const TEXT: Mode = Mode {
        word: true,
        open: true,
        escapes: "$",
        ..Mode::NONE
    };
    const WORD: Mode = Mode {
        word: true,
        ..Mode::NONE
    };
    const CLOSE: Mode = Mode {
        close: true,
        ..Mode::NONE
    };
    const WORD_OR_CLOSE: Mode = Mode {
        word: true,
        ..Mode::CLOSE
    };
    const PARAMETER: Mode = Mode {
        word: true,
        open: true,
        ..Mode::NONE
    };
    const ESCAPED_PARAMETER: Mode = Mode {
        escapes: "$\\",
        ..Mode::PARAMETER
    };
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn read(&mut self) -> Option<char> {
        let read = self.peek()?;
        self.at += read.len_utf8();
        Some(read)
    }

    /// Whether the character that was read and the next one open a variable.
    fn is_open(&self, read: char, mode: Mode) -> bool {
        mode.open && read == '$' && self.peek() == Some('{')
    }

    /// Whether the character that was read escapes the next one.
    fn is_escape(&self, read: char, mode: Mode) -> bool {
        let escaped = match read {
            '$' => "$",
            '\\' => "/\\",
            _ => return false,
        };
        mode.escapes.contains(read) && self.peek().is_some_and(|it| escaped.contains(it))
    }

    /// The next token. `accept` gets a character and the number of bytes from the beginning of the token to its end.
    fn scan(&mut self, mode: Mode, accept: impl Fn(char, usize) -> bool) -> Token {
        let start = self.at;
        let Some(first) = self.read() else {
            return Token::End;
        };
        if self.is_open(first, mode) {
            self.read();
            return Token::Open;
        }
        if mode.close && first == '}' {
            return Token::Close;
        }
        if !mode.word {
            return Token::Other;
        }
        if self.is_escape(first, mode) {
            self.read();
        } else if !accept(first, self.at - start) {
            return Token::Other;
        }
        loop {
            let before = self.at;
            let Some(next) = self.read() else {
                return Token::Word;
            };
            if self.is_escape(next, mode) {
                self.read();
            } else if self.is_open(next, mode) || !accept(next, self.at - start) {
                self.at = before;
                return Token::Word;
            }
        }
    }

    /// A word that must be there.
    fn expect(
        &mut self,
        accept: impl Fn(char, usize) -> bool,
        otherwise: &'static str,
    ) -> Result<&'t str, &'static str> {
        let start = self.at;
        match self.scan(Mode::WORD, accept) {
            Token::Word => Ok(self.text.get(start..self.at).unwrap_or("")),
            _ => {
                self.at = start;
                Err(otherwise)
            }
        }
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let start = self.at;
        match self.scan(Mode::CLOSE, |_, _| false) {
            Token::Close => Ok(()),
            _ => {
                self.at = start;
                Err(BAD)
            }
        }
    }

    /// What follows a `${`, with its `}`.
    fn expression(&mut self, depth: usize) -> Result<Expression<'t>, &'static str> {
        if depth > DEPTH_MAX {
            return Err("variables are nested too deeply");
        }
        let start = self.at - 2;
        let (name, function) = match self.peek() {
            Some('#') => {
                self.expect(|c, length| c == '#' && length == 1, BAD)?;
                let name = self.expect(is_name, BAD)?;
                self.close()?;
                (name, Function::Length)
            }
            _ => {
                let name = self.expect(is_name, NO_NAME)?;
                (name, self.function(depth)?)
            }
        };
        Ok(Expression {
            name,
            function,
            range: start..self.at,
        })
    }

    /// What follows the name, with the `}`.
    fn function(&mut self, depth: usize) -> Result<Function<'t>, &'static str> {
        match self.peek() {
            Some(':') if self.has_word() => self.default(depth),
            Some('=') => self.default(depth),
            Some(':') => self.part(depth),
            Some(',' | '^') => {
                let signs = self.expect(|c, length| (c == ',' || c == '^') && length < 3, BAD)?;
                self.close()?;
                Ok(Function::LetterCase(signs))
            }
            Some('/') => self.replace(depth),
            Some(sign @ ('#' | '%')) => {
                let signs = self.expect(|c, length| c == sign && length < 3, BAD)?;
                let pattern = self.parameter(Mode::PARAMETER, |c| c != '}', depth)?;
                self.close()?;
                Ok(Function::Remove(signs, pattern))
            }
            _ => {
                self.close().map_err(|_| NO_BRACE)?;
                Ok(Function::Value)
            }
        }
    }

    /// Whether the colon that comes next begins `:=`, `:-`, `:?` or `:+`.
    fn has_word(&self) -> bool {
        let rest = self.text.get(self.at + 1..).unwrap_or("");
        rest.starts_with(['=', '-', '?', '+'])
    }

    /// `${NAME:=word}` and similar. The word may contain expressions.
    fn default(&mut self, depth: usize) -> Result<Function<'t>, &'static str> {
        let is_sign = |c: char| ['=', '-', '?', '+'].contains(&c);
        if self.peek() == Some('=') {
            self.expect(|_, length| length == 1, NO_DEFAULT)?;
        } else {
            let accept = |c, length| length == 1 || length == 2 && is_sign(c);
            self.expect(accept, NO_DEFAULT)?;
        }
        let mut pieces = Vec::new();
        while self.peek() != Some('}') {
            pieces.push(self.parameter(Mode::PARAMETER, |c| c != '}', depth)?);
        }
        self.close()?;
        Ok(Function::Default(pieces))
    }

    fn part(&mut self, depth: usize) -> Result<Function<'t>, &'static str> {
        self.expect(|c, length| c == ':' && length == 1, BAD)?;
        // Flux steps back by the length of the next character instead of that of the colon.
        if self.peek().is_none_or(|it| !it.is_ascii()) {
            return Err(BAD);
        }
        let offset = self.parameter(Mode::PARAMETER, |c| c != ':' && c != '}', depth)?;
        let start = self.at;
        match self.scan(Mode::WORD_OR_CLOSE, |c, _| c == ':') {
            Token::Close => return Ok(Function::Part(offset, None)),
            Token::Word => {}
            _ => {
                self.at = start;
                return Err(BAD);
            }
        }
        let length = self.parameter(Mode::PARAMETER, |c| c != '}', depth)?;
        self.close()?;
        Ok(Function::Part(offset, Some(length)))
    }

    /// `${NAME/pattern/word}`, with `//`, `/#` or `/%` too.
    fn replace(&mut self, depth: usize) -> Result<Function<'t>, &'static str> {
        let accept = |c, length| length == 1 || length == 2 && ['/', '#', '%'].contains(&c);
        let signs = self.expect(accept, BAD)?;
        let old = self.parameter(Mode::ESCAPED_PARAMETER, |c| c != '/', depth)?;
        self.expect(|c, _| c == '/', BAD)?;
        let new = match self.peek() {
            Some('}') => None,
            _ => Some(self.parameter(Mode::ESCAPED_PARAMETER, |c| c != '}', depth)?),
        };
        self.close()?;
        Ok(Function::Replace { signs, old, new })
    }

    fn parameter(
        &mut self,
        mode: Mode,
        accept: impl Fn(char) -> bool,
        depth: usize,
    ) -> Result<Piece<'t>, &'static str> {
        let start = self.at;
        match self.scan(mode, |c, _| accept(c)) {
            Token::Open => Ok(Piece::Expression(Box::new(self.expression(depth + 1)?))),
            Token::Word => Ok(Piece::Text(
                self.text.get(start..self.at).unwrap_or(""),
                mode.escapes,
            )),
            _ => {
                self.at = start;
                Err(NO_WORD)
            }
        }
    }
}

/// Whether a character may be in a name, at any position in it: a letter, a digit or `_`. Only ASCII names without a digit at their
/// beginning can be set.
fn is_name(c: char, _: usize) -> bool {
    c.is_alphabetic() || c.is_numeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::mentions;

    /// The names, followed by `!` if they have a default; or Flux's message.
    fn summary(text: &str) -> String {
        let (variables, faults) = mentions(text);
        if let Some(fault) = faults.first() {
            return fault.reason.to_string();
        }
        let mark = |has_default| if has_default { "!" } else { "" };
        let names = variables
            .iter()
            .map(|it| format!("{}{}", it.name, mark(it.has_default)));
        names.collect::<Vec<_>>().join(" ")
    }

    /// The expected results are those of Go's `parse.Parse`.
    #[test]
    fn texts_are_parsed_as_by_flux() {
        let cases = [
            ("${A}${B:=x}${C:-${D}}", "A B! C! D"),
            ("$${A}$$${B}$$$${C}", "B"),
            ("${A:?x}${B:+x}${C=x}", "A! B! C!"),
            ("${A:1}${A:1:2}${#B}", "A A B"),
            ("${A^^}${A,}${A/x/y}${A//x/}${A#x}${A%%x}", "A A A A A A"),
            ("${A/\\//y}", "A"),
            ("${1}", "1"),
            ("$A {B} $(C)", ""),
            ("${A-/root}", "missing closing brace"),
            ("${A+x}", "missing closing brace"),
            ("${A?x}", "missing closing brace"),
            ("${A[@]}", "missing closing brace"),
            ("${A", "missing closing brace"),
            ("${@}", "unable to parse variable name"),
            ("${!r}", "unable to parse variable name"),
            ("${}", "unable to parse variable name"),
            ("${ x }", "unable to parse variable name"),
            ("${{ x }}", "unable to parse variable name"),
            ("${#}", "bad substitution"),
            ("${#A[@]}", "bad substitution"),
            ("${A:}", "unable to parse substitution within function"),
            ("${A:=x", "unable to parse substitution within function"),
            ("${A:=${B}", "unable to parse substitution within function"),
            ("${A/x}", "bad substitution"),
            ("${A/x/", "unable to parse substitution within function"),
        ];
        for (text, expected) in cases {
            assert_eq!(summary(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_a_fault() {
        let text = "${A:=".repeat(100_000);
        assert_eq!(summary(&text), "variables are nested too deeply");
    }
}
