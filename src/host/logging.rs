//! Log lines on standard error: `2026-11-24T05:10:34.123Z info  claimed worker1.tf.local. …`.
//!
//! A reader of the log that stalls must not stop DNS, nor a disk, so a line that would block is dropped,
//! and counted in the next line that goes through.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, IoSlice, Stderr, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ReadWriteFlags, pwritev2};

use super::calendar::date_time;
use super::log_process;
use crate::text::push_printable;

/// Lines of other crates are left out: what matters of theirs comes back as an error.
const OWN_TARGET: &str = "idetcd";

/// The target of what is logged of each query, which is told where the level is [`LevelFilter::Trace`]. Its own level is
/// one that a release build has not left out.
pub const EACH_QUERY: &str = "idetcd::each_query";

/// The longest line, in octets: a pipe takes as much at once.
const LONGEST_LINE: usize = 1024;

/// Where `pwritev2(2)` writes as `write(2)` does.
const CURRENT_OFFSET: u64 = u64::MAX;

/// Names the stream that leads to the journal, as `device:inode` (`systemd.exec(5)`).
const JOURNAL_STREAM: &str = "JOURNAL_STREAM";

/// Lines dropped since the last one that went through.
static DROPPED: AtomicU64 = AtomicU64::new(0);

static IS_EACH_QUERY_TOLD: AtomicBool = AtomicBool::new(false);

struct Logger;

/// Starts logging; a second call changes the level alone.
pub fn start(level: LevelFilter) {
    // The only error is that a logger is set already, and then it is this one.
    let _ = log::set_logger(&Logger);
    log::set_max_level(level);
    IS_EACH_QUERY_TOLD.store(level == LevelFilter::Trace, Ordering::Relaxed);
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match metadata.target() {
            EACH_QUERY => IS_EACH_QUERY_TOLD.load(Ordering::Relaxed),
            target => target.starts_with(OWN_TARGET),
        }
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let dropped = DROPPED.swap(0, Ordering::Relaxed);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = line(since_epoch, record.level(), &record.args().to_string(), dropped);
        let line = [priority(record.level()), &line].concat();
        let written = log_process::write(&line).unwrap_or_else(|| write_now(&line));
        // Nobody is left to tell of any other error.
        if written.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            DROPPED.fetch_add(dropped + 1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

/// Writes a line to standard error, unless that would block. Others write there too, and it must be
/// as they expect it, so it cannot be made non-blocking.
fn write_now(line: &str) -> io::Result<()> {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut fds, Some(&now)), Ok(1)) {
        return Err(ErrorKind::WouldBlock.into());
    }
    if is_stream(&stderr) {
        // Another process may fill it this very moment.
        let octets = [IoSlice::new(line.as_bytes())];
        match pwritev2(&stderr, &octets, CURRENT_OFFSET, ReadWriteFlags::NOWAIT) {
            // It takes such a line as a whole or not at all.
            Ok(_) => return Ok(()),
            Err(Errno::AGAIN) => return Err(ErrorKind::WouldBlock.into()),
            // Not every kernel knows that.
            Err(_) => {}
        }
    }
    stderr.lock().write_all(line.as_bytes())
}

/// Whether it is a pipe or a socket.
fn is_stream(stderr: &Stderr) -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let kind = fstat(stderr).map(|about| FileType::from_raw_mode(about.st_mode));
        kind.is_ok_and(|kind| matches!(kind, FileType::Fifo | FileType::Socket))
    })
}

/// What stands before a line of this level: where standard error leads to the journal of systemd its priority, which is
/// kept apart from the text there (`sd-daemon(3)`), else nothing.
pub fn priority(level: Level) -> &'static str {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    let is_journal = ANSWER.get_or_init(|| {
        let stream = std::env::var(JOURNAL_STREAM);
        let about = fstat(io::stderr());
        stream.is_ok_and(|stream| {
            about.is_ok_and(|about| stream == format!("{}:{}", about.st_dev, about.st_ino))
        })
    });
    match level {
        _ if !is_journal => "",
        Level::Error => "<3>",
        Level::Warn => "<4>",
        Level::Info => "<6>",
        Level::Debug | Level::Trace => "<7>",
    }
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
