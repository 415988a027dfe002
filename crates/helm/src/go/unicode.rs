//! Characters of Go strings, and Go's package `unicode`.

use std::sync::LazyLock;

use regex::Regex;

/// The characters of a text; each invalid byte is U+FFFD.
pub(crate) fn runes(text: &[u8]) -> impl Iterator<Item = char> {
    text.utf8_chunks().flat_map(|chunk| {
        let invalid = chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(invalid)
    })
}

/// Whether it has the general category `Lu`.
pub(crate) fn is_upper(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_uppercase();
    }
    c.is_uppercase() && is_letter(c)
}

/// Whether it has the general category `Ll`.
pub(crate) fn is_lower(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_lowercase();
    }
    static LOWER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Ll}$").ok());
    c.is_lowercase() && matches(&LOWER, c)
}

/// Whether it is a letter.
pub(crate) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{L}$").ok());
    c.is_alphabetic() && matches(&LETTER, c)
}

/// Whether it is a decimal digit of any script.
pub(crate) fn is_digit(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_digit();
    }
    static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok());
    c.is_numeric() && matches(&DIGIT, c)
}

/// Whether it has the general category `P`.
pub(crate) fn is_punctuation(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c);
    }
    static PUNCTUATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{P}$").ok());
    matches(&PUNCTUATION, c)
}

/// Whether it has the Unicode property `White_Space`.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// The upper case of a letter; a letter whose upper case has several characters is unchanged.
pub(crate) fn to_upper(c: char) -> char {
    let mut capitals = c.to_uppercase();
    match (capitals.next(), capitals.next()) {
        (Some(capital), None) => capital,
        _ => to_title_greek(c).unwrap_or(c),
    }
}

/// The lower case of a letter.
pub(crate) fn to_lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The title case of a letter.
pub(crate) fn to_title(c: char) -> char {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        // Georgian has no title case.
        '\u{10d0}'..='\u{10ff}' => c,
        _ => to_upper(c),
    }
}

/// Whether it is a title-case letter.
pub(crate) fn is_title(c: char) -> bool {
    static TITLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Lt}$").ok());
    !c.is_ascii() && matches(&TITLE, c)
}

/// The title case of Greek letters with iota subscript, whose upper case has two characters.
fn to_title_greek(c: char) -> Option<char> {
    let code = u32::from(c);
    let step = match code {
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => 8,
        0x1fb3 | 0x1fc3 | 0x1ff3 => 9,
        _ => return None,
    };
    char::from_u32(code + step)
}

fn matches(class: &Option<Regex>, c: char) -> bool {
    let mut buffer = [0; 4];
    let text = c.encode_utf8(&mut buffer);
    class.as_ref().is_some_and(|it| it.is_match(text))
}
