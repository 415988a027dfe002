//! Numbers and dates as `kustomize build` prints them: through JSON, and read again.

use crate::float::FloatDigits;
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
    let digits = FloatDigits::of(value);
    // JSON has no exponent from 1e-6 up to 1e21.
    if (1e-6..1e21).contains(&value.abs()) && digits.is_whole() {
        let whole = digits.decimal();
        if int_value_wide(&whole).is_some() {
            return Some(whole);
        }
    }
    Some(digits.general())
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
        false => FloatDigits::of(value).general(),
    }
}
