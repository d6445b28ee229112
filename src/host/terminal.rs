//! The terminal of whoever looks on: how wide it is, and a line on it that says how far something is.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::tcgetwinsize;

use crate::text::{number, printable};

/// The time between two looks at how far it is, and until the first.
const INTERVAL: Duration = Duration::from_millis(500);

/// The width where the terminal does not say it.
const USUAL_WIDTH: usize = 80;

/// What stands for the words that do not fit.
const MORE: &str = " ...";

/// The columns of a terminal: what COLUMNS says, or the terminal; `None`: neither does.
pub fn columns(terminal: impl AsFd) -> Option<usize> {
    let told = std::env::var("COLUMNS").ok().and_then(|text| number(&text));
    let has = || tcgetwinsize(terminal).ok().map(|size| usize::from(size.ws_col));
    told.or_else(has).filter(|columns| *columns > 0)
}

/// A line on standard error that is written anew again and again, where that is a terminal. The cursor stays at its
/// beginning, so that what is logged takes its place.
#[derive(Debug)]
pub struct ProgressLine {
    /// When it is to be written next; `None`: nobody would see it.
    next: Option<Instant>,
    is_shown: bool,
}

impl ProgressLine {
    /// One that is written first after half a second: what takes less needs none.
    pub fn new(now: Instant) -> ProgressLine {
        ProgressLine { next: io::stderr().is_terminal().then(|| now + INTERVAL), is_shown: false }
    }

    /// When to show it next.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Shows nothing now.
    pub fn look_later(&mut self, now: Instant) {
        self.next = self.next.map(|_| now + INTERVAL);
    }

    /// Shows a text, if it is time to, and how long there is until a deadline.
    pub fn show(&mut self, text: impl FnOnce() -> String, deadline: Option<Instant>, now: Instant) {
        if self.next.is_none_or(|at| at > now) {
            return;
        }
        self.look_later(now);
        let left = deadline.map(|at| at.saturating_duration_since(now).as_secs());
        let left = left.map_or(String::new(), |seconds| format!("{seconds} s left: "));
        let width = columns(io::stderr()).unwrap_or(USUAL_WIDTH);
        let line = printable(&(left + &text()));
        let line = fitting(&line, width.saturating_sub(1));
        self.is_shown = true;
        write(&format!("{line}\x1b[K\r"));
    }

    /// Takes it away.
    pub fn end(&mut self) {
        if self.next.take().is_some() && self.is_shown {
            write("\x1b[K");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.end();
    }
}

/// As many whole words of a line as fit, and the sign that there are more.
fn fitting(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    // A word that ends where the room does is whole.
    let room = width.saturating_sub(MORE.len());
    let cut: String = line.chars().take(room + 1).collect();
    cut.rsplit_once(' ').map_or("", |(whole, _)| whole).to_owned() + MORE
}

/// Nothing waits for a terminal that was stopped.
fn write(text: &str) {
    let mut out = io::stderr();
    let mut fds = [PollFd::new(&out, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    if poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0) {
        // It is for people alone.
        let _ = out.write_all(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_between_words() {
        let line = "1 of 3 is worker2.tf worker3.tf";
        for (width, wanted) in [
            (31, line),
            (30, "1 of 3 is worker2.tf ..."),
            (24, "1 of 3 is worker2.tf ..."),
            (23, "1 of 3 is ..."),
            (5, "1 ..."),
            (4, " ..."),
        ] {
            assert_eq!(fitting(line, width), wanted, "{width}");
        }
    }
}
