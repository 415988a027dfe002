//! Functions on dates and durations.

use super::{ANY, STRING, fail, text};
use crate::go::strconv::{NumberError, parse_int};
use crate::go::time::{Duration, Time, Zone, parse};
use crate::template::{Arguments, Context, Function, FunctionError, Returned, Signature};
use crate::value::{Display, IntType, Method, NamedType, Struct, Type, Value};

const TIME_TYPE: Type = Type::Named(&TIME);
const INT: Type = Type::Int(IntType::Int);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::fixed("ago", &[ANY], |context, it| {
        let now = now(context);
        let time = time_from(it.get(0)).unwrap_or_else(|| now.clone());
        let rounded = now.since(&time).round(Duration(1_000_000_000));
        text(rounded.to_string())
    }),
    Function::fixed("date", &[STRING, ANY], |context, it| {
        formatted(context, it.text(0), it.get(1), b"Local")
    }),
    Function::fixed("dateInZone", &[STRING, ANY, STRING], |context, it| {
        formatted(context, it.text(0), it.get(1), it.text(2))
    }),
    Function::fixed("dateModify", &[STRING, TIME_TYPE], date_modify),
    Function::fixed("date_in_zone", &[STRING, ANY, STRING], |context, it| {
        formatted(context, it.text(0), it.get(1), it.text(2))
    }),
    Function::fixed("date_modify", &[STRING, TIME_TYPE], date_modify),
    Function::fixed("duration", &[ANY], |_, it| {
        let seconds = match it.get(0) {
            Value::String(text) => whole_number(text),
            Value::Int(IntType::Int64, value) => *value,
            _ => 0,
        };
        text(Duration(seconds.wrapping_mul(1_000_000_000)).to_string())
    }),
    Function::fixed("durationRound", &[ANY], duration_round),
    Function::fixed("htmlDate", &[ANY], |context, it| {
        formatted(context, b"2006-01-02", it.get(0), b"Local")
    }),
    Function::fixed("htmlDateInZone", &[ANY, STRING], |context, it| {
        formatted(context, b"2006-01-02", it.get(0), it.text(1))
    }),
    Function::fixed("mustDateModify", &[STRING, TIME_TYPE], must_date_modify),
    Function::fixed("mustToDate", &[STRING, STRING], |_, it| {
        match parse(it.text(0), it.text(1)) {
            Ok(time) => Ok(time_value(time)),
            Err(error) => fail(error),
        }
    }),
    Function::fixed("must_date_modify", &[STRING, TIME_TYPE], must_date_modify),
    Function::fixed("now", &[], |context, _| Ok(time_value(now(context)))),
    Function::fixed("toDate", &[STRING, STRING], |_, it| {
        let time = parse(it.text(0), it.text(1));
        Ok(time_value(time.unwrap_or_else(|_| Time::zero())))
    }),
    Function::fixed("unixEpoch", &[TIME_TYPE], |_, it| {
        let time = time_of(it.get(0)).unwrap_or_else(Time::zero);
        text(time.unix_seconds().to_string())
    }),
];

/// A value of type `time.Time`.
pub(crate) fn time_value(time: Time) -> Value {
    Value::Struct(Struct::with_data(&TIME, Vec::new(), time))
}

/// The time of a value, if it is one.
pub(super) fn time_of(value: &Value) -> Option<Time> {
    match value {
        Value::Struct(object) | Value::Pointer(object) => object.data::<Time>().cloned(),
        _ => None,
    }
}

/// The time of the rendering, which is recorded as not deterministic.
fn now(context: &mut Context<'_>) -> Time {
    let now = Time::unix(context.state.time());
    context.state.record("now", now.text().into());
    now
}

/// A time, or seconds since 1970 as an integer.
fn time_from(value: &Value) -> Option<Time> {
    match value {
        Value::Int(IntType::Int | IntType::Int32 | IntType::Int64, seconds) => {
            Some(Time::unix(*seconds))
        }
        value => time_of(value),
    }
}

/// A value that is not a time counts as now, an unknown zone as UTC.
fn formatted(context: &mut Context<'_>, layout: &[u8], value: &Value, zone: &[u8]) -> Returned {
    let time = time_from(value).unwrap_or_else(|| now(context));
    let zone = std::str::from_utf8(zone).ok().and_then(Zone::load);
    context.charge(layout.len().saturating_mul(10))?;
    text(time.with_zone(zone.unwrap_or(Zone::Utc)).format(layout))
}

/// An invalid duration has no effect.
fn date_modify(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let time = time_of(arguments.get(1)).unwrap_or_else(Time::zero);
    Ok(time_value(match Duration::parse(arguments.text(0)) {
        Ok(duration) => time.add(duration),
        Err(_) => time,
    }))
}

fn must_date_modify(_: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let time = time_of(arguments.get(1)).unwrap_or_else(Time::zero);
    match Duration::parse(arguments.text(0)) {
        Ok(duration) => Ok(time_value(time.add(duration))),
        Err(error) => fail(error),
    }
}

/// A decimal number. A number that is too large becomes the maximum, anything else 0.
fn whole_number(text: &[u8]) -> i64 {
    match parse_int(text, 10) {
        Ok(value) | Err(NumberError::Range(value)) => value,
        Err(NumberError::Syntax) => 0,
    }
}

/// Rounds to the largest unit that occurs more than once.
fn duration_round(context: &mut Context<'_>, arguments: Arguments<'_>) -> Returned {
    let Duration(nanoseconds) = match arguments.get(0) {
        Value::String(text) => Duration::parse(text).unwrap_or(Duration(0)),
        Value::Int(IntType::Int64, value) => Duration(*value),
        value => match time_of(value) {
            Some(time) => now(context).since(&time),
            None => Duration(0),
        },
    };
    const SECOND: u64 = 1_000_000_000;
    const DAY: u64 = 86_400 * SECOND;
    let size = nanoseconds.unsigned_abs();
    let units = [
        (365 * DAY, "y"),
        (30 * DAY, "mo"),
        (DAY, "d"),
        (3600 * SECOND, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    match units.iter().find(|it| size > it.0) {
        Some((unit, name)) => text(format!("{}{name}", size / unit)),
        None => text("0s"),
    }
}

/// The Go type `time.Time`.
static TIME: NamedType = NamedType {
    name: "time.Time",
    underlying: Type::Struct(&[]),
    methods: TIME_METHODS,
    display: Some(Display {
        text: |value| time(value).text().into(),
        on_pointer: false,
    }),
    go_string: None,
};

static DURATION: NamedType = NamedType {
    name: "time.Duration",
    underlying: Type::Int(IntType::Int64),
    methods: &[
        method("Hours", NONE, |_, it, _| {
            Ok(Value::Float(seconds_of(it) / 3600.0))
        }),
        method("Minutes", NONE, |_, it, _| {
            Ok(Value::Float(seconds_of(it) / 60.0))
        }),
        method("Seconds", NONE, |_, it, _| Ok(Value::Float(seconds_of(it)))),
        method("Milliseconds", NONE, |_, it, _| {
            Ok(Value::int64(nanoseconds_of(it) / 1_000_000))
        }),
        method("Microseconds", NONE, |_, it, _| {
            Ok(Value::int64(nanoseconds_of(it) / 1_000))
        }),
        method("Nanoseconds", NONE, |_, it, _| {
            Ok(Value::int64(nanoseconds_of(it)))
        }),
        method("Abs", NONE, |_, it, _| {
            Ok(duration(Duration(nanoseconds_of(it).saturating_abs())))
        }),
        method(
            "Round",
            Signature::fixed(&ONE_DURATION),
            |_, it, arguments| {
                let unit = arguments.first().map_or(0, nanoseconds_of);
                Ok(duration(Duration(nanoseconds_of(it)).round(Duration(unit))))
            },
        ),
        method(
            "Truncate",
            Signature::fixed(&ONE_DURATION),
            |_, it, arguments| {
                let unit = arguments.first().map_or(0, nanoseconds_of);
                let rest = if unit > 0 {
                    nanoseconds_of(it) % unit
                } else {
                    0
                };
                Ok(duration(Duration(nanoseconds_of(it) - rest)))
            },
        ),
        method("String", NONE, |_, it, _| {
            text(Duration(nanoseconds_of(it)).to_string())
        }),
    ],
    display: Some(Display {
        text: |value| Duration(nanoseconds_of(value)).to_string().into(),
        on_pointer: false,
    }),
    go_string: None,
};

static MONTH: NamedType = NamedType {
    name: "time.Month",
    underlying: Type::Int(IntType::Int),
    methods: &[method("String", NONE, |_, it, _| text(month_name(it)))],
    display: Some(Display {
        text: |value| month_name(value).into(),
        on_pointer: false,
    }),
    go_string: None,
};

static WEEK_DAY: NamedType = NamedType {
    name: "time.Weekday",
    underlying: Type::Int(IntType::Int),
    methods: &[method("String", NONE, |_, it, _| text(week_day_name(it)))],
    display: Some(Display {
        text: |value| week_day_name(value).into(),
        on_pointer: false,
    }),
    go_string: None,
};

static LOCATION: NamedType = NamedType {
    name: "time.Location",
    underlying: Type::Struct(&[]),
    methods: &[method("String", NONE, |_, it, _| text(location_name(it)))],
    display: Some(Display {
        text: |value| location_name(value).into(),
        on_pointer: true,
    }),
    go_string: None,
};

const NONE: Signature = Signature::fixed(&[]);
// Statics, because these types have methods with parameters of the same types.
static ONE_TIME: [Type; 1] = [Type::Named(&TIME)];
static ONE_DURATION: [Type; 1] = [Type::Int(IntType::Named(&DURATION))];

static TIME_METHODS: &[Method] = &[
    method(
        "Add",
        Signature::fixed(&ONE_DURATION),
        |_, it, arguments| {
            let duration = Duration(arguments.first().map_or(0, nanoseconds_of));
            Ok(time_value(time(it).add(duration)))
        },
    ),
    method(
        "AddDate",
        Signature::fixed(&[INT, INT, INT]),
        |_, it, arguments| {
            let number = |at: usize| match arguments.get(at) {
                Some(Value::Int(_, value)) => *value,
                _ => 0,
            };
            Ok(time_value(time(it).add_date(
                number(0),
                number(1),
                number(2),
            )))
        },
    ),
    method("After", Signature::fixed(&ONE_TIME), |_, it, arguments| {
        Ok(Value::Bool(order(it, arguments).is_gt()))
    }),
    method("Before", Signature::fixed(&ONE_TIME), |_, it, arguments| {
        Ok(Value::Bool(order(it, arguments).is_lt()))
    }),
    method(
        "Compare",
        Signature::fixed(&ONE_TIME),
        |_, it, arguments| Ok(Value::int(order(it, arguments) as i64)),
    ),
    method("Day", NONE, |_, it, _| Ok(Value::int(time(it).civil().day))),
    method("Equal", Signature::fixed(&ONE_TIME), |_, it, arguments| {
        Ok(Value::Bool(order(it, arguments).is_eq()))
    }),
    method(
        "Format",
        Signature::fixed(&[STRING]),
        |context, it, arguments| {
            let layout = arguments
                .first()
                .and_then(Value::as_str)
                .cloned()
                .unwrap_or_default();
            context.charge(layout.len().saturating_mul(10))?;
            text(time(it).format(&layout))
        },
    ),
    method("Hour", NONE, |_, it, _| {
        Ok(Value::int(time(it).civil().hour))
    }),
    method("IsZero", NONE, |_, it, _| {
        Ok(Value::Bool(time(it).is_zero()))
    }),
    method("Local", NONE, |_, it, _| {
        Ok(time_value(time(it).with_zone(Zone::Local)))
    }),
    method("Location", NONE, |_, it, _| {
        let name = time(it).zone().name().to_string();
        Ok(Value::Pointer(Struct::with_data(
            &LOCATION,
            Vec::new(),
            name,
        )))
    }),
    method("Minute", NONE, |_, it, _| {
        Ok(Value::int(time(it).civil().minute))
    }),
    method("Month", NONE, |_, it, _| {
        let month = time(it).civil().month;
        Ok(Value::Int(IntType::Named(&MONTH), month))
    }),
    method("Nanosecond", NONE, |_, it, _| {
        Ok(Value::int(time(it).nanosecond()))
    }),
    method(
        "Round",
        Signature::fixed(&ONE_DURATION),
        |_, it, arguments| Ok(time_value(rounded(&time(it), arguments, true))),
    ),
    method("Second", NONE, |_, it, _| {
        Ok(Value::int(time(it).civil().second))
    }),
    method("String", NONE, |_, it, _| text(time(it).text())),
    method("Sub", Signature::fixed(&ONE_TIME), |_, it, arguments| {
        Ok(duration(time(it).since(&first_time(arguments))))
    }),
    method(
        "Truncate",
        Signature::fixed(&ONE_DURATION),
        |_, it, arguments| Ok(time_value(rounded(&time(it), arguments, false))),
    ),
    method("UTC", NONE, |_, it, _| {
        Ok(time_value(time(it).with_zone(Zone::Utc)))
    }),
    method("Unix", NONE, |_, it, _| {
        Ok(Value::int64(time(it).unix_seconds()))
    }),
    method("UnixMicro", NONE, |_, it, _| Ok(since_1970(it, 1_000_000))),
    method("UnixMilli", NONE, |_, it, _| Ok(since_1970(it, 1_000))),
    method("UnixNano", NONE, |_, it, _| {
        Ok(since_1970(it, 1_000_000_000))
    }),
    method("Weekday", NONE, |_, it, _| {
        let day = time(it).civil().week_day as i64;
        Ok(Value::Int(IntType::Named(&WEEK_DAY), day))
    }),
    method("Year", NONE, |_, it, _| {
        Ok(Value::int(time(it).civil().year))
    }),
    method("YearDay", NONE, |_, it, _| {
        Ok(Value::int(time(it).civil().year_day))
    }),
];

const fn method(
    name: &'static str,
    signature: Signature,
    call: fn(&mut Context<'_>, &Value, &[Value]) -> Result<Value, FunctionError>,
) -> Method {
    Method {
        name,
        signature,
        on_pointer: false,
        call,
    }
}

fn time(value: &Value) -> Time {
    time_of(value).unwrap_or_else(Time::zero)
}

fn duration(duration: Duration) -> Value {
    Value::Int(IntType::Named(&DURATION), duration.0)
}

fn nanoseconds_of(value: &Value) -> i64 {
    match value {
        Value::Int(_, value) => *value,
        _ => 0,
    }
}

#[allow(clippy::cast_precision_loss, reason = "as Go converts it")]
fn seconds_of(value: &Value) -> f64 {
    let nanoseconds = nanoseconds_of(value);
    let (whole, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
    whole as f64 + rest as f64 / 1e9
}

fn first_time(arguments: &[Value]) -> Time {
    arguments.first().map_or_else(Time::zero, time)
}

fn order(value: &Value, arguments: &[Value]) -> std::cmp::Ordering {
    time(value).compare(&first_time(arguments))
}

fn since_1970(value: &Value, unit: i64) -> Value {
    let time = time(value);
    let fraction = time.nanosecond() / (1_000_000_000 / unit);
    let whole = time.unix_seconds().wrapping_mul(unit);
    Value::int64(whole.wrapping_add(fraction))
}

/// Rounds to a multiple of a duration since Go's zero time, down unless `to_nearest`.
fn rounded(time: &Time, arguments: &[Value], to_nearest: bool) -> Time {
    let unit = i128::from(arguments.first().map_or(0, nanoseconds_of));
    if unit <= 0 {
        return time.clone();
    }
    let seconds = i128::from(time.unix_seconds()) - i128::from(Time::zero().unix_seconds());
    let all = seconds * 1_000_000_000 + i128::from(time.nanosecond());
    let rest = all.rem_euclid(unit);
    let difference = match to_nearest && rest * 2 >= unit {
        true => unit - rest,
        false => -rest,
    };
    time.add(Duration(i64::try_from(difference).unwrap_or(0)))
}

/// 1 January 2006, which was a Sunday.
fn first_sunday_of_2006() -> Time {
    Time::unix(1_136_073_600)
}

fn month_name(value: &Value) -> String {
    match value {
        Value::Int(_, month) => formatted_name(
            &first_sunday_of_2006().add_date(0, month - 1, 0),
            b"January",
        ),
        _ => String::new(),
    }
}

fn week_day_name(value: &Value) -> String {
    match value {
        Value::Int(_, day) => {
            formatted_name(&first_sunday_of_2006().add_date(0, 0, *day), b"Monday")
        }
        _ => String::new(),
    }
}

fn formatted_name(time: &Time, layout: &[u8]) -> String {
    String::from_utf8_lossy(&time.format(layout)).into_owned()
}

fn location_name(value: &Value) -> String {
    match value {
        Value::Pointer(object) => object.data::<String>().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
