//! The register: what the programs of all nodes write to, and what guards it by their tokens.
//!
//! It is the storage of Kleppmann's *How to do distributed locking*: for each name it keeps the highest
//! token that it has seen, and refuses writes with a lower one. It sees when each program begins and
//! ends, by its connection, which no kill and no frozen node can keep from being closed or open.
//! Programs reach it by a socket in the file system, so no fault of the network is in between.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, kill_process};
use support::Signal;

use super::story::{Life, Return};

/// So soon it notices that it is to end.
const LONGEST_POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What it keeps, from everybody that ever connected.
#[derive(Debug)]
pub struct Records {
    start: Instant,
    epoch: usize,
    pub lives: Vec<Life>,
    pub returns: BTreeMap<Return, u32>,
    fences: BTreeMap<String, Fence>,
}

/// The highest token of a name, and whose write was the last one that was accepted.
#[derive(Clone, Copy, Debug)]
struct Fence {
    epoch: usize,
    token: i64,
    owner: usize,
}

/// The register, which ends when it is dropped.
pub struct Register {
    path: PathBuf,
    records: Arc<Mutex<Records>>,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Register {
    pub fn start(path: &Path, start: Instant) -> Register {
        let listener = UnixListener::bind(path).expect("a socket");
        listener.set_nonblocking(true).expect("a socket that does not wait");
        let records = Arc::new(Mutex::new(Records::new(start)));
        let ended = Arc::new(AtomicBool::new(false));
        let server = Server { listener, connections: Vec::new(), records: records.clone() };
        let thread = {
            let ended = ended.clone();
            Some(thread::spawn(move || server.run(&ended)))
        };
        Register { path: path.to_owned(), records, ended, thread }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A backup was restored, which takes tokens back: as its operator has to, forget those seen.
    pub fn begin_epoch(&self) {
        self.records().epoch += 1;
    }

    /// Sends a signal to the programs of a node.
    pub fn signal(&self, node: usize, signal: Signal) {
        self.signal_if(signal, |life| life.node == node);
    }

    fn signal_if(&self, signal: Signal, condition: impl Fn(&Life) -> bool) {
        let records = self.records();
        let alive = records.lives.iter().filter(|life| life.closed.is_none());
        for pid in alive.filter(|life| condition(life)).filter_map(|life| Pid::from_raw(life.pid)) {
            // It may have ended just now; then its connection tells that next.
            let _ = kill_process(pid, signal);
        }
    }

    /// The programs of a node that are alive.
    pub fn alive(&self, node: usize) -> Vec<Life> {
        let records = self.records();
        let alive = records.lives.iter().filter(|life| life.node == node && life.closed.is_none());
        alive.cloned().collect()
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        // A program that is frozen would not notice that it has no register any more.
        self.signal_if(Signal::KILL, |_| true);
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Records {
    pub(super) fn new(start: Instant) -> Records {
        let (returns, fences) = (BTreeMap::new(), BTreeMap::new());
        Records { start, epoch: 0, lives: Vec::new(), returns, fences }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Takes in a program by its first line: its node, process, name and token.
    pub(super) fn admit(&mut self, hello: &str) -> usize {
        let words: Vec<&str> = hello.split(' ').collect();
        let [node, pid, name, token] = words[..] else { panic!("not a first line: {hello:?}") };
        let number = |word: &str| word.parse::<i64>().expect("a number");
        self.lives.push(Life {
            node: usize::try_from(number(node)).expect("a node"),
            pid: i32::try_from(number(pid)).expect("a process"),
            name: name.to_owned(),
            token: number(token),
            epoch: self.epoch,
            opened: self.now(),
            closed: None,
            accepted: 0,
            refused: 0,
            last_accepted: None,
        });
        self.lives.len() - 1
    }

    pub(super) fn write(&mut self, index: usize) {
        let at = self.now();
        let life = &mut self.lives[index];
        let first = Fence { epoch: life.epoch, token: life.token, owner: index };
        let fence = self.fences.entry(life.name.clone()).or_insert(first);
        if (first.epoch, first.token) < (fence.epoch, fence.token) {
            life.refused += 1;
            return;
        }
        life.accepted += 1;
        life.last_accepted = Some(at);
        if index < fence.owner {
            let back = Return { owner: index, later_owner: fence.owner };
            *self.returns.entry(back).or_default() += 1;
        }
        *fence = first;
    }

    fn close(&mut self, index: usize) {
        self.lives[index].closed = Some(self.now());
    }
}

/// The thread that serves.
struct Server {
    listener: UnixListener,
    connections: Vec<Connection>,
    records: Arc<Mutex<Records>>,
}

struct Connection {
    stream: UnixStream,
    /// What came of a line that is not whole.
    rest: Vec<u8>,
    /// Which program it is; `None`: it has not said so yet.
    life: Option<usize>,
    is_open: bool,
}

impl Server {
    fn run(mut self, ended: &AtomicBool) {
        while !ended.load(Ordering::Relaxed) {
            let mut fds = vec![PollFd::new(&self.listener, PollFlags::IN)];
            fds.extend(self.connections.iter().map(|c| PollFd::new(&c.stream, PollFlags::IN)));
            if poll(&mut fds, Some(&LONGEST_POLL)).is_err() {
                continue;
            }
            let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            drop(fds);
            let records = self.records.clone();
            let mut records = records.lock().unwrap_or_else(PoisonError::into_inner);
            for (connection, _) in self.connections.iter_mut().zip(&ready[1..]).filter(|c| *c.1) {
                if connection.life.is_some() {
                    connection.serve(&mut records);
                }
            }
            if ready[0] {
                self.accept();
            }
            self.welcome(&mut records);
            self.connections.retain(|connection| connection.is_open);
        }
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).expect("a socket that does not wait");
            self.connections.push(Connection {
                stream,
                rest: Vec::new(),
                life: None,
                is_open: true,
            });
        }
    }

    /// Admits those that said who they are. What happened to others of their name happened before.
    fn welcome(&mut self, records: &mut Records) {
        let is_new = |connection: &Connection| connection.life.is_none();
        for index in 0..self.connections.len() {
            if !is_new(&self.connections[index]) {
                continue;
            }
            self.connections[index].read();
            let Some(hello) = self.connections[index].line() else { continue };
            for other in self.connections.iter_mut().filter(|other| !is_new(other)) {
                other.serve(records);
            }
            let connection = &mut self.connections[index];
            connection.life = Some(records.admit(&hello));
            connection.take_writes(records);
        }
    }
}

impl Connection {
    fn serve(&mut self, records: &mut Records) {
        if self.is_open {
            self.read();
            self.take_writes(records);
        }
    }

    /// Reads all that is there.
    fn read(&mut self) {
        let mut octets = [0; 1024];
        loop {
            match self.stream.read(&mut octets) {
                Ok(0) => break self.is_open = false,
                Ok(length) => self.rest.extend_from_slice(&octets[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break self.is_open = false,
            }
        }
    }

    fn line(&mut self) -> Option<String> {
        let end = self.rest.iter().position(|octet| *octet == b'\n')?;
        let line: Vec<u8> = self.rest.drain(..=end).collect();
        Some(String::from_utf8_lossy(&line[..end]).into_owned())
    }

    fn take_writes(&mut self, records: &mut Records) {
        let Some(life) = self.life else { return };
        while self.line().is_some() {
            records.write(life);
        }
        if !self.is_open {
            records.close(life);
        }
    }
}
