//! The scalar core: the types of unquoted scalars, and values of numbers.
//!
//! The rules are those of go-yaml v3, which Flux, Argo CD and kustomize use. `yes`, `no`, `on` and `off` of YAML 1.1 are strings;
//! the writers quote them anyway, because they are booleans for other parsers.

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`, `~` or an empty value.
    Null,
    /// `true` or `false`, also capitalized.
    Bool,
    /// A whole number within 64 bits, signed or unsigned.
    Int,
    /// Any other number, including `.inf` and `.nan`.
    Float,
    /// A date, with or without a time.
    Timestamp,
    /// Base64 with the tag `!!binary`.
    Binary,
    /// A string, and every quoted scalar.
    String,
    /// A sequence, in block or flow style.
    Sequence,
    /// A mapping, in block or flow style.
    Mapping,
}

impl Kind {
    /// The name of the kind, for messages.
    pub fn description(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "a boolean",
            Kind::Int => "an integer",
            Kind::Float => "a number",
            Kind::Timestamp => "a date",
            Kind::Binary => "binary data",
            Kind::String => "a string",
            Kind::Sequence => "a list",
            Kind::Mapping => "a map",
        }
    }
}

/// The kind of an unquoted scalar.
///
/// The first byte decides whether it can be anything but a string; then fixed words, dates, whole numbers and fractions are tried,
/// in this order.
pub fn resolve(text: &str) -> Kind {
    // An empty value is null.
    let Some(first) = text.bytes().next() else {
        return Kind::Null;
    };
    match first {
        b'~' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' if text.len() <= 5 => match text {
            "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Kind::Bool,
            _ => Kind::String,
        },
        b'.' | b'+' | b'-' | b'0'..=b'9' => resolve_number(text),
        _ => Kind::String,
    }
}

fn resolve_number(text: &str) -> Kind {
    if short_number(text).is_some() {
        return Kind::Int;
    }
    match text.trim_start_matches(['+', '-']) {
        // At most one sign is allowed, but the trimming above removes any number of them.
        ".inf" | ".Inf" | ".INF" if text.len() <= 5 => return Kind::Float,
        _ if matches!(text, ".nan" | ".NaN" | ".NAN") => return Kind::Float,
        _ => {}
    }
    if ends_as_word(text) {
        return Kind::String;
    }
    if super::timestamp::rfc_3339(text).is_some() {
        return Kind::Timestamp;
    }
    if int_value_wide(text).is_some() {
        return Kind::Int;
    }
    if float_value(text).is_some() {
        Kind::Float
    } else {
        Kind::String
    }
}

/// Whether a text that begins like a number ends with a letter that is not part of a number or date: `100m`, `5Gi`, `10s`.
fn ends_as_word(text: &str) -> bool {
    let is_letter = |it: &u8| it.is_ascii_alphabetic() && !matches!(it, b'Z' | b'z');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    text.as_bytes().last().is_some_and(is_letter) && !unsigned.starts_with(['0', '.'])
}

/// The value of a whole number in the most common form: a few digits without a leading zero.
fn short_number(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 18 || bytes.first() == Some(&b'0') && bytes.len() > 1 {
        return None;
    }
    let add = |sum: i64, it: &u8| it.is_ascii_digit().then(|| sum * 10 + i64::from(it - b'0'));
    bytes.iter().try_fold(0, add)
}

/// The value of a whole number that fits 64 signed bits.
pub(super) fn int_value(text: &str) -> Option<i64> {
    int_value_wide(text).and_then(|value| i64::try_from(value).ok())
}

/// The value of a whole number from −2^63 to 2^64−1: underscores are removed, then Go's base-0 syntax applies.
pub(super) fn int_value_wide(text: &str) -> Option<i128> {
    if let Some(number) = short_number(text) {
        return Some(number.into());
    }
    let plain: std::borrow::Cow<'_, str> = if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    };
    // go-yaml removes underscores anywhere except at the beginning, so `_1` is a string.
    if text.starts_with('_') {
        return None;
    }
    let (negative, digits) = match plain.as_bytes().first()? {
        b'-' => (true, &plain[1..]),
        b'+' => (false, &plain[1..]),
        _ => (false, &*plain),
    };
    let bytes = digits.as_bytes();
    let (radix, digits) = match bytes {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        // In Go's base 0, a leading zero means octal, as in YAML 1.1. Therefore, `08` is not an integer but a float.
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // `from_str_radix` would accept a second sign.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -magnitude } else { magnitude };
    // go-yaml tries `int64` and `uint64`; larger numbers are floats.
    (i128::from(i64::MIN)..=i128::from(u64::MAX))
        .contains(&value)
        .then_some(value)
}

/// The value of a fraction or of an integer beyond 64 bits; `None` if the text is not a number or too large for a float.
pub(super) fn float_value(text: &str) -> Option<f64> {
    let plain: std::borrow::Cow<'_, str> = if text.contains('_') {
        text.replace('_', "").into()
    } else {
        text.into()
    };
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(&plain);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(unsigned.get(at + 1..)?)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    // go-yaml checks a pattern first, because `ParseFloat` would accept `infinity` and hexadecimal floats.
    if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if exponent.is_empty() || !digits(exponent) {
            return None;
        }
    }
    // In Go, an overflow is an error, so the value is a string; Rust returns infinity.
    plain.parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (text, kind) in [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("nULL", Kind::String),
            ("yes", Kind::String),
            ("True", Kind::Bool),
            ("08", Kind::Float),
            ("010", Kind::Int),
            ("0o8", Kind::String),
            ("1_000", Kind::Int),
            ("1e400", Kind::String),
            ("18446744073709551616", Kind::Float),
            ("1.", Kind::Float),
            (".", Kind::String),
            ("0x1p3", Kind::String),
            ("2001-01-01", Kind::Timestamp),
            ("2001-13-01", Kind::String),
            ("2001-12-14t21:59:43.10-05:00", Kind::Timestamp),
            ("2001-12-14 21:59:43.10 -5", Kind::String),
            ("12:30", Kind::String),
            ("1Gi", Kind::String),
            ("-", Kind::String),
            ("+.inf", Kind::Float),
        ] {
            assert_eq!(resolve(text), kind, "{text:?}");
        }
    }
}
