//! A process that ends the program where the one that started it cannot: when that was killed, or still
//! stands still when the lease is over. From then on the name may be another node's.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::clock;
use crate::host::helper::parent;

/// The word for this task.
pub const DEPUTY_TASK: &str = "deputy";

/// Octets of what it is told: the uptime in nanoseconds at which the group is to have ended.
const ORDER: usize = 8;

/// What it is told when there is nothing to end any more.
pub(super) const OVER: [u8; ORDER] = [0; ORDER];

/// The words for it: the group.
pub(super) fn words(group: Pid) -> OsString {
    group.as_raw_nonzero().to_string().into()
}

/// What to tell it when the lease has another end; `None`: the system has no such clock.
pub(super) fn order(lease_end: Instant) -> Option<[u8; ORDER]> {
    let nanoseconds = clock::uptime_at(lease_end)?.as_nanos();
    Some(u64::try_from(nanoseconds).unwrap_or(u64::MAX).to_be_bytes())
}

/// What that process does. It is told the process group.
///
/// # Errors
/// When it cannot listen, or the system has no such timer.
pub fn run(words: &[OsString]) -> io::Result<()> {
    let group = match words {
        [word] => word.to_str().and_then(|word| word.parse().ok()).and_then(Pid::from_raw),
        _ => None,
    };
    let group = group.filter(|group| !group.is_init()).ok_or(ErrorKind::InvalidInput)?;
    let mut parent = parent()?;
    // It goes on while the machine is suspended, as the lease does.
    let timer = timerfd_create(TimerfdClockId::Boottime, TimerfdFlags::NONBLOCK)?;
    let mut heard = Vec::new();
    loop {
        let mut fds = [PollFd::new(&parent, PollFlags::IN), PollFd::new(&timer, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let (is_told, is_late) = (!fds[0].revents().is_empty(), !fds[1].revents().is_empty());
        // First what was told: the lease may have been renewed.
        if is_told {
            let mut chunk = [0; 64 * ORDER];
            let length = match parent.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            heard.extend_from_slice(chunk.get(..length).unwrap_or_default());
            let (orders, rest) = heard.as_chunks::<ORDER>();
            match orders.last() {
                Some(&OVER) => return Ok(()),
                Some(order) => set(&timer, Duration::from_nanos(u64::from_be_bytes(*order)))?,
                None => {}
            }
            heard = rest.to_vec();
        } else if is_late {
            // Whoever started it hears of its end, if that goes on.
            end(group);
            set(&timer, Duration::ZERO)?;
        }
    }
    end(group);
    Ok(())
}

/// Lets the timer expire at this uptime; zero: never.
fn set(timer: &OwnedFd, uptime: Duration) -> io::Result<()> {
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let at = Timespec {
        tv_sec: uptime.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: uptime.subsec_nanos().into(),
    };
    let expiry = Itimerspec { it_interval: never, it_value: at };
    timerfd_settime(timer, TimerfdTimerFlags::ABSTIME, &expiry)?;
    Ok(())
}

/// Ends all that is left of a group. One that is not ours to end is left to itself.
fn end(group: Pid) {
    let _ = kill_process_group(group, Signal::KILL);
}
