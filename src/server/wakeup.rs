//! What ends the one sleep beside sockets and deadlines: signals, that the machine resumes from
//! suspend, and that its network changes. All of it is behind one descriptor: each one that is polled
//! costs something at every query.

use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::epoll;
use rustix::io::ioctl_fionbio;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// The longest single sleep. A wait without a deadline is cut into such pieces.
const LONGEST_SLEEP: Duration = Duration::from_secs(3600);

/// The same where nothing tells of a resume: `poll(2)` counts by a clock that stood still meanwhile.
const LONGEST_UNTOLD: Duration = Duration::from_secs(1);

/// What more may end the sleep: descriptors that are readable until whoever owns them has read. A closed
/// one is out of it.
#[derive(Clone, Debug)]
pub struct WakeSet(Arc<OwnedFd>);

impl WakeSet {
    /// Lets the sleep end when there is something to read.
    ///
    /// # Errors
    /// When the system has no room for it.
    pub fn add(&self, descriptor: BorrowedFd<'_>) -> io::Result<()> {
        let data = epoll::EventData::new_u64(0);
        Ok(epoll::add(&self.0, descriptor, data, epoll::EventFlags::IN)?)
    }
}

/// A descriptor (`epoll(7)`) that is readable once a signal came or the machine resumed.
#[derive(Debug)]
pub(super) struct Wakeup {
    pub(super) set: WakeSet,
    reader: PipeReader,
    writer: PipeWriter,
    /// `None`: the system has no such timer.
    resume: Option<OwnedFd>,
}

impl Wakeup {
    pub(super) fn new() -> io::Result<Wakeup> {
        let (reader, writer) = io::pipe()?;
        ioctl_fionbio(&reader, true)?;
        let set = WakeSet(Arc::new(epoll::create(epoll::CreateFlags::CLOEXEC)?));
        set.add(reader.as_fd())?;
        let resume = resume_timer().map_err(io::Error::from);
        let resume = resume.and_then(|timer| set.add(timer.as_fd()).map(|()| timer));
        let resume = resume.inspect_err(|error| {
            let seconds = LONGEST_UNTOLD.as_secs();
            log::debug!(
                "nothing tells of a resume, so it is looked for every {seconds} s: {error}"
            );
        });
        Ok(Wakeup { set, reader, writer, resume: resume.ok() })
    }

    /// A pipe that wakes when something is written to it.
    pub(super) fn writer(&self) -> io::Result<PipeWriter> {
        self.writer.try_clone()
    }

    /// Forgets what woke the sleep.
    pub(super) fn clear(&mut self) {
        let mut octets = [0; 64];
        while matches!(self.reader.read(&mut octets), Ok(length) if length > 0) {}
        // That it was cancelled is told as an error, once; it goes on.
        let _ = self.resume.as_ref().map(|timer| rustix::io::read(timer, &mut octets));
    }

    pub(super) fn longest_sleep(&self) -> Duration {
        if self.resume.is_some() { LONGEST_SLEEP } else { LONGEST_UNTOLD }
    }
}

impl AsFd for Wakeup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.0.as_fd()
    }
}

/// A timer that never ends by itself. It is cancelled, and readable then, when the wall clock jumps
/// (`TFD_TIMER_CANCEL_ON_SET`, `timerfd_create(2)`): somebody set it, or it went on in suspend.
fn resume_timer() -> rustix::io::Result<OwnedFd> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
    let never = Timespec { tv_sec: i64::MAX, tv_nsec: 0 };
    let never = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: never };
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(&timer, flags, &never)?;
    Ok(timer)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::time::{ClockId, clock_gettime, clock_settime};

    use super::*;

    fn is_woken(wakeup: &Wakeup, within: Duration) -> bool {
        let within = Timespec::try_from(within).expect("a time");
        let mut fds = [PollFd::new(wakeup, PollFlags::IN)];
        poll(&mut fds, Some(&within)).expect("polled") > 0
    }

    #[test]
    fn where_nothing_tells_of_a_resume_it_is_looked_for() {
        let mut wakeup = Wakeup { resume: None, ..Wakeup::new().expect("a descriptor") };
        assert_eq!(wakeup.longest_sleep(), LONGEST_UNTOLD);
        wakeup.clear();
    }

    #[test]
    fn a_signal_wakes_once_and_so_does_a_clock_that_jumps_again_and_again() {
        let mut wakeup = Wakeup::new().expect("a descriptor");
        assert_eq!(wakeup.longest_sleep(), LONGEST_SLEEP);
        assert!(!is_woken(&wakeup, Duration::ZERO));
        wakeup.writer().expect("a pipe").write_all(b"x").expect("written");
        assert!(is_woken(&wakeup, Duration::ZERO));
        wakeup.clear();
        assert!(!is_woken(&wakeup, Duration::ZERO));
        for _ in 0..3 {
            // To what it shows: off by the time between the two calls.
            if clock_settime(ClockId::Realtime, clock_gettime(ClockId::Realtime)).is_err() {
                println!("skipped: not allowed to set the clock");
                return;
            }
            assert!(is_woken(&wakeup, Duration::from_secs(5)));
            wakeup.clear();
            assert!(!is_woken(&wakeup, Duration::ZERO));
        }
    }
}
