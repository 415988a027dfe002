//! Changes of case, as in goutils, xstrings and Go's `strings`.

use crate::go::unicode::{
    is_digit, is_letter, is_lower, is_punctuation, is_space, is_title, is_upper, runes, to_lower,
    to_title, to_upper,
};

pub(super) fn upper(text: &[u8]) -> Vec<u8> {
    collect(runes(text).map(to_upper))
}

pub(super) fn lower(text: &[u8]) -> Vec<u8> {
    collect(runes(text).map(to_lower))
}

pub(super) fn title(text: &[u8]) -> Vec<u8> {
    let mut previous = ' ';
    collect(runes(text).map(|c| {
        let begins = is_separator(previous);
        previous = c;
        if begins { to_title(c) } else { c }
    }))
}

/// Whether a character separates words: apostrophes and hyphens do, non-ASCII symbols do not.
fn is_separator(c: char) -> bool {
    match c.is_ascii() {
        true => !c.is_ascii_alphanumeric() && c != '_',
        false => !is_letter(c) && !is_digit(c) && is_space(c),
    }
}

/// Begins each word after a space with lower case.
pub(super) fn untitle(text: &[u8]) -> Vec<u8> {
    let mut begins = true;
    collect(runes(text).map(|c| {
        if is_space(c) {
            begins = true;
            return c;
        }
        match std::mem::replace(&mut begins, false) {
            true => to_lower(c),
            false => c,
        }
    }))
}

/// Swaps upper and lower case.
pub(super) fn swap_case(text: &[u8]) -> Vec<u8> {
    let mut after_space = true;
    collect(runes(text).map(|c| {
        if is_upper(c) || is_title(c) {
            after_space = false;
            to_lower(c)
        } else if is_lower(c) {
            match std::mem::replace(&mut after_space, false) {
                true => to_title(c),
                false => to_upper(c),
            }
        } else {
            after_space = is_space(c);
            c
        }
    }))
}

/// The first byte of each word, as a Latin-1 character.
pub(super) fn initials(text: &[u8]) -> Vec<u8> {
    let mut begins = true;
    collect(text.iter().map(|byte| char::from(*byte)).filter(|c| {
        let is_gap = is_space(*c);
        let is_first = begins && !is_gap;
        begins = is_gap;
        is_first
    }))
}

/// Removes spaces. If there are any, the other bytes are written as Latin-1 characters.
pub(super) fn without_space(text: &[u8]) -> Vec<u8> {
    if !text.iter().any(|byte| is_space(char::from(*byte))) {
        return text.to_vec();
    }
    let letters = text.iter().map(|byte| char::from(*byte));
    collect(letters.filter(|c| !is_space(*c)))
}

pub(super) fn pascal_case(text: &[u8]) -> Vec<u8> {
    let letters: Vec<char> = runes(text).collect();
    let mut out = Vec::with_capacity(letters.len());
    let leading = letters.iter().take_while(|it| is_connector(**it)).count();
    out.extend(letters.iter().take(leading));
    let Some((first, rest)) = letters.get(leading..).and_then(|it| it.split_first()) else {
        return collect(out.into_iter());
    };
    // Capitals after the first one become lower case, up to the next lower-case letter.
    let mut in_capitals = is_upper(*first);
    let mut previous = to_upper(*first);
    for c in rest {
        let mut c = *c;
        if is_connector(c) && is_connector(previous) {
            out.push(previous);
            previous = c;
            continue;
        }
        if is_connector(previous) {
            in_capitals = is_upper(c);
            c = to_upper(c);
        } else {
            if in_capitals && is_upper(c) {
                c = to_lower(c);
            } else {
                in_capitals = false;
            }
            out.push(previous);
        }
        previous = c;
    }
    out.push(previous);
    collect(out.into_iter())
}

/// `http_server` for `HTTPServer`, with a connector.
pub(super) fn connected_case(text: &[u8], connector: char) -> Vec<u8> {
    let letters: Vec<char> = runes(text).collect();
    let mut words = Words { rest: &letters };
    let mut out = String::with_capacity(text.len());
    let (mut kind, mut word) = words.next_word();
    while !words.rest.is_empty() {
        if kind != WordKind::Connector {
            push_lower(&mut out, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word) = words.next_word();
        match previous {
            WordKind::Number => {
                words.push_compound(&mut out, &mut kind, &mut word, connector);
            }
            WordKind::Connector => push_lower(&mut out, previous, last, connector),
            WordKind::Punctuation => {}
            _ if kind != WordKind::Number => {
                if !matches!(kind, WordKind::Connector | WordKind::Punctuation) {
                    out.push(connector);
                }
            }
            _ if words.rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word) = words.next_word();
                if kind == WordKind::Alphabet {
                    // Lower-case letters after a number belong to it.
                    out.push(connector);
                    push_lower(&mut out, WordKind::Number, number, connector);
                    words.push_compound(&mut out, &mut kind, &mut word, connector);
                } else {
                    push_lower(&mut out, WordKind::Number, number, connector);
                    if !matches!(kind, WordKind::Connector | WordKind::Punctuation) {
                        out.push(connector);
                    }
                }
            }
        }
    }
    push_lower(&mut out, kind, word, connector);
    out.into_bytes()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WordKind {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// The rest of a text that is split into words.
struct Words<'t> {
    rest: &'t [char],
}

impl<'t> Words<'t> {
    /// Writes the following words of letters and digits without connectors, and a connector if another word follows.
    fn push_compound(
        &mut self,
        out: &mut String,
        kind: &mut WordKind,
        word: &mut &'t [char],
        connector: char,
    ) {
        while matches!(kind, WordKind::Alphabet | WordKind::Number) {
            push_lower(out, *kind, word, connector);
            (*kind, *word) = self.next_word();
        }
        if !matches!(
            kind,
            WordKind::Invalid | WordKind::Punctuation | WordKind::Connector
        ) {
            out.push(connector);
        }
    }

    fn next_word(&mut self) -> (WordKind, &'t [char]) {
        let text = self.rest;
        let (first, size) = next_valid(text, char::REPLACEMENT_CHARACTER);
        let (kind, length) = if first == char::REPLACEMENT_CHARACTER {
            (WordKind::Invalid, size)
        } else if is_connector(first) {
            (WordKind::Connector, run(text, size, first, is_connector))
        } else if is_punctuation(first) {
            (
                WordKind::Punctuation,
                run(text, size, first, is_punctuation),
            )
        } else if is_upper(first) {
            (WordKind::Upper, upper_word(text, size, first))
        } else if is_alphabet(first) {
            (WordKind::Alphabet, run(text, size, first, is_small))
        } else if first.is_numeric() {
            (WordKind::Number, run(text, size, first, char::is_numeric))
        } else {
            (WordKind::Other, run(text, size, first, is_other))
        };
        let (word, rest) = text.split_at(length.min(text.len()));
        self.rest = rest;
        (kind, word)
    }
}

/// The next valid character and the number of consumed ones; if there is none, the previous one.
fn next_valid(text: &[char], previous: char) -> (char, usize) {
    let skipped = text
        .iter()
        .take_while(|it| **it == char::REPLACEMENT_CHARACTER)
        .count();
    match text.get(skipped) {
        Some(c) => (*c, skipped + 1),
        None => (previous, skipped),
    }
}

/// The length of a run of characters of the same kind.
fn run(text: &[char], begin: usize, first: char, is_part: impl Fn(char) -> bool) -> usize {
    let (mut length, mut previous) = (begin, first);
    while let Some(rest) = text.get(length..).filter(|it| !it.is_empty()) {
        let (c, size) = next_valid(rest, previous);
        if !is_part(c) {
            break;
        }
        (length, previous) = (length + size, c);
    }
    length
}

/// A capital and the following lower-case letters, or a run of capitals. A capital before a lower-case letter begins the next word.
fn upper_word(text: &[char], begin: usize, first: char) -> usize {
    let Some(rest) = text.get(begin..).filter(|it| !it.is_empty()) else {
        return begin;
    };
    let (second, size) = next_valid(rest, first);
    if !is_upper(second) {
        return match is_alphabet(second) {
            true => run(text, begin + size, second, is_small),
            false => begin,
        };
    }
    let (mut length, mut last_size, mut c) = (begin + size, size, second);
    while let Some(rest) = text.get(length..).filter(|it| !it.is_empty()) {
        let (next, size) = next_valid(rest, c);
        c = next;
        if !is_upper(next) {
            break;
        }
        (length, last_size) = (length + size, size);
    }
    match length < text.len() && is_alphabet(c) {
        true => length - last_size,
        false => length,
    }
}

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

/// Letters that are not Chinese, Japanese or Korean, as in xstrings.
fn is_alphabet(c: char) -> bool {
    is_letter(c) && !is_ideographic(c)
}

fn is_small(c: char) -> bool {
    is_alphabet(c) && !is_upper(c)
}

fn is_other(c: char) -> bool {
    !is_connector(c) && !is_alphabet(c) && !c.is_numeric() && !is_punctuation(c)
}

fn is_ideographic(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fcc}' | '\u{3400}'..='\u{4d85}' | '\u{20000}'..='\u{2b81d}')
}

/// Writes a word in lower case, with the given connector in place of its own.
fn push_lower(out: &mut String, kind: WordKind, word: &[char], connector: char) {
    match kind {
        WordKind::Upper | WordKind::Connector => {
            for c in word {
                let is_replaced = is_connector(*c);
                out.push(match is_upper(*c) {
                    _ if is_replaced => connector,
                    true => to_lower(*c),
                    false => *c,
                });
            }
        }
        _ => out.extend(word),
    }
}

fn collect(letters: impl Iterator<Item = char>) -> Vec<u8> {
    letters.collect::<String>().into_bytes()
}
