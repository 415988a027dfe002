//! The variables of a text as Flux puts them in: the syntax of `fluxcd/pkg/envsubst`, which knows less than a shell.

/// How deep variables may be nested in the words of others.
const DEPTH_MAX: usize = 100;

/// A variable that a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variable<'a> {
    pub(super) name: &'a str,
    /// Whether a word is there for a variable that is not set, as in `${NAME:=word}`.
    pub(super) has_default: bool,
}

/// What Flux cannot parse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault<'a> {
    /// From its `${` on, up to the end of its braces or of its line.
    pub(super) text: &'a str,
    /// In Flux's own words.
    pub(super) reason: &'static str,
}

/// How many faults of a text are looked for: after each, what was read is read again.
const FAULTS_MAX: usize = 20;

/// The variables of a text, and what cannot be parsed. Flux stops at the first fault; here the text is read on after it.
pub(super) fn parse(text: &str) -> (Vec<Variable<'_>>, Vec<Fault<'_>>) {
    let mut parser = Parser {
        text,
        at: 0,
        variables: Vec::new(),
    };
    let mut faults = Vec::new();
    loop {
        match parser.scan(Mode::TEXT, |_, _| true) {
            Token::Open => {
                let (inside, known) = (parser.at, parser.variables.len());
                if let Err(reason) = parser.function(0) {
                    parser.variables.truncate(known);
                    let text = shown(text.get(inside - 2..).unwrap_or(""));
                    faults.push(Fault { text, reason });
                    if faults.len() == FAULTS_MAX {
                        return (parser.variables, faults);
                    }
                    parser.at = inside;
                }
            }
            Token::Word => {}
            _ => return (parser.variables, faults),
        }
    }
}

/// The longest excerpt of a fault in a message, in bytes.
const SHOWN_MAX: usize = 60;

/// A text up to the brace that closes the one at its beginning, at most to the end of its line.
fn shown(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return text.get(..=at).unwrap_or(text),
            '}' => depth -= 1,
            _ => {}
        }
        if c == '\n' || at > SHOWN_MAX {
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

struct Parser<'a> {
    text: &'a str,
    at: usize,
    variables: Vec<Variable<'a>>,
}

impl<'a> Parser<'a> {
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
    ) -> Result<&'a str, &'static str> {
        let start = self.at;
        match self.scan(Mode::WORD, accept) {
            Token::Word => Ok(self.text.get(start..self.at).unwrap_or("")),
            _ => Err(otherwise),
        }
    }

    fn close(&mut self) -> Result<(), &'static str> {
        match self.scan(Mode::CLOSE, |_, _| false) {
            Token::Close => Ok(()),
            _ => Err(BAD),
        }
    }

    /// What follows a `${`, with its `}`.
    fn function(&mut self, depth: usize) -> Result<(), &'static str> {
        if depth > DEPTH_MAX {
            return Err("variables are nested too deeply");
        }
        if self.peek() == Some('#') {
            return self.length();
        }
        let name = self.expect(is_name, NO_NAME)?;
        let index = self.variables.len();
        self.variables.push(Variable {
            name,
            has_default: false,
        });
        match self.peek() {
            Some(':') if self.has_word() => self.default(index, depth),
            Some('=') => self.default(index, depth),
            Some(':') => self.part(depth),
            Some(',' | '^') => {
                self.expect(|c, length| (c == ',' || c == '^') && length < 3, BAD)?;
                self.close()
            }
            Some('/') => self.replace(depth),
            Some(sign @ ('#' | '%')) => {
                self.expect(|c, length| c == sign && length < 3, BAD)?;
                self.parameter(Mode::PARAMETER, |c| c != '}', depth)?;
                self.close()
            }
            _ => self.close().map_err(|_| NO_BRACE),
        }
    }

    /// Whether the colon that comes next begins `:=`, `:-`, `:?` or `:+`.
    fn has_word(&self) -> bool {
        let rest = self.text.get(self.at + 1..).unwrap_or("");
        rest.starts_with(['=', '-', '?', '+'])
    }

    fn length(&mut self) -> Result<(), &'static str> {
        self.expect(|c, length| c == '#' && length == 1, BAD)?;
        let name = self.expect(is_name, BAD)?;
        self.variables.push(Variable {
            name,
            has_default: false,
        });
        self.close()
    }

    /// `${NAME:=word}` and its like. The word may hold variables.
    fn default(&mut self, index: usize, depth: usize) -> Result<(), &'static str> {
        let is_sign = |c: char| ['=', '-', '?', '+'].contains(&c);
        if self.peek() == Some('=') {
            self.expect(|_, length| length == 1, NO_DEFAULT)?;
        } else {
            let accept = |c, length| length == 1 || length == 2 && is_sign(c);
            self.expect(accept, NO_DEFAULT)?;
        }
        if let Some(variable) = self.variables.get_mut(index) {
            variable.has_default = true;
        }
        while self.peek() != Some('}') {
            self.parameter(Mode::PARAMETER, |c| c != '}', depth)?;
        }
        self.close()
    }

    fn part(&mut self, depth: usize) -> Result<(), &'static str> {
        self.expect(|c, length| c == ':' && length == 1, BAD)?;
        // Flux goes back by the length of the next character, in place of the colon's.
        if self.peek().is_none_or(|it| !it.is_ascii()) {
            return Err(BAD);
        }
        self.parameter(Mode::PARAMETER, |c| c != ':' && c != '}', depth)?;
        match self.scan(Mode::WORD_OR_CLOSE, |c, _| c == ':') {
            Token::Close => return Ok(()),
            Token::Word => {}
            _ => return Err(BAD),
        }
        self.parameter(Mode::PARAMETER, |c| c != '}', depth)?;
        self.close()
    }

    /// `${NAME/pattern/word}`, with `//`, `/#` or `/%` too.
    fn replace(&mut self, depth: usize) -> Result<(), &'static str> {
        let accept = |c, length| length == 1 || length == 2 && ['/', '#', '%'].contains(&c);
        self.expect(accept, BAD)?;
        self.parameter(Mode::ESCAPED_PARAMETER, |c| c != '/', depth)?;
        self.expect(|c, _| c == '/', BAD)?;
        if self.peek() != Some('}') {
            self.parameter(Mode::ESCAPED_PARAMETER, |c| c != '}', depth)?;
        }
        self.close()
    }

    fn parameter(
        &mut self,
        mode: Mode,
        accept: impl Fn(char) -> bool,
        depth: usize,
    ) -> Result<(), &'static str> {
        match self.scan(mode, |c, _| accept(c)) {
            Token::Open => self.function(depth + 1),
            Token::Word => Ok(()),
            _ => Err(NO_WORD),
        }
    }
}

/// Whether a character may be in a name, at any place in it: a letter, a digit or `_`. Only ASCII names without a digit at their
/// beginning can be set.
fn is_name(c: char, _: usize) -> bool {
    c.is_alphabetic() || c.is_numeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::parse;

    /// The names, with `!` behind those that have a default; or Flux's words for what is wrong.
    fn summary(text: &str) -> String {
        let (variables, faults) = parse(text);
        if let Some(fault) = faults.first() {
            return fault.reason.to_string();
        }
        let mark = |has_default| if has_default { "!" } else { "" };
        let names = variables
            .iter()
            .map(|it| format!("{}{}", it.name, mark(it.has_default)));
        names.collect::<Vec<_>>().join(" ")
    }

    /// What Go's `parse.Parse` makes of these texts.
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
