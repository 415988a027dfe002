//! Decimals of any size, as in the library shopspring/decimal.

use num_bigint::{BigInt, Sign};

/// The number of decimal places of a quotient.
const DIVISION_DIGITS: i64 = 16;

/// An integer times a power of ten.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    value: BigInt,
    exponent: i64,
}

impl Decimal {
    /// The shortest decimal for a float64; `None` if it is not finite.
    pub(crate) fn from_f64(value: f64) -> Option<Decimal> {
        if !value.is_finite() {
            return None;
        }
        let text = pleach_yaml::shortest_exponential(value);
        let (mantissa, exponent) = text.split_once('e')?;
        let fraction = mantissa.split_once('.').map_or(0, |it| it.1.len());
        Some(Decimal {
            value: mantissa.replace('.', "").parse().ok()?,
            exponent: exponent.parse::<i64>().ok()? - i64::try_from(fraction).ok()?,
        })
    }

    pub(crate) fn to_float(&self) -> f64 {
        let text = format!("{}e{}", self.value, self.exponent);
        text.parse().unwrap_or(0.0)
    }

    /// The size of the digits in bytes.
    pub(crate) fn size(&self) -> usize {
        usize::try_from(self.value.bits() / 8).unwrap_or(usize::MAX)
    }

    pub(crate) fn add(&self, other: &Decimal) -> Decimal {
        let (ours, theirs, exponent) = self.aligned(other);
        Decimal {
            value: ours + theirs,
            exponent,
        }
    }

    pub(crate) fn subtract(&self, other: &Decimal) -> Decimal {
        let (ours, theirs, exponent) = self.aligned(other);
        Decimal {
            value: ours - theirs,
            exponent,
        }
    }

    pub(crate) fn multiply(&self, other: &Decimal) -> Decimal {
        Decimal {
            value: &self.value * &other.value,
            exponent: self.exponent + other.exponent,
        }
    }

    /// The quotient, rounded to sixteen decimal places; `None` for division by 0.
    pub(crate) fn divide(&self, other: &Decimal) -> Option<Decimal> {
        if other.value.sign() == Sign::NoSign {
            return None;
        }
        let shift = self.exponent - other.exponent + DIVISION_DIGITS;
        let scale = power_of_ten(shift.abs());
        let (dividend, divisor) = match shift < 0 {
            true => (self.value.clone(), &other.value * scale),
            false => (&self.value * scale, other.value.clone()),
        };
        let quotient = &dividend / &divisor;
        let rest = &dividend % &divisor;
        let is_up = rest.magnitude() * 2_u32 >= *divisor.magnitude();
        let is_negative = (dividend.sign() == Sign::Minus) != (divisor.sign() == Sign::Minus);
        let step = match (is_up, is_negative) {
            (false, _) => 0,
            (true, true) => -1,
            (true, false) => 1,
        };
        Some(Decimal {
            value: quotient + step,
            exponent: -DIVISION_DIGITS,
        })
    }

    /// Both values with the smaller of their exponents.
    fn aligned(&self, other: &Decimal) -> (BigInt, BigInt, i64) {
        let exponent = self.exponent.min(other.exponent);
        let scaled = |it: &Decimal| &it.value * power_of_ten(it.exponent - exponent);
        (scaled(self), scaled(other), exponent)
    }
}

fn power_of_ten(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_are_exact() {
        let of = |it: f64| Decimal::from_f64(it).unwrap();
        assert_eq!(of(0.1).add(&of(0.2)).to_float(), 0.3);
        assert_eq!(of(1.1).multiply(&of(1.1)).to_float(), 1.21);
        assert_eq!(of(1.0).subtract(&of(0.9)).to_float(), 0.1);
        assert_eq!(of(10.0).divide(&of(4.0)).unwrap().to_float(), 2.5);
        assert_eq!(
            of(-2.0).divide(&of(3.0)).unwrap().to_float(),
            -0.666_666_666_666_666_7
        );
        assert!(of(1.0).divide(&of(0.0)).is_none());
        assert!(Decimal::from_f64(f64::NAN).is_none());
    }
}
