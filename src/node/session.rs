//! The session with etcd, from the first sync to the release, whatever happens in between.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::addresses::Addresses;
use super::backoff::Backoff;
use super::heard::Heard;
use super::job::Barrier;
use super::lease_time::Lease;
use super::own_leases::OwnLeases;
use super::own_put::OwnPut;
use super::proof::Proof;
use super::state::{Contact, History, Membership, Turn, Witness};
use super::table::TableUse;
use super::under_way::SyncUnderWay;
use super::{Host, NodeSettings, Result, SessionError};
use crate::cluster::{Record, SlotId};
use crate::etcd::{Error, ErrorKind, Etcd, LeaseId, WatchStream};
use crate::random::Random;

/// The end of [`Session::run`].
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// The process was asked to stop.
    Stopped,
    /// Every slot was taken when this node wanted one.
    NoFreeSlot,
}

/// This node's session with etcd.
#[derive(Debug)]
pub struct Session<H, E> {
    pub(super) host: H,
    pub(super) client: E,
    pub(super) settings: NodeSettings,
    pub(super) random: Random,
    /// When the session began.
    pub(super) began: Instant,
    pub(super) contact: Contact,
    pub(super) backoff: Backoff,
    /// The pauses after something went wrong though etcd answers.
    pub(super) quick_backoff: Backoff,
    /// The most that replies told of etcd's history.
    pub(super) heard: Option<Heard>,
    pub(super) proof: Proof,
    /// Where the directory stands in etcd's history; `None`: read everything.
    pub(super) history: Option<History>,
    /// What was read of all names when contact was lost.
    pub(super) under_way: Option<SyncUnderWay>,
    /// What proves that everything was read in this history; `None`: nothing is to be proven.
    pub(super) witness: Option<Witness>,
    /// When a newcomer counted the names first, and etcd's revision then: but for what was held up, no earlier life put
    /// anything since. `None`: not known, forgotten by etcd, or names were read.
    pub(super) first_count: Option<(Instant, i64)>,
    /// The put of the own key that the watch has not told of, as far as is known.
    pub(super) own_put: Option<OwnPut>,
    /// Whether another history was found since there was a name: what stands there may be of any life of ours.
    pub(super) is_restored: bool,
    /// The revision at which etcd was asked to take the base of the serial; what stands there since is told.
    pub(super) serial_asked_at: i64,
    /// Until when it is not asked again, for it refused.
    pub(super) serial_refused_until: Option<Instant>,
    /// The revision up to which names of the pattern are known to be missing from the directory.
    pub(super) missing: Option<i64>,
    /// When to read the names of those that started together with this node; until then the own one
    /// alone is followed.
    pub(super) turn: Option<Turn>,
    /// Slots that claims took which were carried out late, beside the one that is owned.
    pub(super) late_claims: Vec<SlotId>,
    /// Whether tickets of ours may stand in the queue though there is a name.
    pub(super) may_queue: bool,
    /// The record that is published; found before a claim.
    pub(super) record: Option<Record>,
    /// Whether it is published with that, that this node is ready; found before a claim as well.
    pub(super) is_ready: bool,
    /// What is known of the addresses that it is made of.
    pub(super) addresses: Addresses,
    pub(super) lease: Option<Lease>,
    /// The lease that the name is to go to, and may be on.
    pub(super) longer_lease: Option<Lease>,
    /// When to have one granted; `None`: that is not drawn, or not to be.
    pub(super) leaves_lease_at: Option<Instant>,
    pub(super) own_leases: OwnLeases,
    /// The lease of an earlier life, whose name was taken over, or one that was said to be gone: to be revoked.
    pub(super) superseded: Option<LeaseId>,
    /// A lease that was left without a name on it, as far as is known: to be revoked before anything else.
    pub(super) left_over: Option<LeaseId>,
    /// The slots with records of earlier lives of this node, by their marks, when all names were read.
    pub(super) marked: Vec<SlotId>,
    /// The leases of others with our addresses, of whom is known that they live.
    pub(super) alive: Vec<LeaseId>,
    /// The names with our addresses whose leases may end.
    pub(super) awaited: Vec<SlotId>,
    /// Until when it waits for that, as a newcomer; `None`: it did not have to.
    pub(super) awaits_leases_until: Option<Instant>,
    pub(super) membership: Membership,
    /// What is done with the table of another node.
    pub(super) table: TableUse,
    /// The job that it takes part in.
    pub(super) job: Option<Barrier>,
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// A session that has not begun.
    pub fn new(host: H, mut client: E, settings: NodeSettings, random: Random) -> Self {
        // A newcomer has no name to lose, and may be one of many that start together.
        let endpoints = client.endpoint_count();
        client.timeout_mut().share(endpoints);
        let began = host.now();
        let proof = Proof::none(began);
        let job = settings.job.clone().map(|job| Barrier::new(job, &settings.keyspace, began));
        Session {
            host,
            client,
            settings,
            random,
            began,
            contact: Contact::default(),
            backoff: Backoff::default(),
            quick_backoff: Backoff::default(),
            heard: None,
            proof,
            history: None,
            under_way: None,
            witness: None,
            first_count: None,
            own_put: None,
            is_restored: false,
            serial_asked_at: 0,
            serial_refused_until: None,
            missing: None,
            turn: None,
            late_claims: Vec::new(),
            may_queue: false,
            record: None,
            is_ready: true,
            addresses: Addresses::default(),
            lease: None,
            longer_lease: None,
            leaves_lease_at: None,
            own_leases: OwnLeases::default(),
            superseded: None,
            left_over: None,
            marked: Vec::new(),
            alive: Vec::new(),
            awaited: Vec::new(),
            awaits_leases_until: None,
            membership: Membership::Newcomer,
            table: TableUse::default(),
            job,
        }
    }

    /// Lives until the process is asked to stop, or there is no slot for this node.
    pub fn run(mut self) -> SessionEnd {
        loop {
            let began = self.host.now();
            self.client.timeout_mut().redials = self.lacks_name() && self.backoff_is_short();
            let Err(error) = self.run_until_error();
            if self.host.is_stopping() {
                self.leave_watch();
                self.release();
                return SessionEnd::Stopped;
            }
            let is_answered = !matches!(error, SessionError::Etcd(_) | SessionError::NoAddress(_));
            match error {
                SessionError::NoFreeSlot => {
                    self.release();
                    return SessionEnd::NoFreeSlot;
                }
                SessionError::LeaseGone => {}
                SessionError::Silent => self.leave_silent(),
                SessionError::NoHistory => (self.history, self.first_count) = (None, None),
                SessionError::NoAddress(error) => {
                    // Nothing was followed meanwhile.
                    self.history = None;
                    self.log_address(error.to_string());
                }
                SessionError::Etcd(error) if calls_for_reading_anew(&error) => {
                    self.allow_for_load(&error);
                    log::info!("{error}: reading everything anew");
                    (self.history, self.first_count) = (None, None);
                }
                SessionError::Etcd(error) => {
                    self.allow_for_load(&error);
                    self.lose_contact(error);
                    self.table.forgive();
                    self.ask_without_etcd();
                }
            }
            self.stop_following();
            let pause = self.draw_pause(is_answered, began);
            self.pause(pause);
        }
    }

    /// The pause after an attempt that began then.
    fn draw_pause(&mut self, is_answered: bool, began: Instant) -> Duration {
        if is_answered {
            return self.quick_backoff.draw(&mut self.random);
        }
        let (is_lost, random) = (self.lacks_name(), &mut self.random);
        if !is_lost {
            return self.backoff.draw(random);
        }
        let attempt = self.host.now().saturating_duration_since(began);
        let names = self.host.directory(|directory| directory.occupied());
        self.backoff.draw_without_name(names, attempt, random)
    }

    /// Whether there are so few names that pauses without one are never long.
    fn backoff_is_short(&self) -> bool {
        Backoff::is_short_without_name(self.host.directory(|directory| directory.occupied()))
    }

    /// Whether this node had a name, and does not own it now.
    fn lacks_name(&self) -> bool {
        match self.membership {
            Membership::Doubtful(_) => true,
            Membership::Lost(_) => self.host.wants_name(),
            Membership::Newcomer | Membership::Owned(_) => false,
        }
    }

    /// Keeps in contact with etcd until something goes wrong.
    fn run_until_error(&mut self) -> Result<Infallible> {
        self.end_trial();
        self.leave_table_if_nameless();
        // First, since etcd answers that soonest where it is slow, and nothing else counts once the lease has ended.
        self.stay_named()?;
        // Who will take the table has no use for the names: many that compare them keep etcd from telling those who have.
        let mut is_unsynced = !self.table.is_asked_for();
        if is_unsynced && !self.will_take_table() {
            self.sync()?;
            is_unsynced = false;
        }
        let mut watch: Option<E::Watch> = None;
        loop {
            self.end_left_over()?;
            self.ensure_lease()?;
            self.settle_lease()?;
            self.settle_doubt()?;
            if self.leave_table_if_nameless() || (is_unsynced && !self.will_take_table()) {
                watch = None;
                self.sync()?;
                is_unsynced = false;
            }
            let is_nameless = self.membership.held().is_none();
            if is_nameless && !self.is_settled() {
                // Who waits in the queue has a watch of its own: one that is read later tells old news.
                watch = None;
                self.leave_list()?;
            }
            self.ensure_name()?;
            self.end_superseded()?;
            self.give_back_late_claims()?;
            self.leave_queue()?;
            self.enter_job()?;
            let mut own_watch = None;
            if self.will_take_table() && !self.let_watchers_learn(&mut own_watch)? {
                continue;
            }
            if self.takes_table()? {
                watch = None;
                is_unsynced = false;
                self.follow_table(own_watch)?;
                if !self.table.is_asked_for() {
                    self.sync()?;
                }
                continue;
            }
            if std::mem::take(&mut is_unsynced) {
                self.sync()?;
            }
            if !self.await_turn()? {
                continue;
            }
            // An endpoint that failed a call loses its watch as well: silence may be a failure.
            let mut current = match watch.take() {
                Some(watch) if watch.endpoint() == self.client.endpoint() => watch,
                other => {
                    if other.is_some() {
                        self.sync()?;
                    }
                    self.open_watch(None)?
                }
            };
            self.follow(&mut current)?;
            self.end_trial();
            watch = Some(current);
        }
    }

    /// Leaves an endpoint whose watch did not tell what etcd holds, for another one where there is one.
    fn leave_silent(&mut self) {
        let (endpoint, seconds) = (self.client.endpoint(), self.settings.max_lag.as_secs());
        log::warn!(
            "the watch at etcd endpoint {endpoint} is behind what etcd answers for {seconds} s or more \
             (--max-lag): answers are stale until another one is up to date"
        );
        if !self.proof.is_given() {
            self.history = None;
        }
        self.client.leave_endpoint();
    }

    /// Gives etcd more time where it is slow: those who give up and ask again are what keeps it from answering any.
    fn allow_for_load(&mut self, error: &Error) {
        if !matches!(error.kind, ErrorKind::TimedOut | ErrorKind::TooLarge) {
            return;
        }
        let endpoints = self.client.endpoint_count();
        let is_newcomer = self.membership == Membership::Newcomer;
        let timeout = self.client.timeout_mut();
        if is_newcomer { timeout.grow() } else { timeout.grow_if_busy(endpoints) }
    }

    /// Waits before the next attempt, and notices in time what time alone changes. Another network may
    /// be what the attempt failed for the want of.
    pub(super) fn pause(&mut self, pause: Duration) {
        let (now, network) = (self.host.now(), self.host.network());
        self.addresses.see(&network, now);
        // The next attempt is the first in this network.
        let pause = if self.addresses.explain_failure(now) { Duration::ZERO } else { pause };
        let end = now + pause;
        loop {
            self.doubt();
            self.expire();
            let now = self.host.now();
            let is_changed = !Arc::ptr_eq(&network, &self.host.network());
            if now >= end || is_changed || self.host.is_stopping() {
                return;
            }
            let doubtful_at = self.owned().map(|owned| owned.valid_until);
            let expired_at = self.contact.expires_at(self.settings.max_stale);
            let changes = [doubtful_at, expired_at].into_iter().flatten().filter(|at| *at > now);
            self.host.sleep_until(changes.min().map_or(end, |at| at.min(end)));
        }
    }
}

/// Whether changes cannot be followed from where the directory stands.
fn calls_for_reading_anew(error: &Error) -> bool {
    error.is_out_of_range() || error.is_compacted() || error.is_too_large()
}
