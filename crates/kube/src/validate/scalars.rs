//! Times, durations, addresses and base64, as in Go's standard library.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether a text is a time of RFC 3339 for Go's `time.Parse`.
pub(super) fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| -> Option<u32> {
        let part = text.get(from..to)?;
        part.bytes()
            .all(|it| it.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let at = |index: usize, byte: u8| bytes.get(index) == Some(&byte);
    let date = || -> Option<bool> {
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        Some(
            (1..=12).contains(&month)
                && (1..=days_in(year, month)).contains(&day)
                && hour < 24
                && minute < 60
                && second < 60,
        )
    };
    let marks = at(4, b'-') && at(7, b'-') && at(10, b'T') && at(13, b':') && at(16, b':');
    if !marks || date() != Some(true) {
        return false;
    }
    let mut rest = text.get(19..).unwrap_or("");
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = fraction.get(digits..).unwrap_or("");
    }
    is_zone(rest)
}

/// Seconds and nanoseconds since 1970 of a time of RFC 3339.
pub(super) fn unix_time(text: &str) -> Option<(i64, i32)> {
    if !is_rfc3339(text) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days of the calendar, counted from March, so that leap days come last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let rest = text.get(19..)?;
    let zone_at = rest.find(['Z', '+', '-'])?;
    let (fraction, zone) = rest.split_at(zone_at);
    let digits: String = fraction
        .chars()
        .skip(1)
        .chain("000000000".chars())
        .take(9)
        .collect();
    let offset = match zone {
        "Z" => 0,
        _ => {
            let minutes =
                zone.get(1..3)?.parse::<i64>().ok()? * 60 + zone.get(4..6)?.parse::<i64>().ok()?;
            if zone.starts_with('-') {
                -minutes
            } else {
                minutes
            }
        }
    };
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset * 60;
    Some((seconds, digits.parse().ok()?))
}

fn is_zone(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes {
        b"Z" => true,
        [b'+' | b'-', a, b, b':', c, d] => {
            let two = |a: &u8, b: &u8| {
                (a.is_ascii_digit() && b.is_ascii_digit()).then(|| (a - b'0') * 10 + (b - b'0'))
            };
            two(a, b).is_some_and(|it| it <= 24) && two(c, d).is_some_and(|it| it < 60)
        }
        _ => false,
    }
}

pub(super) fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A duration in nanoseconds, as parsed by Go's `time.ParseDuration`.
pub(super) fn go_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_end = rest
            .bytes()
            .take_while(|it| it.is_ascii_digit() || *it == b'.')
            .count();
        let (number, after) = rest.split_at_checked(number_end)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return None;
        }
        let unit_end = after
            .find(|it: char| it.is_ascii_digit() || it == '.')
            .unwrap_or(after.len());
        let (unit, next) = after.split_at_checked(unit_end)?;
        let scale: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        total = total.checked_add(whole.checked_mul(scale)?)?;
        if !fraction.is_empty() {
            let part: f64 = format!("0.{fraction}").parse().ok()?;
            total = total.checked_add((part * scale as f64) as i128)?;
        }
        rest = next;
    }
    let signed = if negative { -total } else { total };
    i64::try_from(signed).ok()
}

/// A Go duration, or the more lenient form of go-openapi (`3 days`), for `format: duration` in a CRD.
pub(super) fn openapi_duration(text: &str) -> bool {
    if go_duration(text).is_some() {
        return true;
    }
    let mut rest = text;
    while let Some(start) = rest.find(|it: char| it.is_ascii_digit()) {
        let number = rest.get(start..).unwrap_or("");
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        let after = number.get(digits..).unwrap_or("").trim_start();
        let letters: usize = after
            .chars()
            .take_while(|it| it.is_ascii_alphabetic() || *it == 'µ')
            .map(char::len_utf8)
            .sum();
        let unit = after.get(..letters).unwrap_or("").to_lowercase();
        if is_openapi_unit(&unit) {
            return true;
        }
        rest = after.get(letters..).unwrap_or("");
        if letters == 0 && after.is_empty() {
            break;
        }
    }
    false
}

fn is_openapi_unit(unit: &str) -> bool {
    const EXACT: [&str; 12] = [
        "ns", "us", "µs", "ms", "s", "sec", "m", "min", "h", "hr", "d", "w",
    ];
    const BEGINNINGS: [&str; 8] = [
        "nano", "micro", "milli", "second", "minute", "hour", "day", "week",
    ];
    EXACT.contains(&unit) || unit == "wk" || BEGINNINGS.iter().any(|it| unit.starts_with(it))
}

/// The decoded length of standard base64 with padding; line ends are ignored, as in Go's decoder.
pub(super) fn base64_length(text: &str) -> Option<usize> {
    let mut symbols = 0usize;
    let mut padding = 0usize;
    for byte in text.bytes() {
        match byte {
            b'\n' | b'\r' => {}
            b'=' => padding += 1,
            b'+' | b'/' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' if padding == 0 => symbols += 1,
            _ => return None,
        }
    }
    let holds = (symbols + padding).is_multiple_of(4) && padding <= 2 && symbols % 4 != 1;
    let holds = holds && (padding == 0 || symbols % 4 + padding == 4);
    holds.then_some(symbols / 4 * 3 + (symbols % 4).saturating_sub(1))
}

/// The bytes of standard base64.
pub(super) fn base64_decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(base64_length(text)?);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for symbol in text.bytes() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => continue,
        };
        buffer = (buffer << 6 | u32::from(value)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// An IP address in older fields of Kubernetes, where numbers may have leading zeros.
pub(super) fn ip_sloppy(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return ipv6_sloppy(text).map(IpAddr::V6);
    }
    ipv4_sloppy(text).map(IpAddr::V4)
}

fn ipv4_sloppy(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        let digits = !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
        *octet = digits
            .then(|| part.trim_start_matches('0'))
            .map(|it| if it.is_empty() { "0" } else { it })?
            .parse()
            .ok()?;
    }
    parts.next().is_none().then(|| Ipv4Addr::from(octets))
}

fn ipv6_sloppy(text: &str) -> Option<Ipv6Addr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    // The last 32 bits may be an IPv4 address with leading zeros.
    let (head, tail) = text.rsplit_once(':')?;
    format!("{head}:{}", ipv4_sloppy(tail)?).parse().ok()
}

/// A network in CIDR notation: its address and length.
pub(super) fn cidr_sloppy(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    let address = ip_sloppy(address)?;
    let digits = !bits.is_empty() && bits.bytes().all(|it| it.is_ascii_digit());
    let bits: u8 = bits.parse().ok().filter(|_| digits)?;
    let max = if address.is_ipv4() { 32 } else { 128 };
    (bits <= max).then_some((address, bits))
}

/// An IP address without leading zeros.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// A network in CIDR notation, strictly.
pub(super) fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/')?;
    ip(address)?;
    let canonical = bits == "0" || !bits.starts_with('0');
    cidr_sloppy(text).filter(|_| canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, holds) in [
            ("2026-01-31T12:00:00Z", true),
            ("2026-01-31T12:00:00.5+02:00", true),
            ("2026-02-29T12:00:00Z", false),
            ("2024-02-29T12:00:00Z", true),
            ("2026-01-31T12:00:00", false),
            ("2026-01-31 12:00:00Z", false),
            ("2026-01-31", false),
            ("2026-01-31T24:00:00Z", false),
        ] {
            assert_eq!(is_rfc3339(text), holds, "{text}");
        }
    }

    #[test]
    fn unix_times() {
        assert_eq!(unix_time("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(
            unix_time("2024-02-29T12:00:00.5+02:00"),
            Some((1_709_200_800, 500_000_000))
        );
        assert_eq!(unix_time("yesterday"), None);
    }

    #[test]
    fn durations() {
        for (text, nanos) in [
            ("1h30m", Some(5_400_000_000_000)),
            ("1.5s", Some(1_500_000_000)),
            (".5s", Some(500_000_000)),
            ("0", Some(0)),
            ("-2µs", Some(-2000)),
            ("5", None),
            ("s", None),
            ("2 s", None),
            ("", None),
            ("9999999999h", None),
        ] {
            assert_eq!(go_duration(text), nanos, "{text}");
        }
        assert!(openapi_duration("3 days"));
        assert!(!openapi_duration("three"));
    }

    #[test]
    fn base64() {
        for (text, length) in [
            ("YWJj", Some(3)),
            ("YQ==", Some(1)),
            ("YQ", None),
            ("Y===", None),
            ("YW\nJj", Some(3)),
            ("a b", None),
            ("", Some(0)),
        ] {
            assert_eq!(base64_length(text), length, "{text:?}");
        }
        assert_eq!(base64_decode("YWJjZA==").unwrap(), b"abcd");
    }

    #[test]
    fn addresses() {
        assert!(ip_sloppy("010.0.0.1").is_some());
        assert!(ip("010.0.0.1").is_none());
        assert!(ip_sloppy("::ffff:1.2.3.4").is_some());
        assert!(cidr_sloppy("10.0.0.0/33").is_none());
        assert!(cidr_sloppy("10.0.0.0/8").is_some());
        assert!(ip_sloppy("1.2.3").is_none());
    }
}
