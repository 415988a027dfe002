//! Numbers and dates as `kustomize build` prints them: through JSON, and read again.

use crate::scalar::{float_value, int_value_wide};

/// A whole number's text in plain decimal.
pub(super) fn whole(text: &str) -> Option<String> {
    int_value_wide(text).map(|it| it.to_string())
}

/// A fraction's text: what is whole after the way through JSON is printed as a whole number. `None` for no number.
pub(super) fn fraction(text: &str) -> Option<String> {
    let value = float_value(text)?;
    if value == 0.0 {
        return Some("0".to_string());
    }
    let digits = Digits::of(value);
    // JSON has no exponent from 1e-6 up to 1e21.
    if (1e-6..1e21).contains(&value.abs()) && digits.point >= digits.digits.len() as i32 {
        let whole = digits.without_exponent();
        if int_value_wide(&whole).is_some() {
            return Some(whole);
        }
    }
    Some(digits.general())
}

/// The fewest decimal digits that mean a finite float64, as `{:e}` writes them. Of two texts that are equally near, Go takes the one
/// with the even digit and Rust the larger one.
pub fn shortest_exponential(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let count = mantissa.bytes().filter(u8::is_ascii_digit).count();
    // With fewer digits the nearest text is nearer than any other.
    if count < 15 || !mantissa.ends_with(['1', '3', '5', '7', '9']) {
        return text;
    }
    let exact = format!("{value:.*e}", count + 25);
    let cut = exact.get(..mantissa.len()).unwrap_or("");
    let tail = exact
        .get(mantissa.len()..)
        .and_then(|it| it.split('e').next());
    let is_tie =
        tail.is_some_and(|it| it.starts_with('5') && it.bytes().skip(1).all(|digit| digit == b'0'));
    let even = format!("{cut}e{exponent}");
    match is_tie && even.parse() == Ok(value) {
        true => even,
        false => text,
    }
}

/// As [`fraction`], of a text behind the tag of a float: one that reads as a whole number is that number.
pub(super) fn stated_float(text: &str) -> Option<String> {
    match int_value_wide(text) {
        Some(value) => fraction(&(value as f64).to_string()),
        None => fraction(text),
    }
}

/// A finite float as Go's format `g` writes it.
pub fn float_general(value: f64) -> String {
    match value == 0.0 {
        true => "0".to_string(),
        false => Digits::of(value).general(),
    }
}

/// The fewest decimal digits that mean a number, and where the point is in them.
struct Digits {
    negative: bool,
    digits: String,
    /// The number is `0.digits` times ten to this power.
    point: i32,
}

impl Digits {
    fn of(value: f64) -> Digits {
        let text = shortest_exponential(value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.replace('.', "");
        Digits {
            negative: value < 0.0,
            digits,
            point: exponent.parse::<i32>().unwrap_or(0) + 1,
        }
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    /// A whole number, filled up with zeros.
    fn without_exponent(&self) -> String {
        let zeros = usize::try_from(self.point)
            .unwrap_or(0)
            .saturating_sub(self.digits.len());
        format!("{}{}{}", self.sign(), self.digits, "0".repeat(zeros))
    }

    /// Go's shortest `g` form: an exponent below 1e-4 and from 1e6 on, with two digits at least.
    fn general(&self) -> String {
        let (sign, digits, exponent) = (self.sign(), &self.digits, self.point - 1);
        if !(-4..6).contains(&exponent) {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let exponent_sign = if exponent < 0 { '-' } else { '+' };
            return format!(
                "{sign}{first}{point}{rest}e{exponent_sign}{:02}",
                exponent.abs()
            );
        }
        if self.point <= 0 {
            return format!(
                "{sign}0.{}{digits}",
                "0".repeat(self.point.unsigned_abs() as usize)
            );
        }
        let whole = self.point as usize;
        if digits.len() <= whole {
            return self.without_exponent();
        }
        let (whole, fraction) = digits.split_at(whole);
        format!("{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_texts_that_are_equally_near_the_even_one_is_taken() {
        for (value, text) in [
            (856_506_392_570_610.3, "8.565063925706102e14"),
            (-856_506_392_570_610.3, "-8.565063925706102e14"),
            (856_506_392_570_610.8, "8.565063925706108e14"),
            (0.1, "1e-1"),
            (1.0 / 3.0, "3.333333333333333e-1"),
        ] {
            assert_eq!(shortest_exponential(value), text);
        }
    }
}
