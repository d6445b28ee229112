//! A session over the gateway. What ureq is given must be [`Send`] and [`Sync`], and no baton is: so the
//! session lives on a thread beside its process, which hands the baton on for it. One of them runs at a time.

use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use idetcd::node::session::Session;
use idetcd::random::Random;

use super::client::TimedClient;
use crate::world::baton::{Baton, End, Life, Wait};
use crate::world::host::SimHost;
use crate::world::life::Start;

/// The life of the product's session with the product's client.
pub struct GatewayLife(pub Start);

impl Life for GatewayLife {
    fn live(self, baton: &impl Baton) -> End {
        beside(baton, move |port| session(self.0, port))
    }
}

/// Lets work be done on a thread, and hands the baton on where it waits. Where this is dropped, the thread
/// ends at its next wait.
pub fn beside(baton: &impl Baton, work: impl FnOnce(&Port) -> End + Send + 'static) -> End {
    let (to, waits) = channel();
    let (turns, from) = channel();
    let port = Port { to, from: Arc::new(Mutex::new(from)) };
    let thread =
        std::thread::spawn(move || match panic::catch_unwind(AssertUnwindSafe(|| work(&port))) {
            Ok(end) => drop(port.to.send(Said::Ended(end))),
            Err(why) if why.is::<Dropped>() => {}
            Err(why) => panic::resume_unwind(why),
        });
    let beside = Beside { turns: Some(turns), thread: Some(thread) };
    loop {
        match waits.recv() {
            Ok(Said::Waits(wait)) => baton.wait(wait),
            Ok(Said::Ended(end)) => return end,
            // It panicked, and said so.
            Err(_) => return End::Died,
        }
        beside.give_turn();
    }
}

fn session(start: Start, port: &Port) -> End {
    let around = start.around.clone();
    let client = TimedClient::new(port, around, start.endpoints, start.timeout, start.login);
    let host = SimHost::new(port, start.around);
    Session::new(host, client, start.settings, Random::from_seed(start.seed)).run().into()
}

/// What the thread says.
enum Said {
    Waits(Wait),
    Ended(End),
}

/// The thread's way to its process.
#[derive(Clone)]
pub struct Port {
    to: Sender<Said>,
    from: Arc<Mutex<Receiver<()>>>,
}

/// What unwinds the stack of a thread whose process is killed.
struct Dropped;

impl Baton for Port {
    fn wait(&self, wait: Wait) {
        // If nobody is there to hear it, nobody gives a turn either.
        drop(self.to.send(Said::Waits(wait)));
        let turn = self.from.lock().unwrap_or_else(PoisonError::into_inner).recv();
        if turn.is_err() {
            panic::resume_unwind(Box::new(Dropped));
        }
    }
}

/// The process's way to its thread, which ends with it.
struct Beside {
    turns: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Beside {
    fn give_turn(&self) {
        let _ = self.turns.as_ref().map(|turns| turns.send(()));
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.turns = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
