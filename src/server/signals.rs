//! Signals that end the one sleep at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use super::wakeup::{WakeSet, Wakeup};

/// The signals that are handled. A handler stays for the whole life of the process.
#[derive(Debug)]
pub struct Signals {
    /// Readable once a signal came.
    pub(super) wakeup: Wakeup,
    /// Asks the process to stop when it is set, as SIGTERM does.
    pub stop: Arc<AtomicBool>,
    report: Arc<AtomicBool>,
}

impl Signals {
    /// Handles none yet.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let wakeup = Wakeup::new()?;
        let stop = Arc::new(AtomicBool::new(false));
        let report = Arc::new(AtomicBool::new(false));
        Ok(Signals { wakeup, stop, report })
    }

    /// Lets SIGTERM, SIGINT and SIGHUP ask the process to stop, and SIGUSR1 to log its state.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn obey(&self) -> io::Result<()> {
        [SIGTERM, SIGINT, SIGHUP].iter().try_for_each(|signal| self.raise(*signal, &self.stop))?;
        self.raise(SIGUSR1, &self.report)
    }

    /// Lets a signal end the sleep, for timers to be run. The flag says that it came.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn watch(&self, signal: i32) -> io::Result<Arc<AtomicBool>> {
        let flag = Arc::new(AtomicBool::new(false));
        self.raise(signal, &flag)?;
        Ok(flag)
    }

    fn raise(&self, signal: i32, flag: &Arc<AtomicBool>) -> io::Result<()> {
        // SIGHUP stays ignored where it is, here and in our children.
        if signal == SIGHUP && is_ignored(SIGHUP) {
            return Ok(());
        }
        // The flag first: whoever is woken must find it set.
        signal_hook::flag::register(signal, Arc::clone(flag))?;
        signal_hook::low_level::pipe::register(signal, self.wakeup.writer()?)?;
        Ok(())
    }

    /// What else may end the sleep.
    pub fn wakeups(&self) -> WakeSet {
        self.wakeup.set.clone()
    }

    /// Forgets what woke the sleep, and says whether the state is to be logged.
    pub fn take_report_request(&mut self) -> bool {
        self.wakeup.clear();
        self.report.swap(false, Ordering::Relaxed)
    }
}

/// Whether a signal is ignored, as SIGHUP is under `nohup` (proc(5)). Where the system does not tell,
/// it is taken to be: a handler would break what somebody may have asked for.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    is_in_mask(signal, &status).unwrap_or(true)
}

fn is_in_mask(signal: i32, status: &str) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
    let place = u32::try_from(signal).ok()?.checked_sub(1)?;
    Some(mask.checked_shr(place)? & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_found_in_the_status() {
        let status =
            "SigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        for (signal, wanted) in [
            (1, Some(true)),
            (2, Some(false)),
            (13, Some(true)),
            (64, Some(false)),
            (65, None),
            (0, None),
        ] {
            assert_eq!(is_in_mask(signal, status), wanted, "{signal}");
        }
        assert_eq!(is_in_mask(1, "SigBlk:\t0000000000000001\n"), None);
        assert_eq!(is_in_mask(1, "SigIgn:\tx\n"), None);
    }
}
