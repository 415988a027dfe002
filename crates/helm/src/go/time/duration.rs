//! Durations.

use super::parse::{leading_number, quote};

/// A number of nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Duration(pub(crate) i64);

const UNITS: [(&[u8], u64); 8] = [
    (b"ns", 1),
    (b"us", 1_000),
    ("µs".as_bytes(), 1_000),
    ("μs".as_bytes(), 1_000),
    (b"ms", 1_000_000),
    (b"s", 1_000_000_000),
    (b"m", 60_000_000_000),
    (b"h", 3_600_000_000_000),
];

const LIMIT: u64 = 1 << 63;

impl Duration {
    /// Parses a duration such as `-1h30m`.
    ///
    /// Errors: Go's message.
    pub(crate) fn parse(text: &[u8]) -> Result<Duration, String> {
        let invalid = || format!("time: invalid duration {}", quote(text));
        let (negative, mut rest) = match text {
            [sign @ (b'-' | b'+'), rest @ ..] => (*sign == b'-', rest),
            _ => (false, text),
        };
        if rest == b"0" {
            return Ok(Duration(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut sum: u64 = 0;
        while !rest.is_empty() {
            let (value, after) = part(rest, text)?;
            rest = after;
            sum = sum
                .checked_add(value)
                .filter(|it| *it <= LIMIT)
                .ok_or_else(invalid)?;
        }
        match negative {
            true => Ok(Duration(0_i64.wrapping_sub_unsigned(sum))),
            false => i64::try_from(sum).map(Duration).map_err(|_| invalid()),
        }
    }

    /// Rounded to a multiple, half away from zero.
    pub(crate) fn round(self, unit: Duration) -> Duration {
        let (Duration(value), Duration(unit)) = (self, unit);
        if unit <= 0 {
            return self;
        }
        let rest = (value % unit).unsigned_abs();
        let is_down = rest * 2 < unit.unsigned_abs();
        let truncated = value - value % unit;
        Duration(match (is_down, value < 0) {
            (true, _) => truncated,
            (false, true) => truncated.saturating_sub(unit),
            (false, false) => truncated.saturating_add(unit),
        })
    }
}

/// One number with its unit, in nanoseconds.
fn part<'t>(text: &'t [u8], whole: &[u8]) -> Result<(u64, &'t [u8]), String> {
    let invalid = || format!("time: invalid duration {}", quote(whole));
    if !text
        .first()
        .is_some_and(|it| *it == b'.' || it.is_ascii_digit())
    {
        return Err(invalid());
    }
    let (value, rest) = leading_number(text).ok_or_else(invalid)?;
    let mut has_digits = rest.len() < text.len();
    let (mut fraction, mut scale, mut rest) = (0, 1.0, rest);
    if let Some(after) = rest.strip_prefix(b".") {
        (fraction, scale, rest) = leading_fraction(after);
        has_digits |= rest.len() < after.len();
    }
    if !has_digits {
        return Err(invalid());
    }
    let is_unit = |byte: &u8| *byte != b'.' && !byte.is_ascii_digit();
    let length = rest.iter().take_while(|it| is_unit(it)).count();
    let (name, rest) = rest.split_at(length);
    if name.is_empty() {
        return Err(format!("time: missing unit in duration {}", quote(whole)));
    }
    let unit = UNITS.iter().find(|it| it.0 == name).map(|it| it.1);
    let unit = unit.ok_or_else(|| {
        format!(
            "time: unknown unit {} in duration {}",
            quote(name),
            quote(whole)
        )
    })?;
    if value > LIMIT / unit {
        return Err(invalid());
    }
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "Go computes the fraction in float64"
    )]
    let value = value * unit + (fraction as f64 * (unit as f64 / scale)) as u64;
    match value <= LIMIT {
        true => Ok((value, rest)),
        false => Err(invalid()),
    }
}

/// The digits after the point, their divisor, and the rest; digits out of range are dropped.
fn leading_fraction(text: &[u8]) -> (u64, f64, &[u8]) {
    let (mut value, mut scale, mut is_full) = (0_u64, 1.0, false);
    let length = text.iter().take_while(|it| it.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    for digit in digits {
        let next = value * 10 + u64::from(digit - b'0');
        is_full |= next > LIMIT;
        if is_full {
            continue;
        }
        (value, scale) = (next, scale * 10.0);
        is_full = value > (LIMIT - 1) / 10;
    }
    (value, scale, rest)
}

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match value {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{value}ns"),
            1_000..1_000_000 => write!(f, "{}µs", decimal(value, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", decimal(value, 1_000_000)),
            _ => {
                let (minutes, rest) = (value / 60_000_000_000, value % 60_000_000_000);
                match (minutes / 60, minutes % 60) {
                    (0, 0) => {}
                    (0, minutes) => write!(f, "{minutes}m")?,
                    (hours, minutes) => write!(f, "{hours}h{minutes}m")?,
                }
                write!(f, "{}s", decimal(rest, 1_000_000_000))
            }
        }
    }
}

/// A number divided by a power of ten, without trailing zeros.
fn decimal(value: u64, unit: u64) -> String {
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let width = unit.ilog10() as usize;
    let digits = format!("{rest:0width$}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}
