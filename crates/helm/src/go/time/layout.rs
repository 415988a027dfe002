//! Layouts of times: Go's reference time is Monday, 2 January 2006, 15:04:05 MST.

/// A field of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    LongMonth,
    ShortMonth,
    Month,
    ZeroMonth,
    LongWeekDay,
    ShortWeekDay,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    ShortYear,
    UpperPm,
    LowerPm,
    ZoneName,
    Offset(OffsetForm),
    /// A fraction of a second: its separator, the number of digits, and whether trailing zeros are omitted.
    Fraction(u8, usize, bool),
}

/// The format of an offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetForm {
    /// Whether `Z` means UTC.
    pub(super) zulu: bool,
    pub(super) colons: bool,
    /// The number of parts: hours, minutes, seconds.
    pub(super) parts: usize,
}

/// Texts that are always a field, longer ones first.
const FIXED: &[(&[u8], Field)] = &[
    (b"January", Field::LongMonth),
    (b"Monday", Field::LongWeekDay),
    (b"MST", Field::ZoneName),
    (b"01", Field::ZeroMonth),
    (b"02", Field::ZeroDay),
    (b"03", Field::ZeroHour12),
    (b"04", Field::ZeroMinute),
    (b"05", Field::ZeroSecond),
    (b"06", Field::ShortYear),
    (b"002", Field::ZeroYearDay),
    (b"15", Field::Hour),
    (b"1", Field::Month),
    (b"2006", Field::LongYear),
    (b"2", Field::Day),
    (b"__2", Field::UnderYearDay),
    (b"3", Field::Hour12),
    (b"4", Field::Minute),
    (b"5", Field::Second),
    (b"PM", Field::UpperPm),
    (b"pm", Field::LowerPm),
];

/// Offsets after their `-` or `Z`, in the order in which they are tried.
const OFFSETS: &[(&[u8], bool, usize)] = &[
    (b"070000", false, 3),
    (b"07:00:00", true, 3),
    (b"0700", false, 2),
    (b"07:00", true, 2),
    (b"07", false, 1),
];

/// The part of a layout up to the next field, the field, and the rest.
pub(super) struct Chunk<'l> {
    pub(super) prefix: &'l [u8],
    pub(super) field: Option<Field>,
    /// The text of the field in the layout.
    pub(super) text: &'l [u8],
    pub(super) rest: &'l [u8],
}

/// Splits a layout after its first field.
pub(super) fn next_chunk(layout: &[u8]) -> Chunk<'_> {
    for at in 0..layout.len() {
        let (prefix, from) = layout.split_at(at);
        if let Some((field, length)) = field_at(from) {
            let (text, rest) = from.split_at(length.min(from.len()));
            return Chunk {
                prefix,
                field: Some(field),
                text,
                rest,
            };
        }
    }
    Chunk {
        prefix: layout,
        field: None,
        text: b"",
        rest: b"",
    }
}

/// The field at the beginning of a text, and its length.
fn field_at(text: &[u8]) -> Option<(Field, usize)> {
    if let Some(rest) = text.strip_prefix(b"_2") {
        // `_2006` is an underscore and a year.
        return (!rest.starts_with(b"006")).then_some((Field::UnderDay, 2));
    }
    if let Some((fixed, field)) = FIXED.iter().find(|it| text.starts_with(it.0)) {
        return Some((*field, fixed.len()));
    }
    for (short, field) in [
        (&b"Jan"[..], Field::ShortMonth),
        (&b"Mon"[..], Field::ShortWeekDay),
    ] {
        if let Some(rest) = text.strip_prefix(short) {
            return (!rest.first().is_some_and(u8::is_ascii_lowercase)).then_some((field, 3));
        }
    }
    match text {
        [sign @ (b'-' | b'Z'), rest @ ..] => {
            let (form, colons, parts) = OFFSETS.iter().find(|it| rest.starts_with(it.0))?;
            let offset = OffsetForm {
                zulu: *sign == b'Z',
                colons: *colons,
                parts: *parts,
            };
            Some((Field::Offset(offset), form.len() + 1))
        }
        [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] => {
            let digits = text.iter().skip(1).take_while(|it| *it == digit).count();
            let is_end = !text.get(digits + 1).is_some_and(u8::is_ascii_digit);
            let field = Field::Fraction(*separator, digits, *digit == b'9');
            is_end.then_some((field, digits + 1))
        }
        _ => None,
    }
}
