//! Resolves plain scalars like go-yaml v2. Its rules are those of YAML 1.1: unlike in v3, which the rest of the program follows,
//! `yes`, `on` and `y` are booleans.

/// A plain scalar's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number above the range of `i64`.
    Uint(u64),
    Float(f64),
    /// A string, or a timestamp, which go-yaml v2 decodes as a string if no type is requested.
    Text,
    Merge,
}

impl Scalar {
    /// The tag, for messages.
    pub(crate) fn short_tag(self) -> &'static str {
        match self {
            Scalar::Null => "!!null",
            Scalar::Bool(_) => "!!bool",
            Scalar::Int(_) | Scalar::Uint(_) => "!!int",
            Scalar::Float(_) => "!!float",
            Scalar::Text => "!!str",
            Scalar::Merge => "!!merge",
        }
    }
}

/// Resolves a plain scalar (go-yaml v2, `resolve`).
pub(crate) fn resolve(text: &str) -> Scalar {
    let Some(first) = text.bytes().next() else {
        return Scalar::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            resolve_word(text)
        }
        b'<' if text == "<<" => Scalar::Merge,
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Scalar::Float(f64::INFINITY),
            _ => fraction(text).map_or(Scalar::Text, Scalar::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => resolve_number(text),
        _ => Scalar::Text,
    }
}

fn resolve_word(text: &str) -> Scalar {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        _ => Scalar::Text,
    }
}

fn resolve_number(text: &str) -> Scalar {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Scalar::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let plain = match text.contains('_') {
        true => std::borrow::Cow::Owned(text.replace('_', "")),
        false => std::borrow::Cow::Borrowed(text),
    };
    if let Some(number) = whole(&plain) {
        return number;
    }
    fraction(&plain).map_or(Scalar::Text, Scalar::Float)
}

/// Go's `ParseInt` with base 0, then `ParseUint`.
fn whole(text: &str) -> Option<Scalar> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (Some(true), text.get(1..)?),
        b'+' => (Some(false), text.get(1..)?),
        _ => (None, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return None;
    }
    let value = u64::from_str_radix(digits, radix).ok()?;
    match sign {
        Some(true) => {
            let value = i128::from(value);
            i64::try_from(-value).ok().map(Scalar::Int)
        }
        // `ParseUint` accepts no sign, so a signed number above the range of `i64` is not an integer.
        Some(false) => i64::try_from(value).ok().map(Scalar::Int),
        None => Some(i64::try_from(value).map_or(Scalar::Uint(value), Scalar::Int)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, within the range of a float64.
fn fraction(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mantissa_end = unsigned.find(['e', 'E']).unwrap_or(unsigned.len());
    let (mantissa, exponent) = unsigned.split_at_checked(mantissa_end)?;
    let is_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let is_mantissa = match mantissa.split_once('.') {
        Some(("", after)) => !after.is_empty() && is_digits(after),
        Some((before, after)) => is_digits(before) && is_digits(after),
        None => !mantissa.is_empty() && is_digits(mantissa),
    };
    let is_exponent = exponent.is_empty() || {
        let digits = exponent.get(1..)?;
        let digits = digits.strip_prefix(['-', '+']).unwrap_or(digits);
        !digits.is_empty() && is_digits(digits)
    };
    if !is_mantissa || !is_exponent {
        return None;
    }
    text.parse().ok().filter(|it: &f64| it.is_finite())
}

/// The text of a number in Go's shortest `%g` form of a float32, which `sigs.k8s.io/yaml` uses for fractions as strings and keys.
pub(crate) fn float32_text(value: f64) -> String {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "Go formats it as a float32"
    )]
    let short = value as f32;
    if short.is_nan() {
        return "NaN".to_string();
    }
    if short.is_infinite() {
        return if short > 0.0 { "+Inf" } else { "-Inf" }.to_string();
    }
    // The exponent form of Rust has the shortest digits: `1.25e2`.
    let text = format!("{short:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    format!("{short}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_yaml_1_1() {
        for (text, value) in [
            ("", Scalar::Null),
            ("~", Scalar::Null),
            ("y", Scalar::Bool(true)),
            ("Off", Scalar::Bool(false)),
            ("yeS", Scalar::Text),
            ("1", Scalar::Int(1)),
            ("-0x1F", Scalar::Int(-31)),
            ("0o17", Scalar::Int(15)),
            ("0644", Scalar::Int(420)),
            ("08", Scalar::Float(8.0)),
            ("1_000", Scalar::Int(1000)),
            ("_1", Scalar::Text),
            ("18446744073709551615", Scalar::Uint(u64::MAX)),
            (
                "+18446744073709551615",
                Scalar::Float(18446744073709551615.0),
            ),
            (
                "18446744073709551616",
                Scalar::Float(18446744073709551616.0),
            ),
            ("-9223372036854775808", Scalar::Int(i64::MIN)),
            ("1.5e3", Scalar::Float(1500.0)),
            (".5", Scalar::Float(0.5)),
            (".", Scalar::Text),
            ("1.", Scalar::Float(1.0)),
            ("1e400", Scalar::Text),
            ("1:30", Scalar::Text),
            ("2024-01-02", Scalar::Text),
            ("<<", Scalar::Merge),
        ] {
            assert_eq!(resolve(text), value, "{text}");
        }
    }

    #[test]
    fn floats_are_formatted_as_float32() {
        for (value, text) in [
            (1.1, "1.1"),
            (1.10, "1.1"),
            (0.00001, "1e-05"),
            (123456.0, "123456"),
            (1_234_567.0, "1.234567e+06"),
            (1e21, "1e+21"),
            (1.23456789, "1.2345679"),
            (100000.5, "100000.5"),
            (1_234_567.5, "1.2345675e+06"),
        ] {
            assert_eq!(float32_text(value), text);
        }
    }
}
