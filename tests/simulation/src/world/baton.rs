//! The baton: of all processes one runs, until it waits; then the world decides who is next.
//!
//! A session is blocking code, so each needs a stack of its own: that of a coroutine
//! ([`super::fiber`]), or, where what it is made of must be [`Send`], that of a thread
//! ([`super::thread`]). Both are the same to the world.

use std::time::Instant;

use idetcd::node::session::SessionEnd;

use crate::model::{Request, WatchId};

/// What a process waits for. The world wakes it when that is there, when the time has come, or when
/// the process is asked to stop; what came is in its [`super::surroundings::Surroundings`].
#[derive(Clone, Debug)]
pub enum Wait {
    /// A time of its own clock.
    Until(Instant),
    /// The reply of a member to a request, which is sent now.
    Reply {
        /// The member.
        member: usize,
        /// What is asked of it.
        request: Request,
        /// As whom.
        token: Option<String>,
        /// How long it waits.
        deadline: Instant,
    },
    /// Changes on the stream of a watch.
    Changes {
        /// The stream.
        watch: WatchId,
        /// How long it waits.
        deadline: Instant,
    },
}

/// The process's side: it runs, and hands over where it waits.
pub trait Baton {
    /// Waits.
    fn wait(&self, wait: Wait);
}

/// What a process does.
pub trait Life {
    /// Lives, from its start to its end.
    fn live(self, baton: &impl Baton) -> End;
}

/// The end of a process by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As a session ends.
    Session,
    /// It found no free name.
    NoFreeSlot,
    /// It died of something that it could not do without.
    Died,
}

impl From<SessionEnd> for End {
    fn from(end: SessionEnd) -> End {
        match end {
            SessionEnd::Stopped => End::Session,
            SessionEnd::NoFreeSlot => End::NoFreeSlot,
        }
    }
}

/// How far a process came.
#[derive(Debug)]
pub enum Step {
    /// It waits.
    Waits(Wait),
    /// It is over.
    Ended(End),
}

/// The world's side of a process. To drop it ends it at once, wherever it is (`kill -9`).
pub trait Course {
    /// Lets it run until it waits or ends.
    fn go_on(&mut self) -> Step;
}
