//! What the service manager hears of this node: that it started, its name, that it lives, and that it stops.

use std::io;
use std::time::{Duration, Instant};

use super::identity::Identity;
use crate::host::service_manager::{ServiceManager, ServiceNews};

/// So often in the time of its watchdog it hears that this process lives: one datagram may be dropped.
const PER_WATCHDOG_TIME: u32 = 3;

/// The time after which it is told again what it had no room for.
const TELL_AGAIN: Duration = Duration::from_secs(1);

const NAMELESS: &str = "answers DNS, and has no name";

/// When it hears that the service has started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadyWhen {
    /// As soon as DNS is answered.
    #[default]
    Bound,
    /// Once there is a name.
    Named,
}

/// Something that is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Once {
    NotYet,
    Due,
    Done,
}

impl Once {
    fn now(&mut self) {
        if *self == Once::NotYet {
            *self = Once::Due;
        }
    }
}

/// The service manager, and what it is told.
#[derive(Debug)]
pub(super) struct Supervision {
    manager: ServiceManager,
    ready_when: ReadyWhen,
    ready: Once,
    stopping: Once,
    status: String,
    is_status_due: bool,
    /// When it is to hear that this process lives.
    alive_at: Option<Instant>,
    again_at: Option<Instant>,
}

impl Supervision {
    /// One that has told nothing.
    pub(super) fn new(manager: ServiceManager, ready_when: ReadyWhen, now: Instant) -> Supervision {
        Supervision {
            alive_at: manager.watchdog().map(|_| now),
            manager,
            ready_when,
            ready: Once::NotYet,
            stopping: Once::NotYet,
            status: NAMELESS.to_owned(),
            is_status_due: true,
            again_at: None,
        }
    }

    /// Takes note that DNS is answered.
    pub(super) fn serves(&mut self, now: Instant) {
        if self.ready_when == ReadyWhen::Bound {
            self.ready.now();
        }
        self.tell(now);
    }

    /// Takes note of the name; `None`: there is none.
    pub(super) fn name(&mut self, identity: Option<&Identity>, now: Instant) {
        let status = match identity {
            Some(identity) => format!("is {}", identity.name),
            None => NAMELESS.to_owned(),
        };
        self.is_status_due |= status != self.status;
        self.status = status;
        if identity.is_some() {
            self.ready.now();
        }
        self.tell(now);
    }

    /// Takes note that this process is on its way out.
    pub(super) fn stops(&mut self, now: Instant) {
        self.stopping.now();
        self.tell(now);
    }

    /// The time to run next.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.alive_at, self.again_at].into_iter().flatten().min()
    }

    /// Tells what is due.
    pub(super) fn run(&mut self, now: Instant) {
        if self.next().is_some_and(|at| at <= now) {
            self.tell(now);
        }
    }

    fn tell(&mut self, now: Instant) {
        let told = self.tell_due(now);
        if let Err(error) = &told
            && self.again_at.is_none()
        {
            log::debug!("the service manager is told later: {error}");
        }
        self.again_at = told.is_err().then(|| now + TELL_AGAIN);
    }

    fn tell_due(&mut self, now: Instant) -> io::Result<()> {
        for (once, told) in
            [(&mut self.ready, ServiceNews::Ready), (&mut self.stopping, ServiceNews::Stopping)]
        {
            if *once == Once::Due {
                self.manager.tell(told)?;
                *once = Once::Done;
            }
        }
        if self.alive_at.is_some_and(|at| at <= now) {
            self.manager.tell(ServiceNews::Alive)?;
            self.alive_at = self.manager.watchdog().map(|time| now + time / PER_WATCHDOG_TIME);
        }
        if self.is_status_due {
            self.manager.tell(ServiceNews::Status(&self.status))?;
            self.is_status_due = false;
        }
        Ok(())
    }
}
