//! Numbers and quoted texts, as in Go's package `strconv`.

use pleach_yaml::FloatDigits;

/// A text in double quotes with Go's escapes, in the format `%q`.
pub(crate) fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            push_escaped(&mut out, c, '"');
        }
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

/// Writes a character as it appears within quotes.
pub(crate) fn push_escaped(out: &mut String, c: char, quote: char) {
    let short = match c {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '\\' => '\\',
        _ if c == quote => quote,
        _ if is_print(c) => return out.push(c),
        _ => {
            let code = u32::from(c);
            return out.push_str(&match code {
                ..0x20 | 0x7f => format!("\\x{code:02x}"),
                ..0x1_0000 => format!("\\u{code:04x}"),
                _ => format!("\\U{code:08x}"),
            });
        }
    };
    out.push('\\');
    out.push(short);
}

/// Whether Go prints a character unescaped: letters, marks, numbers, punctuation, symbols, and the blank.
pub(crate) fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // The debug form of the standard library uses the same table. The letter before it prevents the escaping of combining marks.
    let mut text = [b'a', 0, 0, 0, 0];
    let length = text.get_mut(1..).map_or(0, |it| c.encode_utf8(it).len());
    let text = text
        .get(..=length)
        .and_then(|it| std::str::from_utf8(it).ok());
    text.is_some_and(|it| it.escape_debug().nth(1) == Some(c))
}

/// The shortest text of a float64, with an exponent below -4 or from 6.
pub(crate) fn float_general(value: f64) -> String {
    if let Some(text) = not_finite(value) {
        return text.to_string();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_string();
    }
    FloatDigits::new(value).general()
}

/// The shortest text without an exponent.
pub(crate) fn float_decimal(value: f64) -> String {
    not_finite(value).map_or_else(|| FloatDigits::new(value).decimal(), str::to_string)
}

/// The text of a float64 in JSON: with an exponent below 1e-6 and from 1e21.
pub(crate) fn float_json(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // Go removes the leading zero of a one-digit exponent, but only if it is negative.
        return FloatDigits::new(value).exponential().replace("e-0", "e-");
    }
    float_decimal(value)
}

fn not_finite(value: f64) -> Option<&'static str> {
    match value {
        _ if value.is_nan() => Some("NaN"),
        f64::INFINITY => Some("+Inf"),
        f64::NEG_INFINITY => Some("-Inf"),
        _ => None,
    }
}

/// The reason why a number cannot be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberError {
    Syntax,
    /// Out of range, with the nearest valid number.
    Range(i64),
}

/// Parses a whole number. With base 0, the prefix `0x`, `0b`, `0o` or `0` determines the base, and underscores are allowed.
pub(crate) fn parse_int(text: &[u8], base: u32) -> Result<i64, NumberError> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let limit = if negative { i64::MIN } else { i64::MAX };
    let size = match parse_uint(digits, base) {
        Ok(size) => size,
        Err(NumberError::Range(_)) => return Err(NumberError::Range(limit)),
        Err(error) => return Err(error),
    };
    if size > limit.unsigned_abs() {
        return Err(NumberError::Range(limit));
    }
    Ok(match negative {
        true => 0_i64.wrapping_sub_unsigned(size),
        false => 0_i64.wrapping_add_unsigned(size),
    })
}

pub(crate) fn parse_uint(text: &[u8], base: u32) -> Result<u64, NumberError> {
    let (digits, radix) = match text {
        _ if base != 0 => (text, base),
        [b'0', b'x' | b'X', rest @ ..] => (rest, 16),
        [b'0', b'b' | b'B', rest @ ..] => (rest, 2),
        [b'0', b'o' | b'O', rest @ ..] => (rest, 8),
        [b'0', rest @ ..] if !rest.is_empty() => (rest, 8),
        _ => (text, 10),
    };
    let has_prefix = digits.len() < text.len();
    let mut value: Option<u64> = Some(0);
    let (mut count, mut may_separate) = (0, has_prefix);
    for byte in digits {
        if *byte == b'_' && base == 0 && may_separate {
            may_separate = false;
            continue;
        }
        let digit = char::from(*byte)
            .to_digit(radix)
            .ok_or(NumberError::Syntax)?;
        value = value
            .and_then(|it| it.checked_mul(u64::from(radix)))
            .and_then(|it| it.checked_add(u64::from(digit)));
        (count, may_separate) = (count + 1, true);
    }
    if count == 0 || !may_separate {
        return Err(NumberError::Syntax);
    }
    value.ok_or(NumberError::Range(i64::MAX))
}

/// Parses a float64, including hexadecimal ones; a number that is too large is infinite. `None` if it is not a number.
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    let separated = without_separators(text)?;
    let text = std::str::from_utf8(&separated).ok()?;
    let plain = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = match plain.as_bytes() {
        [b'0', b'x' | b'X', rest @ ..] => hexadecimal_float(rest)?,
        [b'0'..=b'9' | b'.', ..] => plain.parse().ok()?,
        _ => match plain.to_ascii_lowercase().as_str() {
            "inf" | "infinity" => f64::INFINITY,
            "nan" if plain.len() == text.len() => f64::NAN,
            _ => return None,
        },
    };
    Some(if text.starts_with('-') { -value } else { value })
}

/// Removes underscores, which must be between digits; one may follow the `0x`.
fn without_separators(text: &[u8]) -> Option<std::borrow::Cow<'_, [u8]>> {
    if !text.contains(&b'_') {
        return Some(text.into());
    }
    let digits = text.iter().position(|it| *it == b'0').unwrap_or(0);
    let is_hexadecimal = matches!(text.get(digits + 1), Some(b'x' | b'X')) && digits <= 1;
    let is_digit = |it: Option<&u8>| match is_hexadecimal {
        true => it.is_some_and(|it| it.is_ascii_hexdigit() || matches!(it, b'x' | b'X')),
        false => it.is_some_and(u8::is_ascii_digit),
    };
    for (at, byte) in text.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| text.get(at));
        if *byte == b'_' && !(is_digit(before) && is_digit(text.get(at + 1))) {
            return None;
        }
    }
    Some(text.iter().copied().filter(|it| *it != b'_').collect())
}

/// Hexadecimal digits with an optional point and a `p` exponent.
fn hexadecimal_float(text: &[u8]) -> Option<f64> {
    let at = text.iter().position(|it| matches!(it, b'p' | b'P'))?;
    let (digits, exponent) = text.split_at(at);
    let exponent = std::str::from_utf8(exponent.get(1..)?).ok()?;
    let mut exponent = exponent.parse::<i32>().ok()?.clamp(-100_000, 100_000);
    let (mut value, mut seen_point, mut count) = (0_u64, false, 0);
    let mut sticky = false;
    for byte in digits {
        if *byte == b'.' && !seen_point {
            seen_point = true;
            continue;
        }
        let digit = u64::from(char::from(*byte).to_digit(16)?);
        count += 1;
        if value >> 58 == 0 {
            value = value << 4 | digit;
            exponent -= if seen_point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            exponent += if seen_point { 0 } else { 4 };
        }
    }
    if count == 0 {
        return None;
    }
    #[allow(clippy::cast_precision_loss, reason = "rounded once, to nearest even")]
    let value = (value | u64::from(sticky)) as f64;
    // In two steps, so that neither factor is out of range before the product is.
    let half = exponent / 2;
    Some(value * 2_f64.powi(half) * 2_f64.powi(exponent - half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_with_the_escapes_of_go() {
        for (text, expected) in [
            (&b"a\"b\\c\n\x07\x0b"[..], r#""a\"b\\c\n\a\v""#),
            (
                "é☃😀\u{ad}\u{2028}\u{301}".as_bytes(),
                "\"é☃😀\\u00ad\\u2028\u{301}\"",
            ),
            (b"\x7f\x01\xff", r#""\x7f\x01\xff""#),
            (
                "\u{e000}\u{10ffff}\u{fffd}".as_bytes(),
                "\"\\ue000\\U0010ffff\u{fffd}\"",
            ),
        ] {
            assert_eq!(quote(text), expected);
        }
    }

    #[test]
    fn floats_have_the_shortest_digits() {
        for (value, general, json) in [
            (1e21, "1e+21", "1e+21"),
            (1e20, "1e+20", "100000000000000000000"),
            (100000.5, "100000.5", "100000.5"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "0.00001"),
            (1.5e-7, "1.5e-07", "1.5e-7"),
            (-0.0, "-0", "-0"),
            (1e-10, "1e-10", "1e-10"),
        ] {
            assert_eq!(float_general(value), general);
            assert_eq!(float_json(value), json);
        }
    }

    #[test]
    fn numbers_are_parsed_by_base() {
        assert_eq!(parse_int(b"-0x1_F", 0), Ok(-31));
        assert_eq!(parse_int(b"010", 0), Ok(8));
        assert_eq!(parse_int(b"010", 10), Ok(10));
        assert_eq!(parse_int(b"0_1", 0), Ok(1));
        for text in ["", "_1", "1__0", "1_", "08", "0x", "1.5", "+-1"] {
            assert_eq!(
                parse_int(text.as_bytes(), 0),
                Err(NumberError::Syntax),
                "{text}"
            );
        }
        assert_eq!(parse_int(b"-9223372036854775808", 10), Ok(i64::MIN));
        assert_eq!(
            parse_int(b"9223372036854775808", 10),
            Err(NumberError::Range(i64::MAX))
        );
        assert_eq!(parse_float(b"0x1.8p1"), Some(3.0));
        assert_eq!(parse_float(b"1e400"), Some(f64::INFINITY));
        assert_eq!(parse_float(b"1_0.5"), Some(10.5));
        assert_eq!(parse_float(b"0x_1p1"), Some(2.0));
        assert_eq!(parse_float(b"1_"), None);
    }
}
