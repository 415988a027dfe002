//! Parses a time with a layout.

use super::civil::{Civil, days_before, days_in, is_leap};
use super::format::{MONTHS, WEEK_DAYS};
use super::layout::{Field, OffsetForm, next_chunk};
use super::{Time, Zone};

/// The value does not match the field.
struct Mismatch;

/// The fields parsed so far.
#[derive(Default)]
struct Parsed {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanosecond: i64,
    is_am: bool,
    is_pm: bool,
    is_utc: bool,
    offset: Option<i32>,
    zone: Vec<u8>,
    /// The field that is out of range.
    out_of_range: Option<&'static str>,
}

/// Parses a time; without a zone, it is in UTC.
///
/// Errors: Go's message.
pub(crate) fn parse(layout: &[u8], value: &[u8]) -> Result<Time, String> {
    let mut parsed = Parsed::default();
    let fault = |message: String| format!("parsing time {}{message}", quote(value));
    let mismatch = |value_element: &[u8], layout_element: &[u8]| {
        fault(format!(
            " as {}: cannot parse {} as {}",
            quote(layout),
            quote(value_element),
            quote(layout_element)
        ))
    };
    let (mut layout_rest, mut rest) = (layout, value);
    loop {
        let chunk = next_chunk(layout_rest);
        rest = skip(rest, chunk.prefix).map_err(|found| mismatch(found, chunk.prefix))?;
        let Some(field) = chunk.field else {
            if !rest.is_empty() {
                return Err(fault(format!(": extra text: {}", quote(rest))));
            }
            break;
        };
        layout_rest = chunk.rest;
        let read = parsed.read(field, rest, layout_rest);
        if let Some(part) = parsed.out_of_range {
            return Err(fault(format!(": {part} out of range")));
        }
        rest = read.map_err(|Mismatch| mismatch(rest, chunk.text))?;
    }
    parsed.time().map_err(|part| fault(format!(": {part}")))
}

impl Parsed {
    fn read<'v>(
        &mut self,
        field: Field,
        value: &'v [u8],
        layout: &[u8],
    ) -> Result<&'v [u8], Mismatch> {
        match field {
            Field::LongYear | Field::ShortYear => self.year(field, value),
            Field::LongMonth | Field::ShortMonth => {
                let (at, rest) = name(&MONTHS, field == Field::ShortMonth, value)?;
                self.month = Some(at + 1);
                Ok(rest)
            }
            Field::LongWeekDay | Field::ShortWeekDay => {
                Ok(name(&WEEK_DAYS, field == Field::ShortWeekDay, value)?.1)
            }
            Field::Month | Field::ZeroMonth => {
                let (month, rest) = number(value, field == Field::ZeroMonth)?;
                self.month = Some(month);
                self.check((1..=12).contains(&month), "month");
                Ok(rest)
            }
            Field::Day | Field::UnderDay | Field::ZeroDay => {
                let value = match field {
                    Field::UnderDay => value.strip_prefix(b" ").unwrap_or(value),
                    _ => value,
                };
                let (day, rest) = number(value, field == Field::ZeroDay)?;
                self.day = Some(day);
                Ok(rest)
            }
            Field::UnderYearDay | Field::ZeroYearDay => self.year_day(field, value),
            Field::UpperPm | Field::LowerPm => self.half_of_day(field, value),
            Field::Offset(form) => self.offset(form, value),
            Field::ZoneName => self.zone_name(value),
            Field::Fraction(_, digits, false) => {
                let (text, rest) = value.split_at_checked(digits + 1).ok_or(Mismatch)?;
                self.nanosecond = nanoseconds(text)?;
                Ok(rest)
            }
            Field::Fraction(_, _, true) => match fraction(value) {
                Some((text, rest)) => {
                    self.nanosecond = nanoseconds(text)?;
                    Ok(rest)
                }
                None => Ok(value),
            },
            field => self.clock(field, value, layout),
        }
    }

    fn check(&mut self, is_in_range: bool, part: &'static str) {
        if !is_in_range {
            self.out_of_range = Some(part);
        }
    }

    fn year<'v>(&mut self, field: Field, value: &'v [u8]) -> Result<&'v [u8], Mismatch> {
        let width = if field == Field::LongYear { 4 } else { 2 };
        let (text, rest) = value.split_at_checked(width).ok_or(Mismatch)?;
        if width == 4 && !text.first().is_some_and(u8::is_ascii_digit) {
            return Err(Mismatch);
        }
        let year = signed_number(text)?;
        self.year = match width {
            4 => year,
            _ if year >= 69 => year + 1900,
            _ => year + 2000,
        };
        Ok(rest)
    }

    fn year_day<'v>(&mut self, field: Field, mut value: &'v [u8]) -> Result<&'v [u8], Mismatch> {
        if field == Field::UnderYearDay {
            for _ in 0..2 {
                value = value.strip_prefix(b" ").unwrap_or(value);
            }
        }
        let digits = value.iter().take(3).take_while(|it| it.is_ascii_digit());
        let length = digits.count();
        if length == 0 || field == Field::ZeroYearDay && length != 3 {
            return Err(Mismatch);
        }
        let (digits, rest) = value.split_at(length);
        self.year_day = Some(signed_number(digits)?);
        Ok(rest)
    }

    fn half_of_day<'v>(&mut self, field: Field, value: &'v [u8]) -> Result<&'v [u8], Mismatch> {
        let (text, rest) = value.split_at_checked(2).ok_or(Mismatch)?;
        match (field, text) {
            (Field::UpperPm, b"PM") | (Field::LowerPm, b"pm") => self.is_pm = true,
            (Field::UpperPm, b"AM") | (Field::LowerPm, b"am") => self.is_am = true,
            _ => return Err(Mismatch),
        }
        Ok(rest)
    }

    /// Hours, minutes and seconds.
    fn clock<'v>(
        &mut self,
        field: Field,
        value: &'v [u8],
        layout: &[u8],
    ) -> Result<&'v [u8], Mismatch> {
        let is_padded = matches!(
            field,
            Field::ZeroHour12 | Field::ZeroMinute | Field::ZeroSecond
        );
        let (found, rest) = number(value, is_padded)?;
        match field {
            Field::Hour => {
                self.hour = found;
                self.check(found < 24, "hour");
            }
            Field::Hour12 | Field::ZeroHour12 => {
                self.hour = found;
                self.check(found <= 12, "hour");
            }
            Field::Minute | Field::ZeroMinute => {
                self.minute = found;
                self.check(found < 60, "minute");
            }
            _ => {
                self.second = found;
                self.check(found < 60, "second");
                return self.implied_fraction(rest, layout);
            }
        }
        Ok(rest)
    }

    /// A fraction may follow the seconds even if the layout has none.
    fn implied_fraction<'v>(
        &mut self,
        value: &'v [u8],
        layout: &[u8],
    ) -> Result<&'v [u8], Mismatch> {
        let is_in_layout = matches!(next_chunk(layout).field, Some(Field::Fraction(..)));
        match fraction(value).filter(|_| !is_in_layout) {
            Some((text, rest)) => {
                self.nanosecond = nanoseconds(text)?;
                Ok(rest)
            }
            None => Ok(value),
        }
    }

    fn offset<'v>(&mut self, form: OffsetForm, value: &'v [u8]) -> Result<&'v [u8], Mismatch> {
        if let Some(rest) = value.strip_prefix(b"Z").filter(|_| form.zulu) {
            self.is_utc = true;
            return Ok(rest);
        }
        let width = form.parts * 2 + 1 + usize::from(form.colons) * (form.parts - 1);
        let (text, rest) = value.split_at_checked(width).ok_or(Mismatch)?;
        let (sign, digits) = text.split_first().ok_or(Mismatch)?;
        let step = if form.colons { 3 } else { 2 };
        let mut parts = [0; 3];
        let mut is_sound = true;
        for (at, part) in parts.iter_mut().enumerate().take(form.parts) {
            let digits = digits.get(at * step..).ok_or(Mismatch)?;
            if form.colons && at + 1 < form.parts && digits.get(2) != Some(&b':') {
                return Err(Mismatch);
            }
            match number(digits.get(..2).unwrap_or(digits), true) {
                Ok((found, _)) if is_sound => *part = i32::try_from(found).unwrap_or(0),
                _ => is_sound = false,
            }
        }
        let [hours, minutes, seconds] = parts;
        self.check(hours <= 24, "time zone offset hour");
        self.check(minutes <= 60, "time zone offset minute");
        self.check(seconds <= 60, "time zone offset second");
        let offset = (hours * 60 + minutes) * 60 + seconds;
        self.offset = match sign {
            b'+' => Some(offset),
            b'-' => Some(-offset),
            _ => return Err(Mismatch),
        };
        // Go treats an offset of -1 second as missing.
        self.offset = self.offset.filter(|it| *it != -1);
        if is_sound { Ok(rest) } else { Err(Mismatch) }
    }

    fn zone_name<'v>(&mut self, value: &'v [u8]) -> Result<&'v [u8], Mismatch> {
        if let Some(rest) = value.strip_prefix(b"UTC") {
            self.is_utc = true;
            return Ok(rest);
        }
        let length = zone_name_length(value).ok_or(Mismatch)?;
        let (name, rest) = value.split_at_checked(length).ok_or(Mismatch)?;
        self.zone = name.to_vec();
        Ok(rest)
    }

    fn time(mut self) -> Result<Time, &'static str> {
        if self.is_pm && self.hour < 12 {
            self.hour += 12;
        } else if self.is_am && self.hour == 12 {
            self.hour = 0;
        }
        let (month, day) = self.month_and_day()?;
        if day < 1 || day > days_in(month, self.year) {
            return Err("day out of range");
        }
        let civil = Civil {
            year: self.year,
            month,
            day,
            hour: self.hour,
            minute: self.minute,
            second: self.second,
            nanosecond: self.nanosecond,
            year_day: 0,
            week_day: 0,
        };
        let time = Time::from_civil(&civil, Zone::Utc);
        let name = String::from_utf8_lossy(&self.zone).into_owned();
        if self.is_utc {
            return Ok(time);
        }
        if let Some(offset) = self.offset {
            let seconds = time.seconds.wrapping_sub(i64::from(offset));
            // The local zone is UTC.
            let is_local = offset == 0 && (name.is_empty() || name == "UTC");
            let zone = match is_local {
                true => Zone::Local,
                false => Zone::fixed(name, offset),
            };
            return Ok(Time::new(seconds, time.nanoseconds, zone));
        }
        if name.is_empty() {
            return Ok(time.with_zone(Zone::Local));
        }
        // A zone with only a name has no offset, except `GMT+3` and the like.
        let hours = name
            .strip_prefix("GMT")
            .and_then(|it| it.parse::<i32>().ok());
        Ok(time.with_zone(Zone::fixed(name, hours.unwrap_or(0) * 3600)))
    }

    fn month_and_day(&self) -> Result<(i64, i64), &'static str> {
        let Some(year_day) = self.year_day else {
            return Ok((self.month.unwrap_or(1), self.day.unwrap_or(1)));
        };
        let is_leap = is_leap(self.year);
        if year_day < 1 || year_day > 365 + i64::from(is_leap) {
            return Err("day-of-year out of range");
        }
        let months = (1..=12).rev();
        let mut begun = months.filter(|month| days_before(*month, is_leap) < year_day);
        let month = begun.next().unwrap_or(1);
        let day = year_day - days_before(month, is_leap);
        if self.month.is_some_and(|it| it != month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|it| it != day) {
            return Err("day-of-year does not match day");
        }
        Ok((month, day))
    }
}

/// Skips literal text of the layout in the value; a blank matches any number of blanks. The error is the rest of the value.
fn skip<'v>(mut value: &'v [u8], mut prefix: &[u8]) -> Result<&'v [u8], &'v [u8]> {
    let cut = |text: &mut &[u8]| {
        while let Some(rest) = text.strip_prefix(b" ") {
            *text = rest;
        }
    };
    while let Some((first, rest)) = prefix.split_first() {
        if *first == b' ' {
            if value.first().is_some_and(|it| *it != b' ') {
                return Err(value);
            }
            cut(&mut prefix);
            while let Some(rest) = value.strip_prefix(b" ") {
                value = rest;
            }
            continue;
        }
        match value.split_first() {
            Some((found, after)) if found == first => value = after,
            _ => return Err(value),
        }
        prefix = rest;
    }
    Ok(value)
}

/// The index of a name in a list, ignoring case.
fn name<'v>(names: &[&str], short: bool, value: &'v [u8]) -> Result<(i64, &'v [u8]), Mismatch> {
    for (at, name) in names.iter().enumerate() {
        let name = name.as_bytes();
        let name = if short {
            name.get(..3).unwrap_or(name)
        } else {
            name
        };
        if let Some((found, rest)) = value.split_at_checked(name.len())
            && found.eq_ignore_ascii_case(name)
        {
            return Ok((i64::try_from(at).unwrap_or(0), rest));
        }
    }
    Err(Mismatch)
}

/// One or two digits, or exactly two.
fn number(value: &[u8], is_padded: bool) -> Result<(i64, &[u8]), Mismatch> {
    let digit = |it: u8| i64::from(it - b'0');
    match value {
        [a, b, rest @ ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Ok((digit(*a) * 10 + digit(*b), rest))
        }
        [a, rest @ ..] if a.is_ascii_digit() && !is_padded => Ok((digit(*a), rest)),
        _ => Err(Mismatch),
    }
}

/// Parses a whole text as a number.
fn signed_number(text: &[u8]) -> Result<i64, Mismatch> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    match leading_number(digits) {
        Some((value, [])) => {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            Ok(if negative { -value } else { value })
        }
        _ => Err(Mismatch),
    }
}

/// A separator with at least one digit, and all further digits.
fn fraction(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let (separator, digits) = value.split_first()?;
    let length = digits.iter().take_while(|it| it.is_ascii_digit()).count();
    let is_fraction = matches!(separator, b'.' | b',') && length > 0;
    is_fraction.then(|| value.split_at(length + 1))
}

/// The nanoseconds of a fraction with its separator; digits after the ninth are ignored.
fn nanoseconds(text: &[u8]) -> Result<i64, Mismatch> {
    let (separator, digits) = text.split_first().ok_or(Mismatch)?;
    if !matches!(separator, b'.' | b',') {
        return Err(Mismatch);
    }
    let digits = digits.get(..9).unwrap_or(digits);
    let value = signed_number(digits)?;
    let missing = u32::try_from(9 - digits.len()).unwrap_or(0);
    Ok(value * 10_i64.pow(missing))
}

/// The length of a text that looks like the abbreviation of a zone.
fn zone_name_length(value: &[u8]) -> Option<usize> {
    let first = value.get(..3)?;
    if value.starts_with(b"ChST") || value.starts_with(b"MeST") {
        return Some(4);
    }
    if first == b"GMT" {
        let offset = value.get(3..).and_then(signed_offset);
        return Some(3 + offset.unwrap_or(0));
    }
    if matches!(first, [b'+' | b'-', ..]) {
        return signed_offset(value);
    }
    let capitals = value
        .iter()
        .take(6)
        .take_while(|it| it.is_ascii_uppercase());
    match (capitals.count(), value) {
        (5, [_, _, _, _, b'T', ..]) => Some(5),
        (4, [_, _, _, b'T', ..] | [b'W', b'I', b'T', b'A', ..]) => Some(4),
        (3, _) => Some(3),
        _ => None,
    }
}

/// The length of a sign and a number of hours up to 23.
fn signed_offset(value: &[u8]) -> Option<usize> {
    let (sign, digits) = value.split_first()?;
    let (hours, rest) = leading_number(digits)?;
    let is_offset = matches!(sign, b'+' | b'-') && rest.len() < digits.len() && hours <= 23;
    is_offset.then_some(value.len() - rest.len())
}

/// The leading digits of a text as a number up to 2^63; `None` if it is larger.
pub(super) fn leading_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let length = text.iter().take_while(|it| it.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let mut value: u64 = 0;
    for digit in digits {
        value = value
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    (value <= 1 << 63).then_some((value, rest))
}

/// A quoted text, for error messages.
pub(super) fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..0x80 => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}
