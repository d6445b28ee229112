//! The table of all names, taken from one of the nodes that have it, and followed there.
//!
//! ```text
//!  Candidates ── which server ──▶ TableLink ── TCP ──▶ server
//!                                  │ Follow: what to ask, when to leave
//!                                  ▼
//!                    TransferReader ──▶ WholeTable, ChangeSet ──▶ directory
//! ```
//!
//! At most two connections are open: that to the server in use, and one to the server that will take its place
//! once all names came from there. The decisions are pure, in [`candidates`] and [`follow`]; what carries octets
//! is behind [`TableDialer`].

pub mod candidates;
pub mod follow;
mod freshness;
mod leave_reason;
mod link;
mod link_error;
pub mod outcome;
mod own_proof;
mod silence;
pub mod sockets;
pub mod stream;
mod trust;
mod turn;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::{Directory, Freshness, NamesRead, SlotId};
use crate::dns::transfer_in::TransferZones;
use crate::node::{TableServer, TableState};
use crate::server::timers::FollowedTable;
use candidates::Candidates;
pub use freshness::TableLimits;
use leave_reason::LeaveReason;
use link::TableLink;
use link_error::LinkError;
use own_proof::OwnProof;
use silence::SilenceLimit;
use stream::TableDialer;
pub use trust::TableTrust;

/// Pieces of a directory that answers no more that are given up in one turn.
const PIECES_PER_TURN: usize = 128;

/// The longest time for which servers are tried one after the other before the table counts as lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether all names came from a server in this turn, or what changed of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HasTable {
    Yes,
    NotYet,
}

/// What a turn changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableTurn {
    /// What became of taking the table.
    pub is_state_changed: bool,
    /// The directory.
    pub is_directory_changed: bool,
}

/// The table, on its way here.
#[derive(Debug)]
pub struct TableFollower<D: TableDialer> {
    zones: Arc<TransferZones>,
    limits: TableLimits,
    trust: TableTrust,
    /// What opens connections.
    pub dialer: D,
    candidates: Candidates,
    /// The server in use, and the one that may take its place.
    active: Option<TableLink<D::Stream>>,
    trial: Option<TableLink<D::Stream>>,
    /// How long the next one may be silent.
    silence: SilenceLimit,
    /// When the directory was last what etcd held; `None`: it never was, by this.
    proven_at: Option<Instant>,
    /// What it was marked as last.
    marked: Option<Freshness>,
    /// There is no table, and nobody is asked for one before they are named again.
    is_lost: bool,
    /// Since when there is no server in use that is in step.
    without_since: Instant,
    own: Option<SlotId>,
    own_proof: OwnProof,
    /// The directory that answers no more.
    retired: Option<Directory>,
}

impl<D: TableDialer> TableFollower<D> {
    /// One that follows nobody yet.
    pub fn new(
        zones: Arc<TransferZones>,
        limits: TableLimits,
        dialer: D,
        now: Instant,
    ) -> TableFollower<D> {
        TableFollower {
            zones,
            limits,
            trust: TableTrust::default(),
            dialer,
            candidates: Candidates::default(),
            active: None,
            trial: None,
            silence: SilenceLimit::default(),
            proven_at: None,
            marked: None,
            is_lost: false,
            without_since: now,
            own: None,
            own_proof: OwnProof::default(),
            retired: None,
        }
    }

    /// Believes servers by this.
    #[must_use]
    pub fn with_trust(self, trust: TableTrust) -> TableFollower<D> {
        TableFollower { trust, ..self }
    }

    /// What it believes servers by, with what it knows of them.
    pub fn into_trust(self) -> TableTrust {
        self.trust
    }

    /// Names those who have the table, in order of preference.
    pub fn set_servers(&mut self, servers: &[TableServer], now: Instant) {
        self.candidates.set(servers);
        for link in [&mut self.active, &mut self.trial] {
            link.take_if(|link| !self.candidates.has(link.server));
        }
        if self.is_lost {
            // Whoever names them again has reason to think that one has a table by now.
            self.candidates.forgive();
        }
        if servers.is_empty() {
            // Who follows etcd from now on says how fresh the directory is.
            self.proven_at = None;
        }
        (self.is_lost, self.without_since) = (servers.is_empty(), now);
    }

    /// Whether there is nothing to be done any more.
    pub fn is_over(&self) -> bool {
        self.candidates.is_empty() && self.retired.is_none()
    }

    /// What became of it.
    pub fn state(&self) -> TableState {
        match self.proven_at {
            _ if self.is_lost && !self.candidates.is_hopeful() => TableState::Hopeless,
            _ if self.is_lost => TableState::Lost,
            Some(at) => TableState::Followed { until: at + self.limits.max_lag },
            None => TableState::Awaited,
        }
    }

    /// Whose table the names are, and how fresh; `None`: none came yet.
    pub fn followed(&self) -> Option<FollowedTable> {
        let server = self.active.as_ref().map(|link| link.server);
        self.proven_at.map(|proven_at| FollowedTable { server, proven_at })
    }

    /// Takes note of a NOTIFY. `false`: it is not of a server in use, which need not tell this node any more, or of
    /// another zone.
    pub fn told(&mut self, from: IpAddr, zone: &str) -> bool {
        let is_its = |link: &&mut TableLink<D::Stream>| link.server.address.ip() == from;
        let active = self.active.as_mut().filter(is_its);
        let is_used = active.is_some() || self.trial.as_mut().filter(is_its).is_some();
        if let Some(active) = active {
            active.told();
        }
        is_used && self.zones.names().any(|it| it == zone)
    }

    /// When there is something to do even if nothing comes.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if self.retired.is_some() {
            return Some(now);
        }
        if self.candidates.is_empty() {
            return None;
        }
        let is_to_choose = self.in_step().is_none() && self.trial.is_none() && !self.is_lost;
        let look_at = self.candidates.look_at().filter(|_| self.trial.is_none());
        let times = [
            is_to_choose.then(|| {
                let in_use = self.active.as_ref().map(|active| active.server);
                let ready_at = self.candidates.ready_at(in_use, now);
                ready_at.into_iter().chain([self.gives_up_at()]).min().unwrap_or(now).max(now)
            }),
            self.active.as_ref().map(|link| link.next_deadline(now)),
            self.trial.as_ref().map(|link| link.next_deadline(now)),
            look_at.filter(|_| self.in_step().is_some()),
            self.proven_at.and_then(|at| self.remarked_at(at, now)),
        ];
        times.into_iter().flatten().min()
    }

    /// When the directory is to be marked as something else; that may be over.
    fn remarked_at(&self, proven_at: Instant, now: Instant) -> Option<Instant> {
        if self.marked != Some(self.limits.freshness(proven_at, now)) {
            return Some(now);
        }
        self.limits.next_change(proven_at, now)
    }

    /// Goes on as far as it can, but no turn takes long.
    pub fn progress(&mut self, now: Instant, directory: &mut Directory) -> TableTurn {
        self.dialer.begin_turn();
        let (kind, changes) = (std::mem::discriminant(&self.state()), directory.changes());
        self.retired.take_if(|old| !old.shrink(PIECES_PER_TURN));
        self.heed_own_name(directory);
        self.own_proof.look(directory, now);
        if let Some(link) = self.active.take() {
            let (server, was_stale) = (link.server, link.follow.is_stale());
            let turned = self.turn(link, now, directory);
            self.active = turned.map(|(link, _)| link);
            if self.in_step().is_none() && !was_stale {
                self.without_since = now;
                if self.active.is_some() {
                    self.leave(server, &LinkError::Leave(LeaveReason::Stale), now);
                }
            }
        }
        if let Some(mut link) = self.trial.take() {
            if self.in_step().is_none() {
                link.follow.if_in_step();
            }
            match self.turn(link, now, directory) {
                // Whoever was in use before is left.
                Some((link, HasTable::Yes)) => self.active = Some(link),
                Some((link, HasTable::NotYet)) => self.trial = Some(link),
                None => {}
            }
        }
        self.choose(now);
        let links = self.active.iter().chain(&self.trial);
        if let Some(names) = links.filter_map(TableLink::names_read).max() {
            directory.account.reading = Some(NamesRead { names, of: None });
        }
        if let Some(at) = self.proven_at {
            let freshness = self.limits.freshness(at, now);
            directory.mark(freshness);
            self.marked = Some(freshness);
        }
        TableTurn {
            is_state_changed: std::mem::discriminant(&self.state()) != kind,
            is_directory_changed: directory.changes() != changes,
        }
    }

    /// What is told of the own name is kept apart, so where another name is the own one from now on, or none is,
    /// everything is read anew.
    fn heed_own_name(&mut self, directory: &Directory) {
        let own = directory.own();
        // Lost and got back between two turns, it was not told since.
        let is_untold = own.is_some() && directory.own_as_told().is_none();
        if (self.own != own || is_untold)
            && let Some(link) = &mut self.active
        {
            link.follow.doubt();
        }
        self.own = own;
    }

    /// The server in use, unless it is out of step for too long.
    fn in_step(&self) -> Option<&TableLink<D::Stream>> {
        self.active.as_ref().filter(|active| !active.follow.is_stale())
    }

    /// Whether no server is to be looked for any more before they are named again.
    fn is_to_give_up(&self, now: Instant) -> bool {
        let end = self.gives_up_at();
        now >= end || self.candidates.is_hopeless() || self.candidates.are_left_alone_until(end)
    }

    /// From when on the table is lost if there is no server in step.
    fn gives_up_at(&self) -> Instant {
        self.without_since + PATIENCE
    }
}
