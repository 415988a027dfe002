//! The styles that a text allows, by the rules of libyaml.

use crate::diag::Source;
use crate::{Kind, Style, View, parse_as_go_yaml_v2, resolve};

/// Properties of a text that rule out styles.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts {
    no_plain: bool,
    /// Needs quotes inside `[…]` or `{…}`.
    no_plain_in_flow: bool,
    no_single: bool,
    no_block: bool,
    /// Has a tab, which version 2 does not allow in block scalars.
    tab: bool,
    /// Has a line break, so it cannot be a simple key.
    pub(super) multiline: bool,
}

/// The style of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    Plain,
    Single,
    Double,
    Literal,
    Folded,
}

/// The context of a text.
#[derive(Clone, Copy)]
pub(super) struct TextContext {
    pub(super) flow: bool,
    pub(super) simple_key: bool,
}

impl Facts {
    pub(super) fn new(text: &str) -> Facts {
        let bytes = text.as_bytes();
        let classes = bytes
            .iter()
            .fold(0, |classes, byte| classes | CLASSES[*byte as usize]);
        match (bytes.first(), bytes.last()) {
            (Some(first), Some(last))
                if classes & STRANGE == 0
                    && *last != b' '
                    && CLASSES[*first as usize] & HARMLESS != 0 =>
            {
                Facts::of_plain_ascii(text, classes)
            }
            _ => Facts::in_full(text),
        }
    }

    /// The facts of a text of printable ASCII with ordinary characters at both ends.
    fn of_plain_ascii(text: &str, classes: u8) -> Facts {
        if classes & BREAK != 0 {
            return Facts::of_lines(text.as_bytes());
        }
        let colon = classes & COLON != 0 && (text.contains(": ") || text.ends_with(':'));
        let no_plain = colon || classes & HASH != 0 && text.contains(" #");
        Facts {
            no_plain,
            no_plain_in_flow: no_plain || classes & (COLON | FLOW) != 0,
            ..Facts::default()
        }
    }

    fn of_lines(bytes: &[u8]) -> Facts {
        let is_space = |at: Option<usize>| at.and_then(|at| bytes.get(at)) == Some(&b' ');
        let (mut before, mut after) = (false, false);
        for at in memchr::memchr_iter(b'\n', bytes) {
            before |= is_space(at.checked_sub(1));
            after |= is_space(Some(at + 1));
        }
        Facts {
            no_plain: true,
            no_plain_in_flow: true,
            no_single: before || after,
            no_block: before,
            tab: false,
            multiline: true,
        }
    }

    fn in_full(text: &str) -> Facts {
        let mut facts = Facts::default();
        if text.starts_with("---") || text.starts_with("...") {
            facts.no_plain = true;
        }
        facts.indicators(text);
        facts.characters(text);
        facts.no_plain_in_flow |= facts.no_plain || text.is_empty();
        facts.no_block |= text.is_empty();
        facts
    }

    /// Analyses characters with a meaning in YAML.
    fn indicators(&mut self, text: &str) {
        let mut after_blank = true;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let before_blank = chars
                .peek()
                .is_none_or(|next| is_blank(*next) || is_break(*next));
            let (block, flow) = match c {
                '#' => (after_blank, after_blank),
                ',' | '[' | ']' | '{' | '}' => (first, true),
                '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => (first, first),
                '?' => (first && before_blank, true),
                ':' => (before_blank, true),
                '-' => (first && before_blank, first && before_blank),
                _ => (false, false),
            };
            self.no_plain |= block;
            self.no_plain_in_flow |= flow;
            after_blank = is_blank(c) || is_break(c);
            first = false;
        }
    }

    /// Analyses blanks, line breaks and unprintable characters.
    fn characters(&mut self, text: &str) {
        let (mut space_before, mut break_before) = (false, false);
        let mut special = false;
        for c in text.chars() {
            match c {
                '\t' => self.tab = true,
                c if !is_printable(c) => special = true,
                _ => {}
            }
            let (space, line_break) = (c == ' ', is_break(c));
            self.multiline |= line_break;
            self.no_single |= space && break_before;
            // A blank before a line break can only be written in double quotes.
            special |= line_break && space_before;
            (space_before, break_before) = (space, line_break);
        }
        let ends = |c: char| c == ' ' || is_break(c);
        self.no_plain |= text.starts_with(ends) || text.ends_with(ends) || self.multiline;
        self.no_block |= text.ends_with(' ') || special;
        self.no_single |= special || self.tab;
        self.no_plain |= self.no_single;
    }

    /// The same for version 2, which does not allow tabs in block scalars.
    pub(super) fn version_2(mut self) -> Facts {
        self.no_block |= self.tab;
        self
    }

    /// The allowed style that is closest to the preferred one.
    pub(super) fn quotes(self, preferred: Quotes, text: &str, context: TextContext) -> Quotes {
        match preferred {
            Quotes::Plain
                if if context.flow {
                    self.no_plain_in_flow
                } else {
                    self.no_plain
                } =>
            {
                self.single()
            }
            Quotes::Plain if text.is_empty() && (context.flow || context.simple_key) => {
                self.single()
            }
            Quotes::Single => self.single(),
            Quotes::Literal | Quotes::Folded
                if self.no_block || context.flow || context.simple_key =>
            {
                Quotes::Double
            }
            preferred => preferred,
        }
    }

    fn single(self) -> Quotes {
        if self.no_single {
            Quotes::Double
        } else {
            Quotes::Single
        }
    }
}

const STRANGE: u8 = 1;
const HARMLESS: u8 = 2;
const COLON: u8 = 4;
const HASH: u8 = 8;
const FLOW: u8 = 16;
const BREAK: u8 = 32;
const WORD: u8 = 64;

/// The properties of each byte within a text and at its beginning.
static CLASSES: [u8; 256] = {
    let mut table = [STRANGE; 256];
    let mut at = b' ';
    while at <= b'~' {
        table[at as usize] = match at {
            b':' => COLON,
            b'#' => HASH,
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => FLOW,
            b'-' | b'.' => WORD,
            b' ' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@' | b'`' => 0,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'/' => HARMLESS | WORD,
            _ => HARMLESS,
        };
        at += 1;
    }
    table[b'\n' as usize] = BREAK;
    table
};

/// The minimum length of a word of letters that is not a boolean, null or number in any version of YAML.
const WORD_LEN: usize = "infinity".len() + 1;

/// Whether a text begins with a letter and has no characters with a meaning in YAML, such as `name` or `app.kubernetes.io/name`.
/// Most strings of objects are such words. A word is only quoted if it is a boolean, null or number.
pub(super) fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|it| CLASSES[*it as usize] & WORD != 0)
}

/// Whether a text is a word that is longer than any boolean, null or number.
pub(super) fn is_long_word(text: &str) -> bool {
    text.len() >= WORD_LEN && is_word(text)
}

/// Whether a text is a word that go-yaml 2 and 3 write without quotes.
pub(super) fn is_plain_word(text: &str) -> bool {
    is_word(text) && (text.len() >= WORD_LEN || resolve(text) == Kind::String && !is_old_bool(text))
}

pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Whether a character is written unescaped; all characters above U+FFFF are escaped.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// The booleans of YAML 1.1 that are strings in version 3.
pub(super) fn is_old_bool(text: &str) -> bool {
    text.len() <= 3
        && matches!(
            text,
            "y" | "Y" | "yes" | "Yes" | "YES" | "n" | "N" | "no" | "No" | "NO" | "on" | "On" | "ON"
        )
        || matches!(text, "off" | "Off" | "OFF")
}

/// Whether an unquoted text is not a string in YAML 1.1. Like kyaml, this uses the rules of go-yaml v2: it may even be a map or
/// list. Dates and invalid YAML count as strings.
pub fn is_yaml_1_1_non_string(text: &str) -> bool {
    if text.is_empty() || text.contains('\n') {
        return false;
    }
    if !Facts::new(text).no_plain {
        return is_plain_non_string(text);
    }
    let Ok(read) = parse_as_go_yaml_v2(&Source::internal("text", text)) else {
        return false;
    };
    read.is_none_or(|it| match it.view() {
        View::Scalar(text) if it.style() == Style::Plain => is_plain_non_string(text),
        View::Scalar(_) => false,
        View::Sequence(_) | View::Mapping(_) => true,
    })
}

fn is_plain_non_string(text: &str) -> bool {
    let is_string = matches!(resolve(text), Kind::String | Kind::Timestamp);
    !is_string || is_old_bool(text)
}

/// Whether the text is a number in base 60: `12:30`.
pub(super) fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !text.starts_with(|c: char| c.is_ascii_digit()) || !text.contains(':') {
        return false;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit() || it == b'_');
    let mut parts = whole.split(':');
    let sixty = |part: &str| matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
    parts.next().is_some_and(digits) && parts.all(sixty) && digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Node, emit_kustomize, emit_kyaml, parse_one};

    /// All words of up to two characters, and all spellings of longer words with a meaning in some version of YAML.
    fn short_words() -> Vec<String> {
        let part = |it: &char| it.is_ascii_alphanumeric() || "_./-".contains(*it);
        let parts: Vec<char> = (' '..='~').filter(part).collect();
        let letters = parts.iter().filter(|it| it.is_ascii_alphabetic());
        let mut words: Vec<String> = letters.map(char::to_string).collect();
        let pairs = words
            .iter()
            .flat_map(|a| parts.iter().map(move |b| format!("{a}{b}")));
        words.extend(pairs.collect::<Vec<_>>());
        for word in [
            "yes", "off", "null", "true", "false", "inf", "nan", "infinity",
        ] {
            let capital = word[..1].to_uppercase() + &word[1..];
            words.extend([word.to_string(), word.to_uppercase(), capital]);
        }
        words
    }

    #[test]
    fn a_plain_word_is_read_again_as_the_same_string() {
        for word in short_words().iter().filter(|it| is_plain_word(it)) {
            let node = Node::string(word.as_str());
            for text in [emit_kustomize(&node).unwrap(), emit_kyaml(&node)] {
                assert_eq!(text, format!("{word}\n"));
                let read = parse_one(&Source::internal("text", text)).unwrap();
                assert_eq!(read.as_string(), Some(word.as_str()));
            }
        }
    }

    #[test]
    fn the_general_rules_agree_on_plain_words() {
        let context = TextContext {
            flow: false,
            simple_key: true,
        };
        for word in short_words() {
            let special = resolve(&word) != Kind::String || is_old_bool(&word);
            let quotes = Facts::new(&word).quotes(Quotes::Plain, &word, context);
            let is_plain = !special && quotes == Quotes::Plain;
            assert_eq!(is_plain_word(&word), is_plain, "{word}");
        }
    }
}
