//! Anchors, aliases, tags and directives.

use super::scan::{Scan, Scanner, Token, TokenKind};
use crate::Tag;

/// The expansion of `!!`.
const CORE: &str = "tag:yaml.org,2002:";

impl Scanner<'_> {
    pub(super) fn anchor(&mut self, kind: TokenKind) -> Scan<Token> {
        let start = self.at;
        self.at += 1;
        self.skip_word();
        let ends = matches!(
            self.byte(),
            // The characters that libyaml allows directly after a name; YAML 1.2 allows others.
            b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
        ) || self.is_blank_or_end(self.at);
        if self.at == start + 1 || !ends {
            return Err(self.bad_anchor(start));
        }
        Ok(self.token(kind, start))
    }

    /// Letters, digits, `-` and `_`.
    fn skip_word(&mut self) {
        while self.byte().is_ascii_alphanumeric() || matches!(self.byte(), b'-' | b'_') {
            self.at += 1;
        }
    }

    pub(super) fn tag(&mut self) -> Scan<Token> {
        let start = self.at;
        let uri = if self.byte_at(start + 1) == b'<' {
            self.at += 2;
            let uri = self.uri()?;
            // A verbatim tag, `!<tag:yaml.org,2002:str>`, is not expanded.
            if self.byte() != b'>' || uri.is_empty() {
                return Err(self.bad_tag(start));
            }
            self.at += 1;
            uri
        } else {
            self.shorthand_tag(start)?
        };
        if !self.is_blank_or_end(self.at) {
            return Err(self.bad_tag(start));
        }
        let token = self.token(TokenKind::Tag, start);
        Ok(Token {
            tag: stated_type(&uri),
            ..token
        })
    }

    fn shorthand_tag(&mut self, start: usize) -> Scan<String> {
        self.at += 1;
        self.skip_word();
        if self.byte() != b'!' {
            // `!name`: a local tag. Only a directive can change its meaning.
            self.at = start + 1;
            let name = self.uri()?;
            let prefix = self.handle("!").unwrap_or("!");
            return Ok(if name.is_empty() {
                "!".to_string()
            } else {
                format!("{prefix}{name}")
            });
        }
        self.at += 1;
        let handle = &self.text[start..self.at];
        let prefix = self
            .handle(handle)
            .or((handle == "!!").then_some(CORE))
            .map(str::to_string);
        let Some(prefix) = prefix else {
            return Err(self.unknown_handle(start));
        };
        let name = self.uri()?;
        if name.is_empty() {
            return Err(self.bad_tag(start));
        }
        Ok(prefix + &name)
    }

    fn handle(&self, handle: &str) -> Option<&str> {
        self.handles
            .iter()
            .find(|it| it.0 == handle)
            .map(|it| it.1.as_str())
    }

    /// Reads the characters of a tag's name; `%` must be followed by two hexadecimal digits.
    fn uri(&mut self) -> Scan<String> {
        let start = self.at;
        loop {
            match self.byte() {
                b'%' => {
                    let hex = |at: usize| self.byte_at(at).is_ascii_hexdigit();
                    if !hex(self.at + 1) || !hex(self.at + 2) {
                        return Err(self.bad_tag(start));
                    }
                    self.at += 3;
                }
                byte if byte.is_ascii_alphanumeric()
                    || b"-_;/?:@&=+$,.!~*'()[]".contains(&byte) =>
                {
                    self.at += 1
                }
                // Escapes are not decoded: only YAML's own tags are used, which have none.
                _ => return Ok(self.text[start..self.at].to_string()),
            }
        }
    }

    /// `%YAML 1.1` or `%TAG handle prefix`.
    pub(super) fn directive(&mut self) -> Scan<Token> {
        let start = self.at;
        self.key_allowed = false;
        let end = self.line_end(start);
        let line = &self.text[start..end];
        let line = line
            .split_once(" #")
            .map_or(line, |it| it.0)
            .trim_end_matches([' ', '\t']);
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("%YAML"), Some("1.1"), None, None) if !self.versioned => self.versioned = true,
            // go-yaml rejects all versions except 1.1, although it supports much of 1.2.
            (Some("%YAML"), Some(_), None, None) => return Err(self.other_version(start, end)),
            (Some("%TAG"), Some(handle), Some(prefix), None) if is_handle(handle) => {
                // libyaml rejects duplicate handles.
                if self.handle(handle).is_some() {
                    return Err(self.fault(start..end, format!("duplicate tag handle `{handle}`")));
                }
                self.handles.push((handle.to_string(), prefix.to_string()));
            }
            _ => return Err(self.unknown_directive(start, end)),
        }
        self.at = start + line.len();
        Ok(self.token(TokenKind::Directive, start))
    }
}

fn is_handle(text: &str) -> bool {
    let inner = text
        .strip_prefix('!')
        .map(|it| it.strip_suffix('!').unwrap_or(it));
    text == "!"
        || text.ends_with('!')
            && inner.is_some_and(|it| {
                it.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
            })
}

fn stated_type(uri: &str) -> Tag {
    match uri.strip_prefix(CORE) {
        Some("str") => Tag::Str,
        Some("null") => Tag::Null,
        Some("bool") => Tag::Bool,
        Some("int") => Tag::Int,
        Some("float") => Tag::Float,
        Some("timestamp") => Tag::Timestamp,
        Some("binary") => Tag::Binary,
        // `!!merge` before `<<` is redundant, and a lone `!` has no meaning.
        Some("merge") => Tag::None,
        None if uri == "!" => Tag::None,
        _ => Tag::Other,
    }
}
