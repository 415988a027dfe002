//! Time zones, from a database in the program, because that of the machine is not an input.

use jiff::Timestamp;
use jiff::tz::TimeZone;

#[derive(Clone, Debug)]
pub(crate) enum Zone {
    /// UTC, which is also the local zone.
    Utc,
    /// A name, which may be empty, and an offset in seconds.
    Fixed(String, i32),
    /// A zone from the time zone database.
    Named(TimeZone),
}

impl Zone {
    /// The zone with a name in the database, if it exists. Names are case-sensitive, as in Go, which looks for files.
    pub(crate) fn load(name: &str) -> Option<Zone> {
        if matches!(name, "" | "UTC" | "Local") {
            return Some(Zone::Utc);
        }
        let zone = jiff::tz::db().get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Zone::Named(zone))
    }

    /// Go's name of the zone.
    pub(crate) fn name(&self) -> &str {
        match self {
            Zone::Utc => "UTC",
            Zone::Fixed(name, _) => name,
            Zone::Named(zone) => zone.iana_name().unwrap_or(""),
        }
    }

    /// The abbreviation and the offset in seconds at a time, in seconds since 1970.
    pub(super) fn at(&self, seconds: i64) -> (String, i32) {
        match self {
            Zone::Utc => ("UTC".to_string(), 0),
            Zone::Fixed(name, offset) => (name.clone(), *offset),
            Zone::Named(zone) => {
                let limits = Timestamp::MIN.as_second()..=Timestamp::MAX.as_second();
                let seconds = seconds.clamp(*limits.start(), *limits.end());
                let time = Timestamp::from_second(seconds).unwrap_or_default();
                let info = zone.to_offset_info(time);
                (info.abbreviation().to_string(), info.offset().seconds())
            }
        }
    }
}
