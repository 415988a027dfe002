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

/// The fewest decimal digits that mean a number, and where the point is in them.
struct Digits {
    negative: bool,
    digits: String,
    /// The number is `0.digits` times ten to this power.
    point: i32,
}

impl Digits {
    fn of(value: f64) -> Digits {
        let text = format!("{:e}", value.abs());
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
