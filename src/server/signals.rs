//! Signals as a descriptor that becomes readable, so that they end the one sleep at once.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

/// SIGTERM and SIGINT ask the process to stop, SIGUSR1 asks it to log its state.
#[derive(Debug)]
pub struct Signals {
    wakeup: UnixStream,
    stop: Arc<AtomicBool>,
    report: Arc<AtomicBool>,
}

impl Signals {
    /// Installs the handlers, for the whole life of the process.
    ///
    /// # Errors
    /// When the system refuses a socket pair or a handler.
    pub fn install() -> io::Result<Self> {
        let (wakeup, sender) = UnixStream::pair()?;
        wakeup.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let report = Arc::new(AtomicBool::new(false));
        for (signal, flag) in [(SIGTERM, &stop), (SIGINT, &stop), (SIGUSR1, &report)] {
            // The flag first: whoever is woken must find it set.
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Signals { wakeup, stop, report })
    }

    /// Whether the process was asked to stop.
    pub fn stop_requested(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Forgets what woke the sleep, and says whether the state is to be logged.
    pub fn take_report_request(&mut self) -> bool {
        let mut octets = [0; 64];
        while matches!(self.wakeup.read(&mut octets), Ok(length) if length > 0) {}
        self.report.swap(false, Ordering::Relaxed)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wakeup.as_fd()
    }
}
