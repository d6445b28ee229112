//! Log lines on standard error: `2026-11-24T05:10:34.123Z info  claimed worker1.tf.local. …`.
//!
//! A reader of the log that stalls must not stop DNS, so a line that would block is dropped, and
//! counted in the next line that goes through.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::text::push_printable;

/// Lines of other crates are left out: what matters of theirs comes back as an error.
const OWN_TARGET: &str = "idetcd";

/// The longest line, in octets: a pipe takes as much at once.
const LONGEST_LINE: usize = 1024;

/// Lines dropped since the last one that went through.
static DROPPED: AtomicU64 = AtomicU64::new(0);

struct Logger;

/// Starts logging; a second call changes the level alone.
pub fn start(level: LevelFilter) {
    // The only error is that a logger is set already, and then it is this one.
    let _ = log::set_logger(&Logger);
    log::set_max_level(level);
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with(OWN_TARGET)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let stderr = io::stderr();
        let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if !matches!(poll(&mut fds, Some(&now)), Ok(1)) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = line(since_epoch, record.level(), &record.args().to_string(), dropped);
        // Nobody is left to tell when standard error fails.
        let _ = stderr.lock().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

fn line(since_epoch: Duration, level: Level, message: &str, dropped: u64) -> String {
    let level = level.as_str().to_ascii_lowercase();
    let mut line = format!("{} {level:5} ", timestamp(since_epoch));
    if dropped > 0 {
        let _ = write!(line, "({dropped} lines dropped before this one) ");
    }
    // Names and values in etcd come from anybody: they must not forge lines or move a cursor.
    push_printable(message, LONGEST_LINE, &mut line);
    line.push('\n');
    line
}

/// UTC with milliseconds, as in RFC 3339.
fn timestamp(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let millisecond = since_epoch.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// The date of a day counted from 1970-01-01. Years begin in March here, so that the leap day
/// comes last and each month's first day is a linear function.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_795_497_034_123, "2026-11-24T05:10:34.123Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (milliseconds, wanted) in table {
            assert_eq!(timestamp(Duration::from_millis(milliseconds)), wanted);
        }
    }

    #[test]
    fn a_message_stays_one_line() {
        let line = line(Duration::ZERO, Level::Warn, "a\nb\x1b[2J", 3);
        let wanted =
            "1970-01-01T00:00:00.000Z warn  (3 lines dropped before this one) a\\nb\\u{1b}[2J\n";
        assert_eq!(line, wanted);
        assert!(super::line(Duration::ZERO, Level::Info, &"x".repeat(1 << 20), 0).len() < 2048);
    }
}
