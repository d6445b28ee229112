//! A process that ends the program where the one that started it cannot: when that was killed, or still
//! stands still when the lease is over. From then on the name may be another node's.

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

/// Octets of what it is told: the process group, and the uptime in nanoseconds at which that is to have
/// ended.
const PART: usize = 8;
const ORDER: usize = 2 * PART;

/// What it is told when there is nothing to end any more.
pub(super) const OVER: [u8; ORDER] = [0; ORDER];

/// What to tell it of a group, and when the lease has another end (`None`: that ends nothing). `None`: the system
/// has no such clock.
pub(super) fn order(group: Pid, lease_end: Option<Instant>) -> Option<[u8; ORDER]> {
    let nanoseconds = match lease_end {
        Some(lease_end) => clock::uptime_at(lease_end)?.as_nanos(),
        None => u128::MAX,
    };
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
    let group = u64::try_from(group.as_raw_nonzero().get()).ok()?;
    let mut order = OVER;
    order[..PART].copy_from_slice(&group.to_be_bytes());
    order[PART..].copy_from_slice(&nanoseconds.to_be_bytes());
    Some(order)
}

/// What an order says; `None`: there is nothing to end.
fn read(order: &[u8; ORDER]) -> Option<(Pid, Duration)> {
    let (group, uptime) = order.split_at(PART);
    let number = |part: &[u8]| part.first_chunk().copied().map(u64::from_be_bytes);
    let group = Pid::from_raw(i32::try_from(number(group)?).ok()?)?;
    Some((group, Duration::from_nanos(number(uptime)?))).filter(|_| !group.is_init())
}

/// What that process does. It is started while there is time, and told the process group when there is one.
///
/// # Errors
/// When it cannot listen, or the system has no such timer.
pub fn run() -> io::Result<()> {
    let mut parent = parent()?;
    let mut group = None;
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
            if let Some(order) = orders.last() {
                let Some((told, uptime)) = read(order) else { return Ok(()) };
                group = Some(told);
                set(&timer, uptime)?;
            }
            heard = rest.to_vec();
        } else if is_late {
            // Whoever started it hears of its end, if that goes on.
            group.into_iter().for_each(end);
            set(&timer, Duration::ZERO)?;
        }
    }
    group.into_iter().for_each(end);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_tells_the_group_and_its_time_or_that_it_is_over() {
        let group = Pid::from_raw(4_194_304).expect("not zero");
        let in_time = Some(clock::now() + Duration::from_secs(5));
        let Some(order) = order(group, in_time) else { return };
        let (told, uptime) = read(&order).expect("an order");
        let left = uptime - clock::uptime_at(clock::now()).expect("a clock");
        assert_eq!(told, group);
        assert!(left > Duration::from_secs(4) && left <= Duration::from_secs(5), "{left:?}");
        assert_eq!(read(&OVER), None);
        for wrong in [1, u64::MAX] {
            let mut order = order;
            order[..PART].copy_from_slice(&u64::to_be_bytes(wrong));
            assert_eq!(read(&order), None, "process {wrong} is not ours to end");
        }
    }
}
