//! In step with etcd again: how to see that what is known can be followed up from where it stands, and
//! that the own name is still as it was left; else everything is read anew.

use super::full_sync::{FullSync, entry, newest_of};
use super::position::Position;
use super::session::Session;
use super::state::History;
use super::{Host, Result, SessionError};
use crate::cluster::{KeyRange, Latest};
use crate::etcd::{Etcd, EventKind, Range, RangeReply, ResponseHeader, Status, read_key};

/// The number of keys, of those that changed last, by which two histories are told apart, and one more: of the
/// oldest revision there may be others beyond.
const LATEST: i64 = 17;

/// The way in which the directory came to be in step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Synced {
    /// The history that is known goes on.
    GoesOn,
    /// Everything was read.
    Anew,
}

/// What a comparison with etcd's history says.
enum Continuity {
    /// It goes on from where we stand. The state of the member that was asked.
    GoesOn(Status),
    /// It does not, or that cannot be told, for this reason.
    Breaks(String),
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Reads everything, unless what is known can be followed up from where it stands.
    pub(super) fn sync(&mut self) -> Result<Synced> {
        if let Some(known) = self.history.clone() {
            match self.compare(&known)? {
                Continuity::GoesOn(status) => {
                    self.confirm(Some(&status))?;
                    return Ok(Synced::GoesOn);
                }
                Continuity::Breaks(why) => log::info!("{why}: reading everything anew"),
            }
            self.history = None;
        }
        self.read_everything()?;
        Ok(Synced::Anew)
    }

    /// Reads all names, keeping the lease alive meanwhile.
    pub(super) fn read_everything(&mut self) -> Result<()> {
        let Some(mut reading) = FullSync::begin(&self.host) else { return Ok(()) };
        while reading.read_page(&mut self.client, &self.host)? {
            self.heard();
            self.stay_named()?;
        }
        self.history = Some(reading.finish(&self.host));
        (self.turn, self.missing) = (None, None);
        self.contact.follow(self.host.now());
        self.note_late_claims();
        Ok(())
    }

    /// Keeps the lease alive if there is one and it is time to, and notices that the name is in doubt.
    fn stay_named(&mut self) -> Result<()> {
        self.doubt();
        match self.lease {
            Some(lease) if self.host.now() >= lease.renew_at => self.keep_alive(lease),
            _ => Ok(()),
        }
    }

    /// Compares etcd's history with what is known. In an older backup that was restored, or in another
    /// cluster, there is no such revision, something else stands there, or the log is shorter.
    fn compare(&mut self, known: &History) -> Result<Continuity> {
        let ranges = self.settings.keyspace.ranges();
        let mut header = ResponseHeader::default();
        for (index, (range, revision)) in ranges.iter().zip(&known.revisions).enumerate() {
            let reply = match self.latest(range, *revision) {
                Err(SessionError::Etcd(error)) if error.is_out_of_range() => {
                    let why = format!("etcd cannot tell what changed since revision {revision}");
                    return Ok(Continuity::Breaks(why));
                }
                Err(SessionError::Etcd(error)) if error.is_too_large() => {
                    let why = "what changed last is too large to be compared".to_owned();
                    return Ok(Continuity::Breaks(why));
                }
                reply => reply?,
            };
            header = reply.header;
            let (now, then) = (header.cluster_id, known.cluster_id);
            if now != then {
                let why = format!("cluster {now:x} answers, no more {then:x}");
                return Ok(Continuity::Breaks(why));
            }
            // What was learnt otherwise, as the own name from its claim, is ahead of the events.
            let latest = latest_of(&reply);
            if !self.host.directory(|directory| directory.agrees(index, *revision, &latest)) {
                let why = format!("etcd's history up to revision {revision} is not what was seen");
                return Ok(Continuity::Breaks(why));
            }
        }
        // A member that fell behind says less than there is: it has to be the one that was read from.
        Ok(match self.status()? {
            Some(status) if status.header.member_id != header.member_id => {
                Continuity::Breaks("another member answers".to_owned())
            }
            Some(status) if known.position.is_some_and(|seen| seen.is_past(&status)) => {
                Continuity::Breaks(
                    "etcd's log is shorter than it was, as after a restore".to_owned(),
                )
            }
            Some(status) => Continuity::GoesOn(status),
            None => Continuity::Breaks("etcd does not tell how far it has got".to_owned()),
        })
    }

    /// The keys of a range that changed last, as of a revision.
    fn latest(&mut self, range: &KeyRange, revision: i64) -> Result<RangeReply> {
        let request = Range { revision, limit: LATEST, ..newest_of(range) };
        self.ask(|client| client.range(&request))
    }

    /// The state of the member in use; `None`: it is not told.
    fn status(&mut self) -> Result<Option<Status>> {
        match self.ask(Etcd::status) {
            Ok(status) => Ok(Some(status)),
            Err(SessionError::Etcd(error)) if error.is_refusal() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds out how far etcd has got, for later comparisons, and what became of the own name, of which no
    /// event tells after a full sync.
    pub(super) fn locate(&mut self) -> Result<()> {
        let status = self.status()?;
        self.confirm(status.as_ref())
    }

    /// Reads the own key, and loses the name unless all is as it was left. The revision that is told then
    /// goes with a status that was told before.
    fn confirm(&mut self, status: Option<&Status>) -> Result<()> {
        let held = self.membership.held();
        let keyspace = &self.settings.keyspace;
        let key = held.map_or_else(|| keyspace.slots().0, |claimed| keyspace.key(claimed.slot));
        let reply = self.ask(|client| read_key(client, key))?;
        if let (Some(history), Some(status)) = (&mut self.history, status) {
            let reached = Position::reached(status, reply.header.revision);
            let seen = history.position.unwrap_or(reached);
            history.position = Some(seen.further(reached));
        }
        let (Some(claimed), Some(lease)) = (held, self.lease) else { return Ok(()) };
        match reply.kvs.first() {
            Some(kv) if claimed.stands(kv, lease.id) => {}
            other => self.lose_to(claimed, other),
        }
        Ok(())
    }
}

/// What of the reply can be compared: all keys, or those past the revision of the last.
fn latest_of(reply: &RangeReply) -> Latest<'_> {
    let is_cut = reply.kvs.len() < reply.count;
    let after = reply.kvs.last().filter(|_| is_cut).map_or(0, |last| last.mod_revision);
    let kvs = reply.kvs.iter().filter(|kv| kv.mod_revision > after);
    let entries = kvs.map(|kv| entry(kv, EventKind::Put)).collect();
    Latest { keys: reply.count, after, entries }
}
