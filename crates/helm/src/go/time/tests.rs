use super::*;

#[track_caller]
fn parses(layout: &str, value: &str, expected: &str) {
    let text = match parse(layout.as_bytes(), value.as_bytes()) {
        Ok(time) => time.text(),
        Err(error) => error,
    };
    assert_eq!(text, expected);
}

#[track_caller]
fn formats(seconds: i64, zone: &str, layout: &str, expected: &str) {
    let time = Time::unix(seconds).with_zone(Zone::load(zone).unwrap());
    assert_eq!(
        String::from_utf8(time.format(layout.as_bytes())).unwrap(),
        expected
    );
}

#[test]
fn times_are_formatted_by_layouts() {
    const TIME: i64 = 1_704_164_645;
    formats(
        TIME,
        "UTC",
        "2006-01-02T15:04:05Z07:00",
        "2024-01-02T03:04:05Z",
    );
    formats(
        TIME,
        "UTC",
        "Monday, Jan _2 3:4:5 PM pm 06 __2 002",
        "Tuesday, Jan  2 3:4:5 AM am 24   2 002",
    );
    formats(
        TIME,
        "UTC",
        "Janet Monster Mon _2006 .000 ,999 .0001",
        "Janet Monster Tue _2024 .000  .0001",
    );
    formats(
        TIME,
        "Europe/Berlin",
        "15:04 MST -0700 -07 -070000 Z07:00",
        "04:04 CET +0100 +01 +010000 +01:00",
    );
    formats(
        4_102_444_800,
        "Asia/Kolkata",
        "2006-01-02 15:04 MST -0700",
        "2100-01-01 05:30 IST +0530",
    );
    formats(-ZERO_TO_UNIX, "UTC", "2006-01-02 Mon", "0001-01-01 Mon");
    assert_eq!(Time::zero().text(), "0001-01-01 00:00:00 +0000 UTC");
}

#[test]
fn times_are_parsed_by_layouts() {
    parses("2006-01-02", "2024-02-29", "2024-02-29 00:00:00 +0000 UTC");
    parses(
        "2006-01-02T15:04:05Z07:00",
        "2024-01-02T03:04:05.5+01:00",
        "2024-01-02 03:04:05.5 +0100 +0100",
    );
    parses(
        "Mon Jan _2 15:04:05 MST 2006",
        "tue JAN  2 03:04:05 CET 2024",
        "2024-01-02 03:04:05 +0000 CET",
    );
    parses("2006 002", "2024 060", "2024-02-29 00:00:00 +0000 UTC");
    parses(
        "3:04PM MST",
        "12:30AM GMT+3",
        "0000-01-01 03:30:00 +0300 GMT+3",
    );
}

#[test]
fn errors_have_the_messages_of_go() {
    parses(
        "2006-01-02",
        "2024-02-30",
        "parsing time \"2024-02-30\": day out of range",
    );
    parses(
        "2006-01-02",
        "2024-13-01",
        "parsing time \"2024-13-01\": month out of range",
    );
    parses(
        "2006-01-02",
        "2024/01/02",
        "parsing time \"2024/01/02\" as \"2006-01-02\": cannot parse \"/01/02\" as \"-\"",
    );
    parses(
        "2006-01-02",
        "2024-01-02x",
        "parsing time \"2024-01-02x\": extra text: \"x\"",
    );
    parses(
        "2006",
        "é",
        "parsing time \"\\xc3\\xa9\" as \"2006\": cannot parse \"\\xc3\\xa9\" as \"2006\"",
    );
}

#[test]
fn durations_are_parsed_and_formatted() {
    for (text, expected) in [
        ("1h30m", "1h30m0s"),
        ("-1.5h", "-1h30m0s"),
        ("0", "0s"),
        ("1.5ms", "1.5ms"),
        ("100us", "100µs"),
        ("90s", "1m30s"),
        (".5s1ns", "500.000001ms"),
        ("", "time: invalid duration \"\""),
        ("5", "time: missing unit in duration \"5\""),
        ("5x", "time: unknown unit \"x\" in duration \"5x\""),
        (
            "9223372036854775808ns",
            "time: invalid duration \"9223372036854775808ns\"",
        ),
        ("-9223372036854775808ns", "-2562047h47m16.854775808s"),
    ] {
        let duration = Duration::parse(text.as_bytes());
        assert_eq!(
            duration.map_or_else(|it| it, |it| it.to_string()),
            expected,
            "{text}"
        );
    }
    let half = Duration(1_500_000_000);
    assert_eq!(half.round(Duration(NANOSECONDS)).to_string(), "2s");
}

#[test]
fn dates_are_normalized() {
    let time = parse(b"2006-01-02", b"2024-01-31").unwrap();
    assert_eq!(time.add_date(0, 1, 0).rfc_3339(), "2024-03-02T00:00:00Z");
    assert_eq!(time.add_date(-1, 13, -1).rfc_3339(), "2024-03-01T00:00:00Z");
    assert_eq!(
        time.add(Duration(-1)).rfc_3339(),
        "2024-01-30T23:59:59.999999999Z"
    );
}

#[test]
fn zones_are_found_by_their_exact_names() {
    assert!(Zone::load("europe/berlin").is_none());
    assert!(Zone::load("Mars/Olympus").is_none());
    assert_eq!(Zone::load("US/Eastern").unwrap().name(), "US/Eastern");
}
