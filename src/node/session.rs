//! The session with etcd, from the first sync to the release, whatever happens in between.

use std::time::{Duration, Instant};

use super::claim::Claimed;
use super::follow::{Scope, Until};
use super::membership::{Lease, Membership};
use super::pause::Pause;
use super::sync::{History, full_sync};
use super::{Host, Settings, Trouble};
use crate::cluster::Record;
use crate::etcd::{Client, Error, Range};

/// How long the release may take, all endpoints together: who stops a process does not wait long.
const RELEASE_PATIENCE: Duration = Duration::from_secs(1);

/// How [`Session::run`] ends.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    /// The process was asked to stop.
    Stopped,
    /// Every slot was taken when this node wanted one.
    NoFreeSlot,
}

/// Whether etcd answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Contact {
    None,
    Found(String),
    Lost,
}

/// This node's session with etcd.
#[derive(Debug)]
pub struct Session<H> {
    pub(super) host: H,
    pub(super) client: Client,
    pub(super) settings: Settings,
    contact: Contact,
    /// What the directory stands at; `None`: read everything.
    pub(super) history: Option<History>,
    /// What is published; found before the first claim.
    pub(super) record: Option<Record>,
    pub(super) lease: Option<Lease>,
    pub(super) membership: Membership,
    told: Option<String>,
}

impl<H: Host> Session<H> {
    /// A session that has not begun.
    pub fn new(host: H, client: Client, settings: Settings) -> Self {
        Session {
            host,
            client,
            settings,
            contact: Contact::None,
            history: None,
            record: None,
            lease: None,
            membership: Membership::Newcomer,
            told: None,
        }
    }

    /// Lives until the process is asked to stop, or there is no slot for this node.
    pub fn run(mut self) -> End {
        let mut pause = Pause::new();
        loop {
            let Err(trouble) = self.attend(&mut pause);
            if self.host.is_stopping() {
                self.release();
                return End::Stopped;
            }
            match trouble {
                Trouble::NoFreeSlot => {
                    self.release();
                    return End::NoFreeSlot;
                }
                Trouble::LeaseGone => continue,
                Trouble::NoAddress(error) => self.tell_once(error.to_string()),
                Trouble::Etcd(error) => self.lose_contact(&error),
            }
            self.doubt();
            self.host.sleep_until(self.next_attempt(pause.draw()));
        }
    }

    /// One stretch of contact with etcd, until trouble.
    fn attend(&mut self, pause: &mut Pause) -> Result<std::convert::Infallible, Trouble> {
        self.sync()?;
        // Before the claim: etcd tells a watch that begins in the present at once, but looks after
        // those that begin in the past ten times a second only.
        let mut watch = self.open_watch(Scope::Slots)?;
        loop {
            self.ensure_lease()?;
            self.ensure_name()?;
            pause.reset();
            if watch.endpoint() != self.client.endpoint() {
                // Its endpoint failed a call, so it does not deserve its watch either.
                watch = self.open_watch(Scope::Slots)?;
            }
            self.follow(&mut watch, Until::NameLost)?;
        }
    }

    /// Reads everything, unless what is known can be followed up from where it stands.
    fn sync(&mut self) -> Result<(), Trouble> {
        if let Some(known) = self.history {
            let now = self.read_history()?;
            if now.cluster_id == known.cluster_id && now.revision >= known.revision {
                return Ok(());
            }
            log::warn!(
                "etcd's history changed: revision {} of cluster {:x} where {} of {:x} was known",
                now.revision,
                now.cluster_id,
                known.revision,
                known.cluster_id
            );
        }
        let result = full_sync(&mut self.client, &self.host);
        self.history = Some(self.heard(result)?);
        self.check_own_key()
    }

    fn read_history(&mut self) -> Result<History, Trouble> {
        let key = self.settings.pattern.first_key();
        let range = Range { count_only: true, ..Range::new(key, None) };
        let result = self.client.range(&range).map_err(Trouble::from);
        let header = self.heard(result)?.header;
        Ok(History { cluster_id: header.cluster_id, revision: header.revision })
    }

    /// After a full sync no event tells what became of the own key meanwhile.
    fn check_own_key(&mut self) -> Result<(), Trouble> {
        let (Membership::Owned(claimed) | Membership::Doubtful(claimed), Some(lease)) =
            (self.membership, self.lease)
        else {
            return Ok(());
        };
        let key = self.settings.pattern.name(claimed.slot);
        let result = self.client.range(&Range::new(key, None)).map_err(Trouble::from);
        let reply = self.heard(result)?;
        match reply.kvs.first() {
            Some(kv) if kv.lease == lease.id => {}
            Some(_) => self.lose(claimed, "somebody else has it"),
            None => self.lose(claimed, "its key is gone"),
        }
        Ok(())
    }

    fn ensure_lease(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        match self.lease {
            Some(lease) if now < lease.renew_at => Ok(()),
            Some(lease) => self.keep_alive(lease),
            None => {
                let result =
                    self.client.lease_grant(self.settings.lease_ttl).map_err(Trouble::from);
                let id = self.heard(result)?;
                self.lease = Some(Lease::new(id, now, self.settings.lease_ttl));
                Ok(())
            }
        }
    }

    pub(super) fn keep_alive(&mut self, lease: Lease) -> Result<(), Trouble> {
        let asked = Instant::now();
        let result = self.client.lease_keep_alive(lease.id).map_err(Trouble::from);
        let Some(ttl) = self.heard(result)? else {
            self.lease = None;
            if let Membership::Owned(claimed) | Membership::Doubtful(claimed) = self.membership {
                self.lose(claimed, "its lease is gone");
            }
            return Err(Trouble::LeaseGone);
        };
        self.lease = Some(Lease::new(lease.id, asked, ttl));
        if let Membership::Doubtful(claimed) = self.membership {
            log::info!("kept {}: its lease lives", self.settings.pattern.name(claimed.slot));
            self.membership = Membership::Owned(claimed);
        }
        Ok(())
    }

    pub(super) fn lose(&mut self, claimed: Claimed, why: &str) {
        log::warn!("lost {}: {why}", self.settings.pattern.name(claimed.slot));
        self.membership = Membership::Lost(claimed);
    }

    /// Once the lease ran out by our clock, the name may be another's.
    fn doubt(&mut self) {
        let (Membership::Owned(claimed), Some(lease)) = (self.membership, self.lease) else {
            return;
        };
        if Instant::now() >= lease.valid_until {
            let name = self.settings.pattern.name(claimed.slot);
            log::warn!("{name} is in doubt: its lease ran out here, and etcd is out of reach");
            self.membership = Membership::Doubtful(claimed);
        }
    }

    /// The next attempt, not later than the moment of doubt.
    fn next_attempt(&self, pause: Duration) -> Instant {
        let next = Instant::now() + pause;
        match (self.membership, self.lease) {
            (Membership::Owned(_), Some(lease)) => next.min(lease.valid_until),
            _ => next,
        }
    }

    /// Notes that etcd answered, and by which endpoint.
    pub(super) fn heard<T>(&mut self, result: Result<T, Trouble>) -> Result<T, Trouble> {
        let endpoint = self.client.endpoint();
        if result.is_ok() && self.contact != Contact::Found(endpoint.to_owned()) {
            log::info!("etcd endpoint {endpoint} found");
            self.contact = Contact::Found(endpoint.to_owned());
            self.told = None;
        }
        result
    }

    fn lose_contact(&mut self, error: &Error) {
        match std::mem::replace(&mut self.contact, Contact::Lost) {
            Contact::Found(endpoint) => {
                log::warn!("etcd endpoint {endpoint} lost: {error}");
            }
            Contact::None => log::warn!("etcd is out of reach, waiting for it: {error}"),
            Contact::Lost => log::debug!("etcd is still out of reach: {error}"),
        }
    }

    fn tell_once(&mut self, text: String) {
        if self.told.as_ref() != Some(&text) {
            log::warn!("{text}");
            self.told = Some(text);
        }
    }

    /// Gives the name back: with the lease go the record and the ticket.
    fn release(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        self.host.begin_release();
        self.client.set_timeout(RELEASE_PATIENCE / self.client.endpoint_count().max(1));
        let name = match self.membership {
            Membership::Owned(claimed) | Membership::Doubtful(claimed) => {
                self.settings.pattern.name(claimed.slot)
            }
            Membership::Newcomer | Membership::Lost(_) => "the place in the queue".to_owned(),
        };
        match self.client.lease_revoke(lease.id) {
            Ok(()) => log::info!("released {name}"),
            Err(error) => log::warn!("{name} stays until its lease runs out: {error}"),
        }
    }
}
