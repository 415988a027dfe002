//! Formats a time with a layout.

use super::Time;
use super::civil::Civil;
use super::layout::{Field, OffsetForm, next_chunk};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) const WEEK_DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

pub(super) fn format(time: &Time, layout: &[u8]) -> Vec<u8> {
    let civil = time.civil();
    let (zone, offset) = time.zone.at(time.seconds);
    let mut out = Vec::with_capacity(layout.len() + 10);
    let mut rest = layout;
    while !rest.is_empty() {
        let chunk = next_chunk(rest);
        out.extend_from_slice(chunk.prefix);
        let Some(field) = chunk.field else {
            break;
        };
        rest = chunk.rest;
        match field {
            Field::Offset(form) => push_offset(&mut out, offset, form),
            Field::ZoneName if zone.is_empty() => {
                let form = OffsetForm {
                    zulu: false,
                    colons: false,
                    parts: 2,
                };
                push_offset(&mut out, offset, form);
            }
            Field::ZoneName => out.extend_from_slice(zone.as_bytes()),
            Field::Fraction(separator, digits, trims) => {
                push_fraction(&mut out, civil.nanosecond, separator, digits, trims);
            }
            field => out.extend_from_slice(text(field, &civil).as_bytes()),
        }
    }
    out
}

fn text(field: Field, civil: &Civil) -> String {
    let name = |names: &[&str], at: usize| names.get(at).copied().unwrap_or("").to_string();
    let short = |name: String| name.chars().take(3).collect::<String>();
    let month = name(&MONTHS, usize::try_from(civil.month - 1).unwrap_or(12));
    let week_day = name(&WEEK_DAYS, civil.week_day);
    let hour_12 = match civil.hour % 12 {
        0 => 12,
        hour => hour,
    };
    match field {
        Field::LongMonth => month,
        Field::ShortMonth => short(month),
        Field::Month => civil.month.to_string(),
        Field::ZeroMonth => format!("{:02}", civil.month),
        Field::LongWeekDay => week_day,
        Field::ShortWeekDay => short(week_day),
        Field::Day => civil.day.to_string(),
        Field::UnderDay => format!("{:2}", civil.day),
        Field::ZeroDay => format!("{:02}", civil.day),
        Field::UnderYearDay => format!("{:3}", civil.year_day),
        Field::ZeroYearDay => format!("{:03}", civil.year_day),
        Field::Hour => format!("{:02}", civil.hour),
        Field::Hour12 => hour_12.to_string(),
        Field::ZeroHour12 => format!("{hour_12:02}"),
        Field::Minute => civil.minute.to_string(),
        Field::ZeroMinute => format!("{:02}", civil.minute),
        Field::Second => civil.second.to_string(),
        Field::ZeroSecond => format!("{:02}", civil.second),
        Field::LongYear if civil.year < 0 => format!("-{:04}", civil.year.unsigned_abs()),
        Field::LongYear => format!("{:04}", civil.year),
        Field::ShortYear => format!("{:02}", civil.year.unsigned_abs() % 100),
        Field::UpperPm => if civil.hour >= 12 { "PM" } else { "AM" }.to_string(),
        Field::LowerPm => if civil.hour >= 12 { "pm" } else { "am" }.to_string(),
        Field::ZoneName | Field::Offset(_) | Field::Fraction(..) => String::new(),
    }
}

fn push_offset(out: &mut Vec<u8>, offset: i32, form: OffsetForm) {
    if form.zulu && offset == 0 {
        out.push(b'Z');
        return;
    }
    // An offset of less than a minute has no sign.
    let minutes = offset / 60;
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let minutes = minutes.unsigned_abs();
    let parts = [minutes / 60, minutes % 60, offset.unsigned_abs() % 60];
    let parts: Vec<String> = parts
        .iter()
        .take(form.parts)
        .map(|it| format!("{it:02}"))
        .collect();
    let separator = if form.colons { ":" } else { "" };
    out.extend_from_slice(parts.join(separator).as_bytes());
}

fn push_fraction(out: &mut Vec<u8>, nanosecond: i64, separator: u8, digits: usize, trims: bool) {
    if trims && nanosecond == 0 {
        return;
    }
    let text = format!("{nanosecond:09}");
    let text = text.get(..digits).unwrap_or(&text);
    let text = if trims {
        text.trim_end_matches('0')
    } else {
        text
    };
    if !text.is_empty() {
        out.push(separator);
        out.extend_from_slice(text.as_bytes());
    }
}
