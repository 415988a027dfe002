//! Kubernetes quantities, exactly (apimachinery's `resource.Quantity`).

/// An amount in billionths, rounded up as in the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Quantity(i128);

const NANO: i128 = 1_000_000_000;
/// The maximum value; greater values are reduced to it.
const MAX: i128 = (i64::MAX as i128) * NANO;

/// Further digits are only counted, because they cannot change the value.
const DIGITS_MAX: i128 = 10i128.pow(27);

impl Quantity {
    /// Parses a quantity like the server, ignoring surrounding spaces.
    pub(crate) fn parse(text: &str) -> Option<Quantity> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let digits_end = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = unsigned.split_at_checked(digits_end)?;
        let (fraction, suffix) = match rest.strip_prefix('.') {
            Some(rest) => {
                rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?
            }
            None => ("", rest),
        };
        // For the server, a lone sign is zero, but a lone suffix is invalid.
        let scale = Scale::from_suffix(suffix)?;
        let magnitude = scale.apply(whole, fraction);
        Some(Quantity(if negative { -magnitude } else { magnitude }))
    }

    /// The quantity of a whole number.
    pub(crate) fn from_integer(value: i64) -> Quantity {
        Quantity(i128::from(value) * NANO)
    }

    pub(crate) fn is_negative(self) -> bool {
        self.0 < 0
    }

    pub(crate) fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether it has no fraction.
    pub(crate) fn is_whole(self) -> bool {
        self.0 % NANO == 0
    }

    /// Whether it is whole in thousandths, after rounding up.
    pub(crate) fn is_whole_at_milli(self) -> bool {
        let milli = NANO / 1000;
        let rounded = self.0.div_euclid(milli) + i128::from(self.0.rem_euclid(milli) != 0);
        rounded % 1000 == 0
    }

    pub(crate) fn approximate(self) -> f64 {
        self.0 as f64 / NANO as f64
    }

    /// The whole number, if it is one.
    pub(crate) fn whole(self) -> Option<i64> {
        i64::try_from(self.0 / NANO)
            .ok()
            .filter(|_| self.is_whole())
    }

    pub(crate) fn add(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_add(other.0))
    }

    pub(crate) fn sub(self, other: Quantity) -> Quantity {
        Quantity(self.0.saturating_sub(other.0))
    }

    pub(crate) fn sign(self) -> i64 {
        self.0.signum() as i64
    }
}

/// The factor of a suffix.
enum Scale {
    Decimal(i64),
    Binary(u32),
}

impl Scale {
    fn from_suffix(suffix: &str) -> Option<Scale> {
        Some(match suffix {
            "" => Scale::Decimal(0),
            "n" => Scale::Decimal(-9),
            "u" => Scale::Decimal(-6),
            "m" => Scale::Decimal(-3),
            "k" => Scale::Decimal(3),
            "M" => Scale::Decimal(6),
            "G" => Scale::Decimal(9),
            "T" => Scale::Decimal(12),
            "P" => Scale::Decimal(15),
            "E" => Scale::Decimal(18),
            "Ki" => Scale::Binary(10),
            "Mi" => Scale::Binary(20),
            "Gi" => Scale::Binary(30),
            "Ti" => Scale::Binary(40),
            "Pi" => Scale::Binary(50),
            "Ei" => Scale::Binary(60),
            _ => Scale::Decimal(suffix.strip_prefix(['e', 'E'])?.parse().ok()?),
        })
    }

    /// The value in billionths, at most [`MAX`].
    fn apply(&self, whole: &str, fraction: &str) -> i128 {
        let digits = || {
            whole
                .bytes()
                .chain(fraction.bytes())
                .map(|it| i128::from(it - b'0'))
        };
        let mut value: i128 = 0;
        // Digits that do not fit into an i128 are below a billionth or above the maximum.
        let mut dropped: i64 = 0;
        let mut is_inexact = false;
        for digit in digits() {
            match value.checked_mul(10).filter(|it| *it < DIGITS_MAX) {
                Some(more) => value = more + digit,
                None => {
                    dropped += 1;
                    is_inexact |= digit != 0;
                }
            }
        }
        let fraction_digits = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let (power, factor) = match self {
            Scale::Decimal(power) => (power.saturating_sub(fraction_digits), 1),
            Scale::Binary(bits) => (fraction_digits.saturating_neg(), 1i128 << bits),
        };
        let power = power.saturating_add(9).saturating_add(dropped);
        let Some(value) = value.checked_mul(factor) else {
            return MAX;
        };
        scaled(value, power, is_inexact)
    }
}

/// `value × 10^power`, rounded up, at most [`MAX`].
fn scaled(value: i128, power: i64, is_inexact: bool) -> i128 {
    if value == 0 {
        return 0;
    }
    if power >= 0 {
        let factor = u32::try_from(power)
            .ok()
            .and_then(|it| 10i128.checked_pow(it));
        return factor
            .and_then(|it| value.checked_mul(it))
            .map_or(MAX, |it| it.min(MAX));
    }
    let divisor = u32::try_from(-power)
        .ok()
        .and_then(|it| 10i128.checked_pow(it));
    match divisor {
        Some(divisor) => {
            let up = i128::from(value % divisor != 0 || is_inexact);
            (value / divisor + up).min(MAX)
        }
        // Less than a billionth, but not zero.
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        for (text, nano) in [
            ("1", Some(NANO)),
            ("100m", Some(NANO / 10)),
            ("1.5Gi", Some(1_610_612_736 * NANO)),
            ("1e3", Some(1000 * NANO)),
            ("1E", Some(1_000_000_000_000_000_000 * NANO)),
            (" 2 ", Some(2 * NANO)),
            ("-1", Some(-NANO)),
            ("+", Some(0)),
            ("1.", Some(NANO)),
            (".5", Some(NANO / 2)),
            ("0.1n", Some(1)),
            ("1e-12", Some(1)),
            ("99999999999999999999999999999999999999999999", Some(MAX)),
            ("1e999", Some(MAX)),
            ("", None),
            ("1GB", None),
            ("1 Gi", None),
            ("abc", None),
            ("1e", None),
            ("1.2.3", None),
        ] {
            assert_eq!(Quantity::parse(text).map(|it| it.0), nano, "{text:?}");
        }
    }
}
