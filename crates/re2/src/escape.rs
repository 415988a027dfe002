//! Escapes that represent one character.

use crate::error::{Code, Error};
use crate::parse::before;

/// Writes a character as a literal in the syntax of the regex crate, inside or outside of a class.
pub(crate) fn push_char(out: &mut String, letter: char) {
    if letter.is_ascii_alphanumeric() {
        out.push(letter);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(letter)));
    }
}

/// Reads an escape; `text` begins with the backslash. Returns the code point, which may be a surrogate, and the rest.
pub(crate) fn parse(text: &str) -> Result<(u32, &str), Error> {
    let mut chars = text.chars();
    chars.next();
    let Some(letter) = chars.next() else {
        return Err(Error::new(Code::TrailingBackslash, ""));
    };
    let rest = chars.as_str();
    let code = match letter {
        'a' => 7,
        'f' => 12,
        'n' => 10,
        'r' => 13,
        't' => 9,
        'v' => 11,
        '0' => return Ok(octal(text)),
        // A single digit would be a backreference.
        '1'..='7' if rest.starts_with(|it: char| ('0'..='7').contains(&it)) => {
            return Ok(octal(text));
        }
        'x' => return hexadecimal(text, rest),
        _ if letter.is_ascii() && !letter.is_ascii_alphanumeric() => u32::from(letter),
        _ => return Err(Error::new(Code::InvalidEscape, before(text, rest))),
    };
    Ok((code, rest))
}

/// Up to three octal digits after the backslash.
fn octal(text: &str) -> (u32, &str) {
    let digits = text.get(1..).unwrap_or("");
    let octal = |it: &u8| (b'0'..=b'7').contains(it);
    let length = digits.bytes().take(3).take_while(octal).count();
    let (digits, rest) = digits.split_at(length);
    (u32::from_str_radix(digits, 8).unwrap_or(0), rest)
}

/// `\xHH` or `\x{H…}`; `rest` follows the `x`.
fn hexadecimal<'t>(text: &'t str, rest: &'t str) -> Result<(u32, &'t str), Error> {
    let fault = |after: &str| Error::new(Code::InvalidEscape, before(text, after));
    let mut chars = rest.chars();
    let Some(first) = chars.next() else {
        return Err(fault(""));
    };
    if first != '{' {
        let second = chars.next().and_then(|it| it.to_digit(16));
        let after = chars.as_str();
        return match (first.to_digit(16), second) {
            (Some(high), Some(low)) => Ok((high * 16 + low, after)),
            _ => Err(fault(after)),
        };
    }
    let mut code = None;
    loop {
        let letter = chars.next();
        let after = chars.as_str();
        let digit = match (letter, code) {
            (Some('}'), Some(code)) => return Ok((code, after)),
            (Some(letter), _) => letter.to_digit(16),
            (None, _) => None,
        };
        let next = digit.map(|digit| code.unwrap_or(0) * 16 + digit);
        code = Some(
            next.filter(|it| *it <= 0x10_FFFF)
                .ok_or_else(|| fault(after))?,
        );
    }
}
