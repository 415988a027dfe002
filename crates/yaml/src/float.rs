//! The decimal digits of float64 values, in the formats of Go's package `strconv`.

/// The shortest decimal digits of a finite float64, in the format `{:e}`. Of two equally close results, Go uses the even digit and
/// Rust the larger one.
pub fn shortest_exponential(value: f64) -> String {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let count = mantissa.bytes().filter(u8::is_ascii_digit).count();
    // With fewer digits, there is a single nearest result.
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

/// The shortest decimal digits of a finite float64, and the position of the point.
pub struct FloatDigits {
    is_negative: bool,
    digits: String,
    /// The number is `0.digits` times ten to this power.
    point: i32,
}

impl FloatDigits {
    /// The digits of a finite number.
    pub fn new(value: f64) -> FloatDigits {
        let text = shortest_exponential(value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        FloatDigits {
            is_negative: value.is_sign_negative(),
            digits: mantissa.replace('.', ""),
            point: exponent.parse::<i32>().unwrap_or(0) + 1,
        }
    }

    /// Whether the number has no fraction.
    pub fn is_whole(&self) -> bool {
        usize::try_from(self.point).is_ok_and(|it| it >= self.digits.len())
    }

    /// The number without an exponent.
    pub fn decimal(&self) -> String {
        let (sign, digits) = (self.sign(), &*self.digits);
        let Ok(whole) = usize::try_from(self.point) else {
            let zeros = "0".repeat(self.point.unsigned_abs() as usize);
            return format!("{sign}0.{zeros}{digits}");
        };
        if digits.len() <= whole {
            let zeros = "0".repeat(whole - digits.len());
            return format!("{sign}{digits}{zeros}");
        }
        match digits.split_at(whole) {
            ("", fraction) => format!("{sign}0.{fraction}"),
            (whole, fraction) => format!("{sign}{whole}.{fraction}"),
        }
    }

    /// The number with an exponent of at least two digits.
    pub fn exponential(&self) -> String {
        let (first, rest) = self.digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent = self.point - 1;
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        format!(
            "{}{first}{point}{rest}e{exponent_sign}{:02}",
            self.sign(),
            exponent.abs()
        )
    }

    /// Format `g`: with an exponent below 1e-4 and from 1e6.
    pub fn general(&self) -> String {
        match (-4..6).contains(&(self.point - 1)) {
            true => self.decimal(),
            false => self.exponential(),
        }
    }

    fn sign(&self) -> &'static str {
        if self.is_negative { "-" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_rounded_to_even() {
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
