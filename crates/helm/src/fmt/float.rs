//! Formatting of floating-point numbers.

use super::printer::Printer;

impl Printer<'_> {
    /// Formats a number with a verb; false if the verb is invalid for it.
    pub(super) fn float(&mut self, value: f64, verb: char) -> bool {
        let (verb, precision) = match verb {
            'v' => ('g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb, None),
            'f' | 'e' | 'E' => (verb, Some(6)),
            'F' => ('f', Some(6)),
            _ => return false,
        };
        self.number(value, verb, self.flags.precision.or(precision));
        true
    }

    /// Formats a complex number with a verb; false if the verb is invalid for it.
    pub(super) fn complex(&mut self, real: f64, imaginary: f64, verb: char) -> bool {
        if !"vbgGxXfFeE".contains(verb) {
            return false;
        }
        self.out.push(b'(');
        self.float(real, verb);
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(imaginary, verb);
        self.flags.plus = plus;
        self.out.extend_from_slice(b"i)");
        true
    }

    fn number(&mut self, value: f64, verb: char, precision: Option<usize>) {
        let flags = self.flags;
        let mut sign = if value.is_sign_negative() && !value.is_nan() {
            b'-'
        } else {
            b'+'
        };
        if flags.space && sign == b'+' && !flags.plus {
            sign = b' ';
        }
        let is_finite = value.is_finite();
        let mut text = match () {
            () if value.is_nan() => b"NaN".to_vec(),
            () if !is_finite => b"Inf".to_vec(),
            () => format_float(value.abs(), verb, precision),
        };
        if !is_finite {
            // NaN is not padded with zeros, and infinity keeps its sign.
            if !value.is_nan() || flags.space || flags.plus {
                text.insert(0, sign);
            }
            return self.pad_with_spaces(&text);
        }
        if flags.sharp && verb != 'b' {
            text = with_point(&text, verb, precision);
        }
        if sign == b'+' && !flags.plus {
            return self.pad(&text);
        }
        let width = flags.width.unwrap_or(0);
        if flags.zero && !flags.minus && width > text.len() + 1 {
            self.out.push(sign);
            self.padding(width - text.len() - 1);
            self.out.extend_from_slice(&text);
            return;
        }
        text.insert(0, sign);
        self.pad(&text);
    }
}

/// The flag `#`: always with a decimal point, and with the trailing zeros that `%g` omits.
fn with_point(text: &[u8], verb: char, precision: Option<usize>) -> Vec<u8> {
    let is_hex = matches!(verb, 'x' | 'X');
    let exponent = text.iter().position(|it| match it {
        b'p' | b'P' => true,
        b'e' | b'E' => !is_hex,
        _ => false,
    });
    let (number, tail) = text.split_at(exponent.unwrap_or(text.len()));
    let mut missing = match verb {
        'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let mut seen_digit = false;
    for byte in number {
        if *byte != b'.' {
            seen_digit |= *byte != b'0';
            missing = missing.saturating_sub(usize::from(seen_digit));
        }
    }
    let mut out = number.to_vec();
    if !number.contains(&b'.') {
        if number == b"0" {
            missing = missing.saturating_sub(1);
        }
        out.push(b'.');
    }
    out.resize(out.len() + missing, b'0');
    out.extend_from_slice(tail);
    out
}

/// Decimal digits of a number: `0.DIGITS` times ten to the power `point`. No trailing zeros.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

impl Decimal {
    /// From the output of Rust's `{:e}`.
    fn parse(text: &str) -> Decimal {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = exponent.parse::<i32>().unwrap_or(0) + 1;
        let point = if digits.is_empty() { 0 } else { point };
        Decimal { digits, point }
    }

    fn shortest(value: f64) -> Decimal {
        Decimal::parse(&pleach_yaml::shortest_exponential(value))
    }

    /// Rounded to a number of digits.
    fn rounded(value: f64, digits: usize) -> Decimal {
        let digits = digits.clamp(1, MOST_DIGITS);
        Decimal::parse(&format!("{value:.*e}", digits - 1))
    }
}

/// No float64 has more decimal digits, so rounding to more only adds zeros.
const MOST_DIGITS: usize = 1100;

/// `strconv.FormatFloat` of a finite, non-negative number. Without a precision, the shortest digits are used.
pub(crate) fn format_float(value: f64, verb: char, precision: Option<usize>) -> Vec<u8> {
    match verb {
        'b' => binary(value),
        'x' | 'X' => hexadecimal(value, verb, precision),
        'e' | 'E' => {
            let decimal = match precision {
                Some(precision) => Decimal::rounded(value, precision.saturating_add(1)),
                None => Decimal::shortest(value),
            };
            let precision = precision.unwrap_or(decimal.digits.len().saturating_sub(1));
            exponential(&decimal, precision, verb)
        }
        'f' => match precision {
            Some(precision) => {
                let mut text = format!("{value:.*}", precision.min(MOST_DIGITS));
                let zeros = precision.saturating_sub(MOST_DIGITS);
                text.push_str(&"0".repeat(zeros));
                text.into_bytes()
            }
            None => format!("{value}").into_bytes(),
        },
        _ => general(value, verb, precision),
    }
}

/// `%g`: with an exponent if it is small or large.
fn general(value: f64, verb: char, precision: Option<usize>) -> Vec<u8> {
    let decimal = match precision {
        Some(precision) => Decimal::rounded(value, precision),
        None => Decimal::shortest(value),
    };
    let count = decimal.digits.len();
    let as_size = |it: usize| i32::try_from(it).unwrap_or(i32::MAX);
    let precision = precision.map(|it| it.max(1));
    let limit = match precision {
        None => 6,
        Some(precision) if precision > count && as_size(count) >= decimal.point => as_size(count),
        Some(precision) => as_size(precision),
    };
    let exponent = decimal.point - 1;
    // The shortest form also has an exponent from 21 digits, but 6 is reached first.
    let limit = if precision.is_none() {
        limit.max(6)
    } else {
        limit
    };
    if exponent < -4 || exponent >= limit {
        let digits = precision.unwrap_or(count).min(count);
        let verb = if verb == 'G' { 'E' } else { 'e' };
        return exponential(&decimal, digits.saturating_sub(1), verb);
    }
    plain(&decimal)
}

fn exponential(decimal: &Decimal, precision: usize, verb: char) -> Vec<u8> {
    let mut digits = decimal.digits.iter().copied();
    let mut out = vec![digits.next().unwrap_or(b'0')];
    if precision > 0 {
        out.push(b'.');
        out.extend(digits.chain(std::iter::repeat(b'0')).take(precision));
    }
    let exponent = if decimal.digits.is_empty() {
        0
    } else {
        decimal.point - 1
    };
    let sign = if exponent < 0 { '-' } else { '+' };
    out.extend_from_slice(format!("{verb}{sign}{:02}", exponent.abs()).as_bytes());
    out
}

/// All digits without an exponent.
fn plain(decimal: &Decimal) -> Vec<u8> {
    let point = usize::try_from(decimal.point).unwrap_or(0);
    let (whole, rest) = decimal.digits.split_at(point.min(decimal.digits.len()));
    let mut out = whole.to_vec();
    out.resize(point.max(1), b'0');
    if !rest.is_empty() {
        out.push(b'.');
        let zeros = decimal.point.min(0).unsigned_abs();
        out.extend((0..zeros).map(|_| b'0'));
        out.extend_from_slice(rest);
    }
    out
}

/// Mantissa and exponent: the number is `mantissa` times two to the power `exponent`.
fn parts(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0) {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

fn binary(value: f64) -> Vec<u8> {
    let (mantissa, exponent) = parts(value);
    format!("{mantissa}p{exponent:+}").into_bytes()
}

fn hexadecimal(value: f64, verb: char, precision: Option<usize>) -> Vec<u8> {
    let (mut mantissa, mut exponent) = parts(value);
    if mantissa == 0 {
        exponent = 0;
    } else {
        let shift = mantissa.leading_zeros() - 11;
        mantissa <<= shift;
        exponent = exponent + 52 - shift.cast_signed();
    }
    // One digit before the point, thirteen after it.
    if let Some(precision) = precision.filter(|it| *it < 13) {
        let dropped = 52 - 4 * u32::try_from(precision).unwrap_or(0);
        let rest = mantissa & ((1 << dropped) - 1);
        mantissa >>= dropped;
        let half = 1 << (dropped - 1);
        if rest > half || (rest == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa >> 53 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut digits = format!("{:013x}", mantissa & ((1 << 52) - 1));
    match precision {
        Some(precision) if precision <= 13 => digits.truncate(precision),
        Some(precision) => digits.push_str(&"0".repeat(precision - 13)),
        None => digits.truncate(digits.trim_end_matches('0').len()),
    }
    let point = if digits.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let text = format!(
        "0x{}{point}{digits}p{sign}{:02}",
        mantissa >> 52,
        exponent.abs()
    );
    match verb {
        'X' => text.to_ascii_uppercase().into_bytes(),
        _ => text.into_bytes(),
    }
}
