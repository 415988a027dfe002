//! Numbers and dates in the output of `kustomize build`, after a round trip through JSON.

use crate::float::FloatDigits;
use crate::scalar::{float_value, int_value_wide};

/// A whole number's text in plain decimal.
pub(super) fn whole(text: &str) -> Option<String> {
    int_value_wide(text).map(|it| it.to_string())
}

/// The text of a fraction. If it is whole after the round trip, it is printed as a whole number. `None` if it is not a number.
pub(super) fn fraction(text: &str) -> Option<String> {
    let value = float_value(text)?;
    if value == 0.0 {
        return Some("0".to_string());
    }
    let digits = FloatDigits::new(value);
    // In Go's JSON, numbers from 1e-6 to 1e21 have no exponent.
    if (1e-6..1e21).contains(&value.abs()) && digits.is_whole() {
        let whole = digits.decimal();
        if int_value_wide(&whole).is_some() {
            return Some(whole);
        }
    }
    Some(digits.general())
}

/// Like [`fraction`], for a text with the tag of a float: a whole number is kept.
pub(super) fn stated_float(text: &str) -> Option<String> {
    match int_value_wide(text) {
        Some(value) => fraction(&(value as f64).to_string()),
        None => fraction(text),
    }
}

/// A finite float in Go's format `g`.
pub fn float_general(value: f64) -> String {
    match value == 0.0 {
        true => "0".to_string(),
        false => FloatDigits::new(value).general(),
    }
}
