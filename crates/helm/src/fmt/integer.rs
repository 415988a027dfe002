//! Formatting of integers.

use super::printer::Printer;
use super::text::{LOWER, UPPER, rune};
use crate::go::strconv;

/// An integer as sign and magnitude.
#[derive(Clone, Copy)]
pub(super) struct Integer {
    pub(super) negative: bool,
    pub(super) magnitude: u64,
    pub(super) signed: bool,
}

impl From<i64> for Integer {
    fn from(value: i64) -> Integer {
        Integer {
            negative: value < 0,
            magnitude: value.unsigned_abs(),
            signed: true,
        }
    }
}

impl From<u64> for Integer {
    fn from(magnitude: u64) -> Integer {
        Integer {
            negative: false,
            magnitude,
            signed: false,
        }
    }
}

impl Integer {
    /// The 64 bits, as Go converts a signed integer to `uint64`.
    fn bits(self) -> u64 {
        if self.negative {
            self.magnitude.wrapping_neg()
        } else {
            self.magnitude
        }
    }
}

impl Printer<'_> {
    /// Formats an integer with a verb; false if the verb is invalid for it.
    pub(super) fn integer(&mut self, value: Integer, verb: char) -> bool {
        match verb {
            'v' if self.flags.sharp_v && !value.signed => self.hexadecimal(value.magnitude, true),
            'v' | 'd' => self.digits(value, 10, verb, LOWER),
            'b' => self.digits(value, 2, verb, LOWER),
            'o' | 'O' => self.digits(value, 8, verb, LOWER),
            'x' => self.digits(value, 16, verb, LOWER),
            'X' => self.digits(value, 16, verb, UPPER),
            'c' => {
                let text = rune(value.bits()).to_string();
                self.pad(text.as_bytes());
            }
            'q' => self.quoted_rune(value.bits()),
            'U' => self.code_point(value.bits()),
            _ => return false,
        }
        true
    }

    /// Writes hexadecimal digits, with or without `0x`.
    pub(super) fn hexadecimal(&mut self, value: u64, prefix: bool) {
        let sharp = std::mem::replace(&mut self.flags.sharp, prefix);
        self.digits(value.into(), 16, 'v', LOWER);
        self.flags.sharp = sharp;
    }

    fn digits(&mut self, value: Integer, base: u64, verb: char, digits: &[u8; 17]) {
        let flags = self.flags;
        let sign = match () {
            () if value.negative => Some(b'-'),
            () if flags.plus => Some(b'+'),
            () if flags.space => Some(b' '),
            () => None,
        };
        let min_digits = match (flags.precision, flags.width) {
            (Some(0), _) if value.magnitude == 0 => return self.pad_with_spaces(b""),
            (Some(precision), _) => precision,
            (None, Some(width)) if flags.zero && !flags.minus => {
                width.saturating_sub(usize::from(sign.is_some()))
            }
            _ => 0,
        };
        let mut text = Vec::with_capacity(24);
        let mut rest = value.magnitude;
        loop {
            let digit = usize::try_from(rest % base).unwrap_or(0);
            text.push(digits.get(digit).copied().unwrap_or(b'0'));
            rest /= base;
            if rest == 0 {
                break;
            }
        }
        if text.len() < min_digits {
            text.resize(min_digits, b'0');
        }
        match base {
            2 if flags.sharp => text.extend_from_slice(b"b0"),
            8 if flags.sharp && text.last() != Some(&b'0') => text.push(b'0'),
            16 if flags.sharp => text.extend_from_slice(&[digits[16], b'0']),
            _ => {}
        }
        if verb == 'O' {
            text.extend_from_slice(b"o0");
        }
        text.extend(sign);
        text.reverse();
        self.pad_with_spaces(&text);
    }

    /// Writes `U+0078`, with the flag `#` also the character.
    fn code_point(&mut self, code: u64) {
        let precision = self.flags.precision.unwrap_or(0).max(4);
        let mut text = format!("{code:X}");
        text = format!(
            "U+{}{text}",
            "0".repeat(precision.saturating_sub(text.len()))
        );
        let c = u32::try_from(code).ok().and_then(char::from_u32);
        if let Some(c) = c.filter(|it| self.flags.sharp && strconv::is_print(*it)) {
            text.push_str(&format!(" '{c}'"));
        }
        self.pad_with_spaces(text.as_bytes());
    }
}
