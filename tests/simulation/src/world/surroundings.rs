//! What a process sees of the world, and leaves for it: between the two, whoever has the baton.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use idetcd::cluster::Directory;
use idetcd::etcd::{Error, ErrorKind, WatchReply};
use idetcd::node::network::HostNetwork;
use idetcd::node::{Counter, JobNews, Owned};
use idetcd::server::table::TableFollower;

use super::program::Program;
use super::tables::TableStart;
use super::tables::wires::SimDialer;
use crate::model::{Reply, WatchId};

/// The surroundings of one process, shared by it and the world.
#[derive(Clone, Debug)]
pub struct Surroundings(Arc<Mutex<Inside>>);

/// What is in them.
#[derive(Debug)]
pub struct Inside {
    /// The time that the machine's clock shows.
    pub now: Instant,
    /// Whether the process was asked to stop.
    pub is_stopping: bool,
    /// Whether it waits again all the same, for the release.
    pub is_releasing: bool,
    /// The machine's address on the latest connection to etcd.
    pub source: IpAddr,
    /// The machine's network, as the process knows it.
    pub network: Arc<HostNetwork>,
    /// Whether its port is its own at all addresses of the machine.
    pub has_port: bool,
    /// Whether it is ready.
    pub is_ready: bool,
    /// What it answers DNS from.
    pub directory: Directory,
    /// What it said of its name since the world looked.
    pub told: Vec<Option<Owned>>,
    /// The program that it runs under its name, if it is to run one.
    pub program: Option<Program>,
    /// What came of the request that it waits for.
    pub answer: Option<Result<Reply, Trouble>>,
    /// What came on the streams of its watches.
    pub streams: BTreeMap<WatchId, Stream>,
    /// Whether it read a fragment, and not the rest yet.
    pub is_mid_reply: bool,
    /// The streams that it closed since the world looked.
    pub closed: Vec<WatchId>,
    /// How often it read all names anew.
    pub full_syncs: u64,
    /// The table that it takes from another process, if it does.
    pub table: Option<TableFollower<SimDialer>>,
    /// With what it would begin that.
    pub table_start: TableStart,
    /// Whether it named others to take it from since the world looked.
    pub is_table_touched: bool,
}

/// The receiving end of a watch.
#[derive(Debug, Default)]
pub struct Stream {
    /// What came and was not read yet.
    pub queue: VecDeque<WatchReply>,
    /// What comes after that: the end.
    pub end: Option<Trouble>,
}

/// What went wrong with a request or a stream, whichever endpoint it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind.
    pub kind: ErrorKind,
    /// In words.
    pub text: String,
}

impl Trouble {
    /// Of a kind, in words.
    pub fn new(kind: ErrorKind, text: impl Into<String>) -> Trouble {
        Trouble { kind, text: text.into() }
    }

    /// As the client tells it of an endpoint.
    pub fn at(&self, endpoint: &str) -> Error {
        Error::new(self.kind, endpoint, &self.text)
    }
}

impl Surroundings {
    /// Those of a process that was just started.
    pub fn new(
        now: Instant,
        (source, network): (IpAddr, HostNetwork),
        directory: Directory,
        program: Option<Program>,
        table_start: TableStart,
    ) -> Self {
        Surroundings(Arc::new(Mutex::new(Inside {
            now,
            is_stopping: false,
            is_releasing: false,
            source,
            network: Arc::new(network),
            has_port: false,
            is_ready: true,
            directory,
            told: Vec::new(),
            program,
            answer: None,
            streams: BTreeMap::new(),
            is_mid_reply: false,
            closed: Vec::new(),
            full_syncs: 0,
            table: None,
            table_start,
            is_table_touched: false,
        })))
    }

    /// Looks at them, or changes them.
    pub fn with<T>(&self, access: impl FnOnce(&mut Inside) -> T) -> T {
        access(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The time that the machine's clock shows.
    pub fn now(&self) -> Instant {
        self.with(|inside| inside.now)
    }

    /// Whether waits end at once, because the process was asked to stop.
    pub fn is_hurried(&self) -> bool {
        self.with(|inside| inside.is_stopping && !inside.is_releasing)
    }
}

impl Inside {
    /// Takes note of the name, as the product's notifier does.
    pub fn tell(&mut self, owned: Option<Owned>) {
        if let Some(program) = &mut self.program {
            program.ownership(owned, self.now);
        }
        self.told.push(owned);
    }

    /// Takes note of what happens in the job, as the product's notifier does.
    pub fn hear_of_job(&mut self, news: JobNews) {
        if let Some(program) = &mut self.program {
            program.hear_of_job(news, self.now);
        }
    }

    /// Whether a name is of use.
    pub fn wants_name(&self) -> bool {
        self.program.as_ref().is_none_or(Program::wants_name)
    }

    /// Counts.
    pub fn note(&mut self, counter: Counter) {
        self.full_syncs += u64::from(counter == Counter::FullSync);
    }
}
