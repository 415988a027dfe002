//! Time zones, from a database in the program, because that of the machine is not an input.

use std::rc::Rc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

#[derive(Clone, Debug)]
pub(crate) enum Zone {
    Utc,
    /// The local zone: UTC under another name, because the zone of the machine is not an input.
    Local,
    /// A name, which may be empty, and an offset in seconds.
    Fixed(Rc<(String, i32)>),
    /// A zone from the time zone database.
    Named(TimeZone),
}

impl Zone {
    /// The zone with a name in the database, if it exists. Names are case-sensitive, as in Go, which looks for files.
    pub(crate) fn load(name: &str) -> Option<Zone> {
        match name {
            "" | "UTC" => return Some(Zone::Utc),
            "Local" => return Some(Zone::Local),
            _ => {}
        }
        let zone = jiff::tz::db().get(name).ok()?;
        (zone.iana_name() == Some(name)).then_some(Zone::Named(zone))
    }

    pub(crate) fn fixed(name: impl Into<String>, offset: i32) -> Zone {
        Zone::Fixed(Rc::new((name.into(), offset)))
    }

    /// Go's name of the zone.
    pub(crate) fn name(&self) -> &str {
        match self {
            Zone::Utc => "UTC",
            Zone::Local => "Local",
            Zone::Fixed(zone) => &zone.0,
            Zone::Named(zone) => zone.iana_name().unwrap_or(""),
        }
    }

    /// The abbreviation and the offset in seconds at a time, in seconds since 1970.
    pub(super) fn at(&self, seconds: i64) -> (String, i32) {
        match self {
            Zone::Utc | Zone::Local => ("UTC".to_string(), 0),
            Zone::Fixed(zone) => (**zone).clone(),
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

/// The hours of fixed zones without a name that Go shares.
const SHARED_HOURS: std::ops::RangeInclusive<i32> = -12..=14;

/// Equal pointers in Go: fixed zones are created with each time, except those without a name that Go shares.
impl PartialEq for Zone {
    fn eq(&self, other: &Zone) -> bool {
        match (self, other) {
            (Zone::Utc, Zone::Utc) | (Zone::Local, Zone::Local) => true,
            (Zone::Fixed(a), Zone::Fixed(b)) => {
                let (name, offset) = &**a;
                let is_shared = name.is_empty()
                    && offset % 3600 == 0
                    && SHARED_HOURS.contains(&(offset / 3600));
                Rc::ptr_eq(a, b) || is_shared && a == b
            }
            (Zone::Named(a), Zone::Named(b)) => a == b,
            _ => false,
        }
    }
}
