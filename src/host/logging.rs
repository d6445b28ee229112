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

use super::calendar::date_time;
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
    format!("{}.{:03}Z", date_time(since_epoch), since_epoch.subsec_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (1_795_497_034_123, "2026-11-24T05:10:34.123Z"),
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
