//! Parses a pattern like Go, and translates it to the syntax of the regex crate.
//!
//! Every construct is parsed here, so that invalid patterns are rejected with Go's messages, and constructs with a different
//! meaning in the two syntaxes are translated.

use crate::class;
use crate::error::{Code, Error};
use crate::escape::{self, push_char};
use crate::item::{Item, MAX_HEIGHT, MAX_REPEAT};

/// A pattern in the regex crate's syntax, and the names of its groups; group 0 has none.
#[derive(Debug)]
pub(crate) struct Translation {
    pub(crate) pattern: String,
    pub(crate) names: Vec<Option<String>>,
}

/// The flags of a pattern.
#[derive(Clone, Copy, Default)]
pub(crate) struct Flags {
    pub(crate) fold_case: bool,
    multi_line: bool,
    dot_newline: bool,
    non_greedy: bool,
}

/// An open group, or the whole pattern.
struct Frame {
    /// The opening of the group; empty for the whole pattern.
    opening: &'static str,
    flags: Flags,
    alternatives: Vec<Item>,
    /// The items of the alternative that is being read.
    items: Vec<Item>,
}

/// Translates a pattern.
///
/// Errors: those of Go's parser.
pub(crate) fn translate(pattern: &str) -> Result<Translation, Error> {
    let mut parser = Parser {
        whole: pattern,
        flags: Flags::default(),
        frames: Vec::new(),
        open: Frame::new("", Flags::default()),
        names: vec![None],
    };
    let mut rest = pattern;
    let mut last_repeat = None;
    while !rest.is_empty() {
        let (after, repeat) = parser.step(rest, last_repeat)?;
        last_repeat = repeat;
        rest = after;
    }
    if !parser.frames.is_empty() {
        return Err(Error::new(Code::MissingParen, pattern));
    }
    let item = parser.open.close();
    if item.height > MAX_HEIGHT {
        return Err(Error::new(Code::NestingDepth, pattern));
    }
    Ok(Translation {
        pattern: item.text,
        names: parser.names,
    })
}

struct Parser<'p> {
    whole: &'p str,
    flags: Flags,
    frames: Vec<Frame>,
    open: Frame,
    names: Vec<Option<String>>,
}

/// The rest after a step, and the text from its repetition operator, if it was one.
type Step<'p> = (&'p str, Option<&'p str>);

impl<'p> Parser<'p> {
    fn step(&mut self, text: &'p str, last_repeat: Option<&'p str>) -> Result<Step<'p>, Error> {
        let mut chars = text.chars();
        let Some(first) = chars.next() else {
            return Ok((text, None));
        };
        let rest = chars.as_str();
        let after = match first {
            '(' if rest.starts_with('?') => self.group_with_flags(text)?,
            '(' => {
                self.names.push(None);
                self.open_group("(");
                rest
            }
            '|' => {
                self.open.end_alternative();
                rest
            }
            ')' => {
                self.close_group()?;
                rest
            }
            '^' if self.flags.multi_line => self.push("(?m:^)", rest),
            '^' => self.push(r"\A", rest),
            '$' if self.flags.multi_line => self.push("(?m:$)", rest),
            '$' => self.push(r"\z", rest),
            '.' if self.flags.dot_newline => self.push("(?s:.)", rest),
            '.' => self.push(r"[^\n]", rest),
            '[' => {
                let (class, after) = class::parse(text, self.flags)?;
                self.push(&class, after)
            }
            '*' => return self.repeat(Operator::symbol('*'), text, rest, last_repeat),
            '+' => return self.repeat(Operator::symbol('+'), text, rest, last_repeat),
            '?' => return self.repeat(Operator::symbol('?'), text, rest, last_repeat),
            '{' => match bounds(text) {
                Some((operator, after)) => {
                    let operator = operator
                        .ok_or_else(|| Error::new(Code::InvalidRepeatSize, before(text, after)))?;
                    return self.repeat(operator, text, after, last_repeat);
                }
                None => self.literal('{', rest),
            },
            '\\' => self.escape(text, rest)?,
            letter => self.literal(letter, rest),
        };
        Ok((after, None))
    }

    fn push(&mut self, text: &str, rest: &'p str) -> &'p str {
        self.open.items.push(Item::atom(text.to_string()));
        rest
    }

    fn literal(&mut self, letter: char, rest: &'p str) -> &'p str {
        self.literal_code(u32::from(letter), rest)
    }

    fn literal_code(&mut self, code: u32, rest: &'p str) -> &'p str {
        let text = match char::from_u32(code) {
            None => class::EMPTY.to_string(),
            Some(letter) => {
                let mut text = String::new();
                let has_case = letter.is_ascii_alphabetic() || !letter.is_ascii();
                let folds = self.flags.fold_case && has_case;
                text.push_str(if folds { "(?i:" } else { "" });
                push_char(&mut text, letter);
                text.push_str(if folds { ")" } else { "" });
                text
            }
        };
        self.open.items.push(Item::atom(text));
        rest
    }

    fn escape(&mut self, text: &'p str, rest: &'p str) -> Result<&'p str, Error> {
        let mut chars = rest.chars();
        let letter = chars.next();
        let after = chars.as_str();
        Ok(match letter {
            Some('A') => self.push(r"\A", after),
            Some('b') => self.push(r"(?-u:\b)", after),
            Some('B') => self.push(r"(?-u:\B)", after),
            Some('C') => return Err(Error::new(Code::InvalidEscape, r"\C")),
            Some('z') => self.push(r"\z", after),
            Some('Q') => {
                let (quoted, after) = after.split_once(r"\E").unwrap_or((after, ""));
                for letter in quoted.chars() {
                    self.literal(letter, after);
                }
                after
            }
            _ => match class::escaped(text, self.flags)? {
                Some((class, after)) => self.push(&class, after),
                None => {
                    let (code, after) = escape::parse(text)?;
                    self.literal_code(code, after)
                }
            },
        })
    }

    fn open_group(&mut self, opening: &'static str) {
        let frame = Frame::new(opening, self.flags);
        self.frames.push(std::mem::replace(&mut self.open, frame));
    }

    fn close_group(&mut self) -> Result<(), Error> {
        let outer = self.frames.pop();
        let outer = outer.ok_or_else(|| Error::new(Code::UnexpectedParen, self.whole))?;
        let group = std::mem::replace(&mut self.open, outer);
        self.flags = group.flags;
        let opening = group.opening;
        let item = group.close().enclosed(opening);
        if item.height > MAX_HEIGHT {
            return Err(Error::new(Code::NestingDepth, self.whole));
        }
        self.open.items.push(item);
        Ok(())
    }

    /// A group with a name or flags; `text` begins with `(?`.
    fn group_with_flags(&mut self, text: &'p str) -> Result<&'p str, Error> {
        let name = text.strip_prefix("(?P<").filter(|it| !it.is_empty());
        if let Some(name) = name.or_else(|| text.strip_prefix("(?<").filter(|it| !it.is_empty())) {
            let Some((name, after)) = name.split_once('>') else {
                return Err(Error::new(Code::InvalidNamedCapture, text));
            };
            let is_word = |it: char| it.is_ascii_alphanumeric() || it == '_';
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(Error::new(Code::InvalidNamedCapture, before(text, after)));
            }
            self.names.push(Some(name.to_string()));
            self.open_group("(");
            return Ok(after);
        }
        let mut flags = self.flags;
        let (mut on, mut seen) = (true, false);
        let mut chars = text.get(2..).unwrap_or("").chars();
        loop {
            let letter = chars.next();
            match letter {
                Some('i') => flags.fold_case = on,
                Some('m') => flags.multi_line = on,
                Some('s') => flags.dot_newline = on,
                Some('U') => flags.non_greedy = on,
                Some('-') if on => on = false,
                Some(':' | ')') if on || seen => {
                    if letter == Some(':') {
                        self.open_group("(?:");
                    }
                    self.flags = flags;
                    return Ok(chars.as_str());
                }
                _ => {
                    let read = before(text, chars.as_str());
                    return Err(Error::new(Code::InvalidPerlOp, read));
                }
            }
            seen = letter != Some('-');
        }
    }

    /// Repeats the last item. `text` begins with the operator, `after` follows it.
    fn repeat(
        &mut self,
        operator: Operator,
        text: &'p str,
        after: &'p str,
        last_repeat: Option<&'p str>,
    ) -> Result<Step<'p>, Error> {
        let lazy = after.strip_prefix('?');
        let after = lazy.unwrap_or(after);
        if let Some(last) = last_repeat {
            return Err(Error::new(Code::InvalidRepeatOp, before(last, after)));
        }
        let read = before(text, after);
        let item = self.open.items.pop();
        let item = item.ok_or_else(|| Error::new(Code::MissingRepeatArgument, read))?;
        let repeated = item.repeated(&operator, lazy.is_some() != self.flags.non_greedy);
        if operator.counts_copies() && repeated.copies > MAX_REPEAT {
            return Err(Error::new(Code::InvalidRepeatSize, read));
        }
        if repeated.height > MAX_HEIGHT {
            return Err(Error::new(Code::NestingDepth, self.whole));
        }
        self.open.items.push(repeated);
        Ok((after, Some(text)))
    }
}

impl Frame {
    fn new(opening: &'static str, flags: Flags) -> Frame {
        Frame {
            opening,
            flags,
            alternatives: Vec::new(),
            items: Vec::new(),
        }
    }

    fn end_alternative(&mut self) {
        let items = std::mem::take(&mut self.items);
        self.alternatives.push(Item::joined(items, ""));
    }

    fn close(mut self) -> Item {
        self.end_alternative();
        Item::joined(self.alternatives, "|")
    }
}

/// `*`, `+`, `?` or a count.
pub(crate) struct Operator {
    /// The operator as written, without a `?` after it.
    pub(crate) text: String,
    /// The least and the greatest count of `{…}`.
    pub(crate) count: Option<(u64, Option<u64>)>,
}

impl Operator {
    fn symbol(symbol: char) -> Operator {
        Operator {
            text: symbol.to_string(),
            count: None,
        }
    }

    fn counts_copies(&self) -> bool {
        self.count
            .is_some_and(|(least, most)| least >= 2 || most.is_some_and(|it| it >= 2))
    }
}

/// Reads `{n}`, `{n,}` or `{n,m}`; the inner `None` if a count is out of range. Anything else is a literal brace.
fn bounds(text: &str) -> Option<(Option<Operator>, &str)> {
    let (least, rest) = count(text.strip_prefix('{')?)?;
    let (most, rest) = match rest.strip_prefix(',') {
        None => (Some(least), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (most, rest) = count(rest)?;
            (Some(most), rest)
        }
    };
    let rest = rest.strip_prefix('}')?;
    let largest = most.unwrap_or(least).max(least);
    let is_sound = largest <= MAX_REPEAT && most.is_none_or(|most| least <= most);
    let operator = is_sound.then(|| Operator {
        text: before(text, rest).to_string(),
        count: Some((least, most)),
    });
    Some((operator, rest))
}

/// A number without leading zeros; one that is too long becomes a large number.
fn count(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|it: char| !it.is_ascii_digit());
    let (digits, rest) = text.split_at(end.unwrap_or(text.len()));
    if digits.is_empty() || digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((digits.parse().unwrap_or(u64::MAX), rest))
}

/// The part of `text` before its suffix `rest`.
pub(crate) fn before<'t>(text: &'t str, rest: &str) -> &'t str {
    text.get(..text.len().saturating_sub(rest.len()))
        .unwrap_or(text)
}
