//! Dates of the Gregorian calendar, in UTC, and seconds since 1970-01-01, each from the other.

use std::time::Duration;

const SECONDS_A_DAY: u64 = 86_400;

/// The days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: u64 = 719_468;

/// The days of 400 years, after which the calendar repeats itself.
const DAYS_AN_ERA: u64 = 146_097;

/// A moment as RFC 3339 writes it, to the second and without what follows that: `2026-11-24T05:10:34`.
pub fn date_time(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / SECONDS_A_DAY);
    let (hour, minute, second) = time_of_day(seconds);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment as HTTP writes it (RFC 9110 §5.6.7): `Tue, 24 Nov 2026 05:10:34 GMT`.
pub fn http_date(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let days = seconds / SECONDS_A_DAY;
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = time_of_day(seconds);
    let named = |names: &[&'static str], index: u64| {
        usize::try_from(index).ok().and_then(|index| names.get(index).copied()).unwrap_or_default()
    };
    let (weekday, month) = (named(&WEEKDAYS, days % 7), named(&MONTHS, month - 1));
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// The hour, minute and second of a moment in seconds since 1970.
fn time_of_day(seconds: u64) -> (u64, u64, u64) {
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// The date of a day counted from 1970-01-01. Years begin in March here, so that the leap day
/// comes last and each month's first day is a linear function.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_BEFORE_1970;
    let (era, day_of_era) = (days / DAYS_AN_ERA, days % DAYS_AN_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// The time from 1970 to a date and a time of day; zero if that is before 1970. `None`: there is no
/// such date, or time of day. A leap second is the first one of the next minute.
pub fn since_epoch(date: [u64; 3], time: [u64; 3]) -> Option<Duration> {
    let ([year, month, day], [hour, minute, second]) = (date, time);
    if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    if year > 9999 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // As in `civil_date`.
    let (year, shifted_month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year;
    let Some(days) = days.checked_sub(DAYS_BEFORE_1970) else { return Some(Duration::ZERO) };
    Some(Duration::from_secs(days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_dates_are_made_from_each_other() {
        let table = [
            (0, [1970, 1, 1], [0, 0, 0], "1970-01-01T00:00:00"),
            (951_782_400, [2000, 2, 29], [0, 0, 0], "2000-02-29T00:00:00"),
            (951_868_799, [2000, 2, 29], [23, 59, 59], "2000-02-29T23:59:59"),
            (951_868_800, [2000, 3, 1], [0, 0, 0], "2000-03-01T00:00:00"),
            (1_795_497_034, [2026, 11, 24], [5, 10, 34], "2026-11-24T05:10:34"),
            (4_107_542_400, [2100, 3, 1], [0, 0, 0], "2100-03-01T00:00:00"),
            (253_402_300_799, [9999, 12, 31], [23, 59, 59], "9999-12-31T23:59:59"),
        ];
        for (seconds, date, time, text) in table {
            let moment = Duration::from_secs(seconds);
            assert_eq!(date_time(moment), text);
            assert_eq!(since_epoch(date, time), Some(moment), "{text}");
        }
        // Every day of the years that certificates have.
        for day in 0..50_000 {
            let (year, month, of_month) = civil_date(day);
            let found = since_epoch([year, month, of_month], [0, 0, 0]);
            assert_eq!(found, Some(Duration::from_secs(day * SECONDS_A_DAY)), "{day}");
        }
    }

    #[test]
    fn other_dates_are_before_1970_or_none() {
        let none = [
            ([2026, 0, 1], [0, 0, 0]),
            ([2026, 13, 1], [0, 0, 0]),
            ([2026, 4, 31], [0, 0, 0]),
            ([2026, 2, 29], [0, 0, 0]),
            ([2100, 2, 29], [0, 0, 0]),
            ([2026, 1, 0], [0, 0, 0]),
            ([2026, 1, 1], [24, 0, 0]),
            ([2026, 1, 1], [0, 60, 0]),
            ([2026, 1, 1], [0, 0, 61]),
            ([u64::MAX, u64::MAX, u64::MAX], [u64::MAX; 3]),
            ([u64::MAX, 1, 1], [0, 0, 0]),
            ([0, 1, 1], [0, 0, 0]),
        ];
        for (date, time) in none {
            assert_eq!(since_epoch(date, time), None, "{date:?} {time:?}");
        }
        for date in [[0, 3, 1], [1950, 1, 1], [1969, 12, 31]] {
            assert_eq!(since_epoch(date, [23, 59, 59]), Some(Duration::ZERO), "{date:?}");
        }
    }

    #[test]
    fn http_has_the_weekday_before_the_date() {
        for (seconds, wanted) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
            (1_795_497_034, "Tue, 24 Nov 2026 05:10:34 GMT"),
        ] {
            assert_eq!(http_date(Duration::from_secs(seconds)), wanted);
        }
    }
}
