//! Dates in plain scalars, by the rules of go-yaml.

/// The date in the format of RFC 3339, if the text is a date: `Y-M-D`, with a time after `T` and a zone, or with a time after a
/// blank and without a zone.
pub(super) fn rfc_3339(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let looks_so =
        // The same check as in go-yaml: a year has exactly four digits.
        bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-';
    if !looks_so {
        return None;
    }
    let (year, rest) = (text.get(..4)?, text.get(5..)?);
    let (month, rest) = rest.split_once('-')?;
    let (day, time) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    let (month, day) = (number(month)?, number(day)?);
    if !(1..=12).contains(&month) || day == 0 || day > days(year.parse().ok()?, month) {
        return None;
    }
    let time = match time.as_bytes().first() {
        None => "00:00:00Z".to_string(),
        Some(b'T' | b't') => clock_and_zone(&time[1..])?,
        // In go-yaml, the layout with a blank has no zone and is UTC.
        Some(b' ') => clock(&time[1..])? + "Z",
        Some(_) => return None,
    };
    Some(format!("{year}-{month:02}-{day:02}T{time}"))
}

fn number(text: &str) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Hours, minutes, seconds and up to nine digits of their fraction.
fn clock(text: &str) -> Option<String> {
    let (whole, fraction) = text
        .split_once(['.', ','])
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut parts = whole.split(':');
    let (hour, minute, second) = (
        number(parts.next()?)?,
        number(parts.next()?)?,
        number(parts.next()?)?,
    );
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match fraction {
        Some(it) if it.is_empty() || !it.bytes().all(|byte| byte.is_ascii_digit()) => return None,
        // Go prints fractions of up to nine digits without trailing zeros.
        Some(it) => it[..it.len().min(9)].trim_end_matches('0'),
        None => "",
    };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!(
        "{hour:02}:{minute:02}:{second:02}{point}{fraction}"
    ))
}

fn clock_and_zone(text: &str) -> Option<String> {
    if let Some(text) = text.strip_suffix('Z') {
        return Some(clock(text)? + "Z");
    }
    let (text, zone) = text.split_at(text.rfind(['+', '-'])?);
    let (hours, minutes) = zone[1..].split_once(':')?;
    let valid =
        // Go accepts a zone of 24 hours.
        hours.len() == 2 && minutes.len() == 2 && number(hours)? <= 24 && number(minutes)? <= 59;
    let zone = if zone[1..] == *"00:00" { "Z" } else { zone };
    valid.then(|| clock(text).map(|clock| clock + zone))?
}

#[cfg(test)]
mod tests {
    use super::rfc_3339;

    #[test]
    fn dates() {
        for (text, expected) in [
            ("2001-01-01", Some("2001-01-01T00:00:00Z")),
            ("2001-1-1", Some("2001-01-01T00:00:00Z")),
            (
                "2001-12-14t21:59:43.10-05:00",
                Some("2001-12-14T21:59:43.1-05:00"),
            ),
            ("2001-12-14 21:59:43", Some("2001-12-14T21:59:43Z")),
            ("2000-02-29T1:2:3+00:00", Some("2000-02-29T01:02:03Z")),
            ("2001-02-29", None),
            ("2001-12-14 21:59:43.10 -5", None),
            ("2001-01-01T00:00:00", None),
            ("12345-01-01", None),
        ] {
            assert_eq!(rfc_3339(text).as_deref(), expected, "{text}");
        }
    }
}
