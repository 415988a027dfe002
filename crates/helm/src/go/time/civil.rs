//! Dates of the proleptic Gregorian calendar.

const DAY: i64 = 86_400;
/// Days from 1 March of year 0 to 1970.
const MARCH_TO_UNIX: i128 = 719_468;
/// Go counts unsigned seconds from 1 March of this many years before year 0; earlier times wrap around.
const ABSOLUTE_YEARS: i128 = 292_277_022_400;
/// The days of 400 years.
const ERA: i128 = 146_097;

const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// A date and a time of day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) nanosecond: i64,
    pub(crate) year_day: i64,
    /// The day of the week; Sunday is 0.
    pub(crate) week_day: usize,
}

impl Civil {
    /// From seconds since 1970 in local time.
    pub(super) fn at(seconds: i64, nanosecond: i64) -> Civil {
        let start = -(ABSOLUTE_YEARS / 400 * ERA + MARCH_TO_UNIX) * i128::from(DAY);
        let absolute = (i128::from(seconds) - start).rem_euclid(1 << 64);
        let seconds = absolute + start;
        let days = seconds.div_euclid(i128::from(DAY));
        let of_day = i64::try_from(seconds.rem_euclid(i128::from(DAY))).unwrap_or(0);
        let (year, month, day) = date(days);
        Civil {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanosecond,
            year_day: days_before(month, is_leap(year)) + day,
            week_day: usize::try_from((days + 4).rem_euclid(7)).unwrap_or(0),
        }
    }

    /// Seconds since 1970, as if in UTC.
    pub(super) fn seconds(&self) -> i64 {
        let of_day = i128::from(self.hour * 3600 + self.minute * 60 + self.second);
        let seconds = days_to(self.year, self.month, self.day) * i128::from(DAY) + of_day;
        #[allow(clippy::cast_possible_truncation, reason = "Go's sum wraps too")]
        let wrapped = seconds as i64;
        wrapped
    }

    /// Adds years, months and days; a day after the end of the month overflows into the next one.
    pub(super) fn plus(&self, years: i64, months: i64, days: i64) -> Civil {
        let month = i128::from(self.month) - 1 + i128::from(months);
        let year = i128::from(self.year) + i128::from(years) + month.div_euclid(12);
        let year = i64::try_from(year).unwrap_or(self.year);
        let month = i64::try_from(month.rem_euclid(12)).unwrap_or(0) + 1;
        let first = Civil {
            year,
            month,
            day: 1,
            ..self.clone()
        };
        let days = self.day.wrapping_sub(1).wrapping_add(days);
        let moved = first.seconds().wrapping_add(days.wrapping_mul(DAY));
        Civil::at(moved, self.nanosecond)
    }
}

/// Whether a year has 366 days.
pub(super) fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// The number of days of a month.
pub(super) fn days_in(month: i64, year: i64) -> i64 {
    if month == 2 && is_leap(year) {
        return 29;
    }
    let at = usize::try_from(month - 1).ok();
    at.and_then(|at| DAYS.get(at)).copied().unwrap_or(0)
}

/// The days of the year before a month.
pub(super) fn days_before(month: i64, is_leap: bool) -> i64 {
    let before = DAYS.iter().take(usize::try_from(month - 1).unwrap_or(0));
    before.sum::<i64>() + i64::from(is_leap && month > 2)
}

/// Year, month and day of a day since 1970.
fn date(days: i128) -> (i64, i64, i64) {
    let days = days + MARCH_TO_UNIX;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    // Years are counted from March, so that the leap day is the last one.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let march_month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = era * 400 + year + i128::from(month <= 2);
    let narrow = |it: i128| i64::try_from(it).unwrap_or(0);
    (narrow(year), narrow(month), narrow(day_of_month))
}

/// The days from 1970 to a date.
fn days_to(year: i64, month: i64, day: i64) -> i128 {
    let year = i128::from(year) - i128::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let march_month = i128::from((month + 9) % 12);
    let day_of_year = (153 * march_month + 2) / 5 + i128::from(day) - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - MARCH_TO_UNIX
}
