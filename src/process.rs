//! The process as a node's life needs it: its sleep, its directory, and whom it tells.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::announce::{Announcer, Outcome};
use crate::cluster::Directory;
use crate::node::{Happening, Host, Owned};
use crate::server::chore::{Chore, View};
use crate::server::{Shared, Wake};

/// The server and the announcer, as one host. One thread, so neither lock is ever contended: the
/// server's may be held while the announcer's is taken, and never the other way round.
#[derive(Clone, Debug)]
pub struct Process {
    server: Shared,
    announcer: Arc<Mutex<Announcer>>,
}

/// The announcer as the server sees to it.
#[derive(Debug)]
struct Errands(Arc<Mutex<Announcer>>);

fn lock(announcer: &Mutex<Announcer>) -> MutexGuard<'_, Announcer> {
    announcer.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// Puts the two together.
    pub fn new(server: Shared, announcer: Announcer) -> Process {
        let has_errands = announcer.has_errands();
        let announcer = Arc::new(Mutex::new(announcer));
        if has_errands {
            server.lock().add_chore(Box::new(Errands(announcer.clone())));
        }
        Process { server, announcer }
    }

    /// Lets the hooks that are left, and the program where it is being ended, end while DNS is
    /// answered; a further request to stop ends the patience with them. Says what became of the
    /// program, if there was to be one.
    pub fn finish(&self) -> Option<Outcome> {
        // While requests are heard again: the end of the last hook asks the process to stop.
        self.server.lock().resume();
        let now = Instant::now();
        let patience = lock(&self.announcer).close(now);
        if let Some(patience) = patience {
            match self.server.lock().wait(None, Some(now + patience)) {
                Ok(Wake::Stopping) | Ok(Wake::Ready) => {}
                Ok(Wake::TimedOut) => log::error!("not all of it ended in time"),
                Err(error) => log::error!("poll: {error}"),
            }
        }
        lock(&self.announcer).finish()
    }
}

impl Chore for Errands {
    fn next(&self) -> Option<Instant> {
        lock(&self.0).next()
    }

    fn run(&mut self, now: Instant, view: View<'_>) {
        lock(&self.0).run(now, view);
    }
}

/// A server alone tells nobody: the tools own no name.
impl Host for Shared {
    fn sleep_until(&self, deadline: Instant) {
        if let Err(error) = self.lock().wait(None, Some(deadline)) {
            log::error!("poll: {error}");
        }
    }

    fn is_stopping(&self) -> bool {
        self.lock().is_stopping()
    }

    fn begin_release(&self) {
        self.lock().begin_release();
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.lock().source_address()
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        access(self.lock().directory_mut())
    }

    fn ownership(&self, _owned: Option<Owned>) {}

    fn wants_name(&self) -> bool {
        false
    }

    fn note(&self, _happening: Happening) {}
}

impl Host for Process {
    fn sleep_until(&self, deadline: Instant) {
        self.server.sleep_until(deadline);
    }

    fn is_stopping(&self) -> bool {
        self.server.is_stopping()
    }

    fn begin_release(&self) {
        self.server.begin_release();
    }

    fn source_address(&self) -> Option<IpAddr> {
        self.server.source_address()
    }

    fn directory<T>(&self, access: impl FnOnce(&mut Directory) -> T) -> T {
        self.server.directory(access)
    }

    fn ownership(&self, owned: Option<Owned>) {
        lock(&self.announcer).ownership(owned, Instant::now());
    }

    fn wants_name(&self) -> bool {
        lock(&self.announcer).wants_name()
    }

    fn note(&self, happening: Happening) {
        lock(&self.announcer).note(happening);
    }
}
