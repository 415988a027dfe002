//! Schedules of CronJobs, as in `ParseStandard` of robfig/cron, and time zones.

use crate::validate::scalars::go_duration;

/// A field of a schedule: minimum, maximum, and names of numbers.
struct Field {
    min: u32,
    max: u32,
    names: &'static [&'static str],
    /// The number of the first name.
    first: u32,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const FIELDS: [Field; 5] = [
    Field {
        min: 0,
        max: 59,
        names: &[],
        first: 0,
    },
    Field {
        min: 0,
        max: 23,
        names: &[],
        first: 0,
    },
    Field {
        min: 1,
        max: 31,
        names: &[],
        first: 0,
    },
    Field {
        min: 1,
        max: 12,
        names: &MONTHS,
        first: 1,
    },
    Field {
        min: 0,
        max: 6,
        names: &DAYS,
        first: 0,
    },
];

/// The error of a schedule, if any.
pub(super) fn schedule(text: &str) -> Option<&'static str> {
    if text.contains("TZ") {
        return Some("must not set a time zone: use `timeZone`");
    }
    if text.starts_with('@') {
        const NAMED: [&str; 7] = [
            "@yearly",
            "@annually",
            "@monthly",
            "@weekly",
            "@daily",
            "@midnight",
            "@hourly",
        ];
        let every = text.strip_prefix("@every ").map(go_duration);
        let holds = NAMED.contains(&text) || matches!(every, Some(Some(_)));
        return (!holds).then_some("must be a schedule such as `@daily` or `@every 1h`");
    }
    let parts: Vec<&str> = text.split_whitespace().collect();
    let holds = parts.len() == FIELDS.len()
        && parts
            .iter()
            .zip(&FIELDS)
            .all(|(text, field)| field.holds(text));
    (!holds).then_some("must be a schedule of five fields such as `0 3 * * 1`: minute, hour, day, month, day of the week (0 to 6)")
}

impl Field {
    fn holds(&self, text: &str) -> bool {
        let mut ranges = text.split(',').filter(|it| !it.is_empty());
        ranges.all(|it| self.range_holds(it).is_some())
    }

    /// `*`, `5`, `1-5`, `*/15`, `1-30/5`.
    fn range_holds(&self, text: &str) -> Option<()> {
        let mut parts = text.split('/');
        let (range, step) = (parts.next()?, parts.next());
        if parts.next().is_some() {
            return None;
        }
        let mut ends = range.split('-');
        let (low, high) = (ends.next()?, ends.next());
        let (start, mut end) = match low {
            "*" | "?" => (self.min, self.max),
            _ => {
                let start = self.number(low)?;
                (start, high.map_or(Some(start), |it| self.number(it))?)
            }
        };
        if ends.next().is_some() && !matches!(low, "*" | "?") {
            return None;
        }
        if let Some(step) = step {
            if high.is_none() {
                end = self.max;
            }
            if whole(step)? == 0 {
                return None;
            }
        }
        (start >= self.min && end <= self.max && start <= end).then_some(())
    }

    fn number(&self, text: &str) -> Option<u32> {
        let named = self
            .names
            .iter()
            .position(|it| it.eq_ignore_ascii_case(text));
        match named.and_then(|it| u32::try_from(it).ok()) {
            Some(at) => Some(at + self.first),
            None => whole(text),
        }
    }
}

fn whole(text: &str) -> Option<u32> {
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

/// The error of a time zone name, if any.
pub(super) fn time_zone(text: &str) -> Option<&'static str> {
    // From the IANA database; the server has its own copy.
    const ZONES: &str = include_str!("zones.txt");
    let known = ZONES.lines().any(|it| it == text);
    (!known).then_some("must be a time zone of the IANA database, such as `Europe/Berlin`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules() {
        for (text, holds) in [
            ("0 3 * * 1", true),
            ("*/15 0-6,8 ? JAN-mar sun", true),
            ("@every 1h30m", true),
            ("@daily", true),
            ("0 3 * *", false),
            ("60 * * * *", false),
            ("* * * * 7", false),
            ("* * 0 * *", false),
            ("5-1 * * * *", false),
            ("*/0 * * * *", false),
            ("@sometimes", false),
            ("TZ=UTC 0 3 * * *", false),
            ("0 0 3 * * *", false),
        ] {
            assert_eq!(schedule(text).is_none(), holds, "{text}");
        }
        assert!(time_zone("Europe/Berlin").is_none());
        assert!(time_zone("Europe/berlin").is_some());
        assert!(time_zone("Local").is_some());
    }
}
