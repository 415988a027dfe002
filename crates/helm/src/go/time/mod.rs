//! Go's package `time`: layouts, parsing with its error messages, durations and zones.

mod civil;
mod duration;
mod format;
mod layout;
mod parse;
mod zone;

pub(crate) use duration::Duration;
pub(crate) use parse::parse;
pub(crate) use zone::Zone;

use std::cmp::Ordering;

use civil::Civil;

/// Seconds from Go's zero time, 1 January of year 1, to 1970.
const ZERO_TO_UNIX: i64 = 62_135_596_800;
const NANOSECONDS: i64 = 1_000_000_000;

/// A point in time with a zone. Times are equal as in Go's `==`: with equal zones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Time {
    seconds: i64,
    nanoseconds: i64,
    zone: Zone,
}

impl Time {
    pub(crate) fn zero() -> Time {
        Time::new(-ZERO_TO_UNIX, 0, Zone::Utc)
    }

    /// From seconds since 1970, in the local zone.
    pub(crate) fn unix(seconds: i64) -> Time {
        Time::new(seconds, 0, Zone::Local)
    }

    /// `nanoseconds` must be below 1,000,000,000.
    fn new(seconds: i64, nanoseconds: i64, zone: Zone) -> Time {
        Time {
            seconds,
            nanoseconds,
            zone,
        }
    }

    /// From a date and a time of day in a zone. Around changes of the clock, the offset is chosen as in Go.
    fn from_civil(civil: &Civil, zone: Zone) -> Time {
        let seconds = civil.seconds();
        let (_, guess) = zone.at(seconds);
        let (_, offset) = zone.at(seconds.wrapping_sub(i64::from(guess)));
        Time::new(
            seconds.wrapping_sub(i64::from(offset)),
            civil.nanosecond,
            zone,
        )
    }

    /// The same time in another zone.
    pub(crate) fn with_zone(&self, zone: Zone) -> Time {
        Time {
            zone,
            ..self.clone()
        }
    }

    pub(crate) fn unix_seconds(&self) -> i64 {
        self.seconds
    }

    /// The fraction of the second.
    pub(crate) fn nanosecond(&self) -> i64 {
        self.nanoseconds
    }

    pub(crate) fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether this is Go's zero value.
    pub(crate) fn is_zero(&self) -> bool {
        self.seconds == -ZERO_TO_UNIX && self.nanoseconds == 0
    }

    pub(crate) fn add(&self, duration: Duration) -> Time {
        let Duration(nanoseconds) = duration;
        let sum = self.nanoseconds + nanoseconds % NANOSECONDS;
        let carry = nanoseconds / NANOSECONDS + sum.div_euclid(NANOSECONDS);
        Time::new(
            self.seconds.wrapping_add(carry),
            sum.rem_euclid(NANOSECONDS),
            self.zone.clone(),
        )
    }

    /// Adds years, months and days.
    pub(crate) fn add_date(&self, years: i64, months: i64, days: i64) -> Time {
        let civil = self.civil();
        let moved = civil.plus(years, months, days);
        Time::from_civil(&moved, self.zone.clone())
    }

    /// The duration since an earlier time, limited to the maximum.
    pub(crate) fn since(&self, earlier: &Time) -> Duration {
        let seconds = i128::from(self.seconds) - i128::from(earlier.seconds);
        let nanoseconds = i128::from(self.nanoseconds - earlier.nanoseconds);
        let all = seconds * i128::from(NANOSECONDS) + nanoseconds;
        let limit = if all < 0 { i64::MIN } else { i64::MAX };
        Duration(i64::try_from(all).unwrap_or(limit))
    }

    /// Compares two times, independent of zones.
    pub(crate) fn compare(&self, other: &Time) -> Ordering {
        let parts = |it: &Time| (it.seconds, it.nanoseconds);
        parts(self).cmp(&parts(other))
    }

    /// The date and the time of day in its zone.
    pub(crate) fn civil(&self) -> Civil {
        let (_, offset) = self.zone.at(self.seconds);
        Civil::at(
            self.seconds.wrapping_add(i64::from(offset)),
            self.nanoseconds,
        )
    }

    /// Formats the time with a Go layout.
    pub(crate) fn format(&self, layout: &[u8]) -> Vec<u8> {
        format::format(self, layout)
    }

    /// The text as printed by Go.
    pub(crate) fn text(&self) -> String {
        let text = self.format(b"2006-01-02 15:04:05.999999999 -0700 MST");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The format of RFC 3339, for JSON, YAML and TOML.
    pub(crate) fn rfc_3339(&self) -> String {
        let text = self.format(b"2006-01-02T15:04:05.999999999Z07:00");
        String::from_utf8_lossy(&text).into_owned()
    }
}

#[cfg(test)]
mod tests;
