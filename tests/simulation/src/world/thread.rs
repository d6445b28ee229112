//! A process on a thread of its own, for what must be [`Send`] and [`Sync`]: to hand over costs some
//! microseconds. Only one of world and process runs at a time here too.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::baton::{Baton, Course, End, Life, Step, Wait};

/// A process that is a thread.
pub struct Thread {
    /// Hands it the baton. `None`: it is being dropped.
    to: Option<Sender<()>>,
    from: Receiver<Step>,
    handle: Option<JoinHandle<()>>,
}

/// The thread's side.
struct ThreadBaton {
    to: Sender<Step>,
    from: Receiver<()>,
}

/// What unwinds the stack of a thread that is dropped.
struct Dropped;

impl Thread {
    /// A process that has not begun.
    pub fn new(life: impl Life + Send + 'static) -> Thread {
        let ((to, from), (back, end)) = (channel(), channel());
        let handle = std::thread::spawn(move || {
            let baton = ThreadBaton { to: back, from };
            let lived = panic::catch_unwind(AssertUnwindSafe(|| {
                baton.await_turn();
                life.live(&baton)
            }));
            match lived {
                Ok(end) => drop(baton.to.send(Step::Ended(end))),
                Err(why) if why.is::<Dropped>() => {}
                Err(why) => panic::resume_unwind(why),
            }
        });
        Thread { to: Some(to), from: end, handle: Some(handle) }
    }
}

impl ThreadBaton {
    fn await_turn(&self) {
        if self.from.recv().is_err() {
            panic::resume_unwind(Box::new(Dropped));
        }
    }
}

impl Baton for ThreadBaton {
    fn wait(&self, wait: Wait) {
        // If nobody is there to hear it, nobody gives a turn either.
        drop(self.to.send(Step::Waits(wait)));
        self.await_turn();
    }
}

impl Course for Thread {
    fn go_on(&mut self) -> Step {
        let _ = self.to.as_ref().map(|to| to.send(()));
        // A thread that panicked said so; to the world it died.
        self.from.recv().unwrap_or(Step::Ended(End::Died))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.to = None;
        if let Some(handle) = self.handle.take() {
            drop(handle.join());
        }
    }
}
