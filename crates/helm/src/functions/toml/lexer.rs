//! The lexer: characters with lines, and tokens of keys and simple values.

/// An error with its line.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) line: i64,
    pub(super) message: String,
}

/// The rest of a text.
pub(super) struct Lexer<'t> {
    rest: &'t str,
    line: i64,
    /// Whether the last character read was a line feed.
    after_break: bool,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Lexer<'t> {
        Lexer {
            rest: text,
            line: 1,
            after_break: false,
        }
    }

    pub(super) fn line(&self) -> i64 {
        self.line
    }

    pub(super) fn rest(&self) -> &'t str {
        self.rest
    }

    /// The next character, without consuming it.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Reads a character; control characters are rejected.
    pub(super) fn next(&mut self) -> Result<Option<char>, Fault> {
        let mut chars = self.rest.chars();
        let Some(character) = chars.next() else {
            return Ok(None);
        };
        let is_control = match character {
            '\t' | '\n' => false,
            '\r' => !chars.as_str().starts_with('\n'),
            character => character < ' ' || character == '\u{7f}',
        };
        if is_control {
            let code = u32::from(character);
            return Err(self.fault(format!(
                "TOML files cannot contain control characters: '0x{code:02x}'"
            )));
        }
        self.rest = chars.as_str();
        self.after_break = character == '\n';
        self.line += i64::from(character == '\n');
        Ok(Some(character))
    }

    /// Consumes a text without line feeds, if it follows.
    pub(super) fn accept(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                self.after_break = false;
                true
            }
            None => false,
        }
    }

    /// Consumes characters of a kind, which must not include line feeds.
    pub(super) fn take(&mut self, is_part: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|it| !is_part(it)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.after_break &= text.is_empty();
        text
    }

    pub(super) fn skip_blanks(&mut self) {
        self.take(|it| matches!(it, ' ' | '\t'));
    }

    /// An error at the current position. At the end of the text, it is in the line before the last line feed.
    pub(super) fn fault(&self, message: impl Into<String>) -> Fault {
        let back = i64::from(self.rest.is_empty() && self.after_break);
        Fault {
            line: self.line - back,
            message: message.into(),
        }
    }

    /// An error about the last character; a line feed belongs to the line that it ends.
    pub(super) fn unexpected(&self, before: &str, character: char, after: &str) -> Fault {
        Fault {
            line: self.line - i64::from(character == '\n'),
            message: format!("{before}{}{after}", quoted(character)),
        }
    }

    /// Skips a comment, up to the end of its line.
    pub(super) fn comment(&mut self) -> Result<(), Fault> {
        while !matches!(self.peek(), None | Some('\n')) && !self.rest.starts_with("\r\n") {
            self.next()?;
        }
        Ok(())
    }

    /// Reads a string in single or double quotes, after the opening quote.
    pub(super) fn string(&mut self, quote: char) -> Result<String, Fault> {
        let mut out = String::new();
        loop {
            match self.next()? {
                None => {
                    let expected = if quote == '"' { "'\"'" } else { "\"'\"" };
                    return Err(self.fault(format!("unexpected EOF; expected {expected}")));
                }
                Some('\n') => {
                    return Err(Fault {
                        line: self.line - 1,
                        message: "strings cannot contain newlines".to_string(),
                    });
                }
                Some('\\') if quote == '"' => self.escape(&mut out)?,
                Some(character) if character == quote => return Ok(out),
                Some(character) => out.push(character),
            }
        }
    }

    /// Reads a string in triple quotes, after the opening quotes.
    pub(super) fn long_string(&mut self, quote: char) -> Result<String, Fault> {
        let fence = String::from(quote).repeat(3);
        if self.peek() == Some('\n') || self.rest.starts_with("\r\n") {
            while self.next()? != Some('\n') {}
        }
        let mut out = String::new();
        loop {
            if self.accept(&fence) {
                // Up to two quotes may directly precede the closing ones.
                for _ in 0..2 {
                    if self.accept(&fence[..1]) {
                        out.push(quote);
                    }
                }
                if self.peek() == Some(quote) {
                    let six = String::from(quote).repeat(6);
                    let other = if quote == '"' { '\'' } else { '"' };
                    return Err(self.fault(format!("unexpected {other}{six}{other}")));
                }
                return Ok(out);
            }
            match self.next()? {
                None => {
                    let other = if quote == '"' { '\'' } else { '"' };
                    return Err(
                        self.fault(format!("unexpected EOF; expected {other}{fence}{other}"))
                    );
                }
                Some('\\') if quote == '"' => {
                    let blanks = self.rest.trim_start_matches([' ', '\t', '\r']);
                    if blanks.starts_with('\n') {
                        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
                            self.next()?;
                        }
                        continue;
                    }
                    self.escape(&mut out)?;
                }
                Some(character) => out.push(character),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), Fault> {
        let character = self.next()?;
        out.push(match character {
            Some('b') => '\x08',
            Some('t') => '\t',
            Some('n') => '\n',
            Some('f') => '\x0c',
            Some('r') => '\r',
            Some('"') => '"',
            Some('\\') => '\\',
            Some('u') => self.code(4, "four", 'u')?,
            Some('U') => self.code(8, "eight", 'U')?,
            Some(character @ (' ' | '\t')) => {
                return Err(self.fault(format!("invalid escape: '\\{character}'")));
            }
            character => {
                let character = character.unwrap_or('\0');
                return Err(self.fault(format!("invalid escape in string '\\{character}'")));
            }
        });
        Ok(())
    }

    fn code(&mut self, count: usize, count_name: &str, sign: char) -> Result<char, Fault> {
        let digits = self.rest.get(..count).unwrap_or(self.rest);
        if digits.len() < count || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
            let wrong = digits.find(|it: char| !it.is_ascii_hexdigit());
            let found: String = digits.chars().take(wrong.unwrap_or(count) + 1).collect();
            return Err(self.fault(format!(
                "expected {count_name} hexadecimal digits after '\\{sign}', but got {:?} instead",
                format!("\\{sign}{found}")
            )));
        }
        self.rest = self.rest.get(count..).unwrap_or("");
        let code = u32::from_str_radix(digits, 16).unwrap_or(u32::MAX);
        char::from_u32(code).ok_or_else(|| {
            self.fault(format!(
                "Escaped character '\\u{digits}' is not valid UTF-8."
            ))
        })
    }
}

/// A character in single quotes, in the format `%q`.
pub(super) fn quoted(character: char) -> String {
    let mut out = String::from("'");
    crate::go::strconv::push_escaped(&mut out, character, '\'');
    out.push('\'');
    out
}
