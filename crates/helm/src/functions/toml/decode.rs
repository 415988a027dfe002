//! Decodes TOML.

use super::document::{Document, item};
use super::lexer::{Fault, Lexer, quoted};
use super::path_text;
use crate::functions::dates::time_value;
use crate::go::strconv::{NumberError, parse_int};
use crate::go::time::{Zone, parse as parse_time};
use crate::value::{Entries, Map, Str, Value};

/// The layouts of dates, and the zones by which the library recognizes dates without a zone.
pub(super) const DATES: [(&str, &str); 4] = [
    ("2006-01-02T15:04:05.999999999Z07:00", ""),
    ("2006-01-02T15:04:05.999999999", "datetime-local"),
    ("2006-01-02", "date-local"),
    ("15:04:05.999999999", "time-local"),
];

/// The maximum depth of arrays and inline tables.
const MAX_DEPTH: usize = 200;

/// Decodes a document.
///
/// Errors: the library's message.
pub(super) fn decode(bytes: &[u8]) -> Result<Entries, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|it| **it == b'\n').count();
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or(0);
            return Err(format!(
                "toml: line {line}: invalid UTF-8 byte: 0x{byte:02x}"
            ));
        }
    };
    let mut decoder = Decoder {
        lexer: Lexer::new(text),
        document: Document::default(),
        context: Vec::new(),
        key: Str::default(),
    };
    match decoder.document() {
        Ok(()) => Ok(decoder.document.finish()),
        Err(Fault { line, message }) => Err(match &*decoder.last_key() {
            "" => format!("toml: line {line}: {message}"),
            key => format!("toml: line {line} (last key {key:?}): {message}"),
        }),
    }
}

struct Decoder<'t> {
    lexer: Lexer<'t>,
    document: Document,
    /// The path of the current table.
    context: Vec<Str>,
    key: Str,
}

impl Decoder<'_> {
    fn last_key(&self) -> String {
        let mut path = path_text(&self.context);
        if !self.key.is_empty() {
            if !path.is_empty() {
                path.push(b'.');
            }
            path.extend_from_slice(&self.key);
        }
        String::from_utf8_lossy(&path).into_owned()
    }

    fn document(&mut self) -> Result<(), Fault> {
        while let Some(character) = self.lexer.peek() {
            match character {
                ' ' | '\t' | '\n' | '\r' => {
                    self.lexer.next()?;
                }
                '#' => self.lexer.comment()?,
                '[' => {
                    self.lexer.next()?;
                    self.header()?;
                    self.end_of_line()?;
                }
                _ => {
                    self.entry()?;
                    self.end_of_line()?;
                }
            }
        }
        Ok(())
    }

    fn end_of_line(&mut self) -> Result<(), Fault> {
        self.lexer.skip_blanks();
        if self.lexer.peek() == Some('#') {
            self.lexer.comment()?;
        }
        if self.lexer.rest().starts_with("\r\n") {
            self.lexer.next()?;
        }
        match self.lexer.next()? {
            None | Some('\n') => Ok(()),
            Some(character) => Err(self.lexer.unexpected(
                "expected a top-level item to end with a newline, comment, or EOF, but got ",
                character,
                " instead",
            )),
        }
    }

    /// `[a.b]` or `[[a.b]]`, after the first bracket.
    fn header(&mut self) -> Result<(), Fault> {
        let is_array = self.lexer.accept("[");
        let line = self.lexer.line();
        let mut path = Vec::new();
        loop {
            self.lexer.skip_blanks();
            match self.lexer.peek() {
                None | Some(']') => {
                    return Err(self
                        .lexer
                        .fault("unexpected end of table name (table names cannot be empty)"));
                }
                Some('.') => {
                    return Err(self
                        .lexer
                        .fault("unexpected table separator (table names cannot be empty)"));
                }
                _ => path.push(self.name()?),
            }
            self.lexer.skip_blanks();
            match self.lexer.next()? {
                Some('.') => {}
                Some(']') => break,
                character => {
                    return Err(self.lexer.unexpected(
                        "expected '.' or ']' to end table name, but got ",
                        character.unwrap_or('\0'),
                        " instead",
                    ));
                }
            }
        }
        if is_array && !self.lexer.accept("]") {
            let character = self.lexer.next()?.unwrap_or('\0');
            return Err(self.lexer.unexpected(
                "expected end of table array name delimiter ']', but got ",
                character,
                " instead",
            ));
        }
        let fault = |message| Fault { line, message };
        self.document.open_parents(&path).map_err(fault)?;
        self.context = path.get(..path.len() - 1).unwrap_or_default().to_vec();
        self.document.open(&path, is_array).map_err(fault)?;
        self.context = path;
        Ok(())
    }

    fn name(&mut self) -> Result<Str, Fault> {
        for quote in ['"', '\''] {
            if self.lexer.peek() == Some(quote) {
                self.lexer.next()?;
                return Ok(self.lexer.string(quote)?.into());
            }
        }
        let is_bare = |it: char| it.is_ascii_alphanumeric() || it == '_' || it == '-';
        Ok(self.lexer.take(is_bare).into())
    }

    /// The parts of a key, up to and including its `=`.
    fn key(&mut self) -> Result<Vec<Str>, Fault> {
        self.lexer.skip_blanks();
        match self.lexer.peek() {
            None | Some('=') => {
                return Err(self.lexer.fault("unexpected '=': key name appears blank"));
            }
            Some('.') => {
                return Err(self
                    .lexer
                    .fault("unexpected '.': keys cannot start with a '.'"));
            }
            _ => {}
        }
        let mut parts = Vec::new();
        loop {
            self.lexer.skip_blanks();
            match self.lexer.peek() {
                None | Some('=') => return Err(self.lexer.fault("unexpected '='")),
                Some('.') => return Err(self.lexer.fault("unexpected '.'")),
                _ => parts.push(self.name()?),
            }
            self.lexer.skip_blanks();
            match self.lexer.next()? {
                None => {
                    return Err(self
                        .lexer
                        .fault("unexpected EOF; expected key separator '='"));
                }
                Some('.') => {}
                Some('=') => return Ok(parts),
                Some(character) => {
                    let before = "expected '.' or '=', but got ";
                    return Err(self.lexer.unexpected(before, character, " instead"));
                }
            }
        }
    }

    /// A key and its value.
    fn entry(&mut self) -> Result<(), Fault> {
        let line = self.lexer.line();
        let mut parts = self.key()?;
        let last = parts.pop().unwrap_or_default();
        let outer = self.context.clone();
        self.key = last.clone();
        for part in parts {
            self.context.push(part);
            let opened = self.document.open_implicit(&self.context);
            opened.map_err(|message| Fault { line, message })?;
        }
        let value = self.value(0)?;
        let set = self.document.set(&self.context, &last, item(value));
        set.map_err(|message| Fault { line, message })?;
        self.context = outer;
        self.key = Str::default();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        if depth > MAX_DEPTH {
            return Err(self.lexer.fault("values are nested too deeply"));
        }
        self.lexer.skip_blanks();
        for quote in ['"', '\''] {
            let fence = String::from(quote).repeat(3);
            if self.lexer.accept(&fence) {
                return Ok(Value::from(self.lexer.long_string(quote)?));
            }
        }
        let rest = self.lexer.rest();
        match self.lexer.peek() {
            Some('[') => self.array(depth),
            Some('{') => self.inline_table(depth),
            Some(quote @ ('"' | '\'')) => {
                self.lexer.next()?;
                Ok(Value::from(self.lexer.string(quote)?))
            }
            Some('.') => Err(self.lexer.fault("floats must start with a digit, not '.'")),
            Some('0'..='9' | '+' | '-') => self.number_or_date(),
            Some('i' | 'n') if rest.starts_with("inf") || rest.starts_with("nan") => {
                self.number_or_date()
            }
            Some(character) if character.is_alphabetic() => {
                let word = self.lexer.take(|it| it.is_alphabetic() || it == '_');
                match word {
                    "true" => Ok(Value::Bool(true)),
                    "false" => Ok(Value::Bool(false)),
                    word => {
                        let message = format!("expected value but found {word:?} instead");
                        Err(self.lexer.fault(message))
                    }
                }
            }
            Some(character) => {
                self.lexer.next()?;
                let before = "expected value but found ";
                Err(self.lexer.unexpected(before, character, " instead"))
            }
            None => Err(self.lexer.fault("unexpected EOF; expected value")),
        }
    }

    /// Skips blanks, line breaks and comments in an array.
    fn skip_space_and_comments(&mut self) -> Result<(), Fault> {
        loop {
            match self.lexer.peek() {
                Some(' ' | '\t' | '\n' | '\r') => {
                    self.lexer.next()?;
                }
                Some('#') => self.lexer.comment()?,
                _ => return Ok(()),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Fault> {
        self.lexer.next()?;
        let mut items = Vec::new();
        loop {
            self.skip_space_and_comments()?;
            match self.lexer.peek() {
                Some(',') => return Err(self.lexer.fault("unexpected comma")),
                Some(']') => {
                    self.lexer.next()?;
                    return Ok(Value::list(items));
                }
                _ => items.push(self.value(depth + 1)?),
            }
            self.skip_space_and_comments()?;
            match self.lexer.next()? {
                Some(',') => {}
                Some(']') => return Ok(Value::list(items)),
                other => {
                    let found = character_or_end(other);
                    return Err(self.lexer.fault(format!(
                        "expected a comma (',') or array terminator (']'), but got {found}"
                    )));
                }
            }
        }
    }

    fn inline_table(&mut self, depth: usize) -> Result<Value, Fault> {
        self.lexer.next()?;
        let key = std::mem::take(&mut self.key);
        self.context.push(key.clone());
        let mut table = Document::within(self.context.clone());
        self.inline_entries(&mut table, depth)?;
        self.context.pop();
        self.key = key;
        Ok(Value::Map(Map::new(table.finish())))
    }

    /// The entries up to and including the closing brace.
    fn inline_entries(&mut self, table: &mut Document, depth: usize) -> Result<(), Fault> {
        const LINE_BREAK: &str = "newlines not allowed within inline tables";
        let mut is_first = true;
        loop {
            self.lexer.skip_blanks();
            match self.lexer.peek() {
                Some('}') if is_first => {
                    self.lexer.next()?;
                    return Ok(());
                }
                Some('}') => {
                    let message = "trailing comma not allowed in inline tables";
                    return Err(self.lexer.fault(message));
                }
                Some('\n' | '\r') => return Err(self.lexer.fault(LINE_BREAK)),
                Some(',') => return Err(self.lexer.fault("unexpected comma")),
                _ => {}
            }
            is_first = false;
            let line = self.lexer.line();
            self.inline_entry(table, depth)?;
            self.lexer.skip_blanks();
            match self.lexer.next()? {
                Some(',') => {}
                Some('}') => return Ok(()),
                Some('\n' | '\r') => {
                    let message = LINE_BREAK.to_string();
                    return Err(Fault { line, message });
                }
                other => {
                    let found = character_or_end(other);
                    return Err(self.lexer.fault(format!(
                        "expected a comma or an inline table terminator '}}', but got {found} instead"
                    )));
                }
            }
        }
    }

    fn inline_entry(&mut self, table: &mut Document, depth: usize) -> Result<(), Fault> {
        let line = self.lexer.line();
        let fault = |message| Fault { line, message };
        let mut parts = self.key()?;
        let last = parts.pop().unwrap_or_default();
        for length in 1..=parts.len() {
            let opened = table.open_implicit(parts.get(..length).unwrap_or_default());
            opened.map_err(fault)?;
        }
        let outer = self.context.len();
        self.context.extend_from_slice(&parts);
        self.key = last.clone();
        let value = self.value(depth + 1)?;
        table.set(&parts, &last, item(value)).map_err(fault)?;
        self.context.truncate(outer);
        self.key = Str::default();
        Ok(())
    }

    fn number_or_date(&mut self) -> Result<Value, Fault> {
        let rest = self.lexer.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let is_date = matches!(rest.as_bytes().get(digits), Some(b'-' | b':')) && digits > 0;
        if is_date {
            let is_part = |it: char| it.is_ascii_digit() || "-:Tt .Zz+".contains(it);
            let text = self.lexer.take(is_part).trim();
            return date(text)
                .ok_or_else(|| self.lexer.fault(format!("invalid datetime: {text:?}")));
        }
        let text = self
            .lexer
            .take(|it| it.is_ascii_alphanumeric() || "_.+-".contains(it));
        self.number(text)
            .map_err(|message| self.lexer.fault(message))
    }

    fn number(&self, text: &str) -> Result<Value, String> {
        let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
        let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
        match plain {
            "inf" => return Ok(Value::Float(sign * f64::INFINITY)),
            "nan" => return Ok(Value::Float(f64::NAN.copysign(sign))),
            _ => {}
        }
        let has_base = ["0x", "0o", "0b"].iter().any(|it| text.starts_with(it));
        let is_float = !has_base && text.contains(['.', 'e', 'E']);
        let kind = if is_float { "float" } else { "integer" };
        if !text
            .split(['.', 'e', 'E', '+', '-'])
            .all(has_valid_underscores)
            && !has_base
            || has_base && !has_valid_underscores(text)
        {
            return Err(format!(
                "Invalid {kind} {text:?}: underscores must be surrounded by digits"
            ));
        }
        let whole = plain.split(['.', 'e', 'E']).next().unwrap_or("");
        if !has_base && whole.len() > 1 && whole.starts_with('0') {
            return Err(format!(
                "Invalid {kind} {text:?}: cannot have leading zeroes"
            ));
        }
        let digits = text.replace('_', "");
        if !is_float {
            return match parse_int(digits.as_bytes(), 0) {
                Ok(value) => Ok(Value::int64(value)),
                Err(NumberError::Range(_)) => Err(format!("{text} is out of range for int64")),
                Err(NumberError::Syntax) => {
                    let character = plain.chars().find(|it| !it.is_ascii_digit());
                    let found = quoted(character.unwrap_or('\0'));
                    Err(format!("expected a digit but got {found}"))
                }
            };
        }
        let mut after_points = text.split('.').skip(1);
        if !after_points.all(|it| it.starts_with(|it: char| it.is_ascii_digit())) {
            return Err(format!(
                "Invalid float {text:?}: '.' must be followed by one or more digits"
            ));
        }
        match digits.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Value::Float(value)),
            Ok(_) => Err(format!("{text} is out of range for float64")),
            Err(_) => Err(format!("Invalid float value: {text:?}")),
        }
    }
}

fn character_or_end(character: Option<char>) -> String {
    character.map_or("end of file".to_string(), |it| format!("'{it}'"))
}

/// Whether each underscore is between digits.
fn has_valid_underscores(part: &str) -> bool {
    !part.starts_with('_') && !part.ends_with('_') && !part.contains("__")
}

fn date(text: &str) -> Option<Value> {
    let text = text.replace('z', "Z").replace(['t', ' '], "T");
    let found = DATES.iter().find_map(|(layout, zone)| {
        let time = parse_time(layout.as_bytes(), text.as_bytes()).ok()?;
        Some((layout, zone, time))
    });
    let (layout, zone, time) = found?;
    // Go's parser accepts floats without a leading zero, TOML does not.
    let is_padded = layout
        .bytes()
        .zip(text.bytes())
        .take_while(|it| !matches!(it.0, b'.' | b'Z'))
        .all(|(expected, found)| expected.is_ascii_digit() || expected == found);
    is_padded.then(|| {
        time_value(match *zone {
            "" => time,
            zone => time.with_zone(Zone::fixed(zone, 0)),
        })
    })
}
