//! In step with etcd again: how to see that what is known can be followed up from where it stands, and
//! that the own name is still as it was left; else everything is read anew. Where nothing of ours changed, it does
//! not matter what etcd has forgotten since.

use super::full_sync::{entry, newest_of};
use super::session::Session;
use super::state::{Claimed, History};
use super::{Host, Result, SessionError};
use crate::cluster::{KeyRange, Latest, Record};
use crate::etcd::{
    Etcd, EventKind, KeyValue, LeaseId, Range, RangeReply, ResponseHeader, Status, read_key,
};

/// The number of keys, of those that changed last, by which two histories are told apart, and one more: of the
/// oldest revision there may be others beyond.
pub(super) const LATEST: i64 = 17;

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
    /// Nothing changed up to this revision, which is etcd's.
    Unchanged(i64),
    /// It goes on from where we stand.
    GoesOn,
    /// It does not, or that cannot be told, for this reason.
    Breaks(String),
}

impl<H: Host, E: Etcd> Session<H, E> {
    /// Reads everything, unless what is known can be followed up from where it stands. Whether etcd's log goes
    /// on is seen when the watch is opened.
    pub(super) fn sync(&mut self) -> Result<Synced> {
        if let Some(known) = self.history.clone() {
            match self.compare(&known)? {
                Continuity::Unchanged(revision) => {
                    self.see_all(revision);
                    self.proof.right_at(revision);
                    return Ok(Synced::GoesOn);
                }
                Continuity::GoesOn => return Ok(Synced::GoesOn),
                Continuity::Breaks(why) => log::info!("{why}: reading everything anew"),
            }
            self.history = None;
        }
        self.read_everything()?;
        // A backup that was restored may have tickets of ours as well.
        self.may_queue = self.addresses.lease.is_some();
        Ok(Synced::Anew)
    }

    /// Keeps the lease alive if there is one and it is time to, and notices that the name is in doubt.
    pub(super) fn stay_named(&mut self) -> Result<()> {
        self.doubt();
        match self.lease {
            Some(lease) if self.host.now() >= lease.renew_at => self.keep_alive(lease),
            _ => Ok(()),
        }
    }

    /// Compares etcd's history with what is known: as it is now and, where names changed since, as it was. In
    /// an older backup that was restored there is no such revision, or something else stands there.
    fn compare(&mut self, known: &History) -> Result<Continuity> {
        if known.is_position_refused {
            return Ok(Continuity::Breaks("etcd does not tell how far it has got".to_owned()));
        }
        let ranges = self.settings.keyspace.ranges();
        let (mut revision, mut is_unchanged) = (0, true);
        for (index, range) in ranges.iter().enumerate() {
            // All of them are read at the revision of the first.
            let (at, difference) = self.difference(index, range, revision)?;
            (revision, is_unchanged) = (at, difference.is_none());
            if !is_unchanged {
                break;
            }
        }
        if is_unchanged {
            return Ok(Continuity::Unchanged(revision));
        }
        for (index, (range, revision)) in ranges.iter().zip(&known.revisions).enumerate() {
            if let (_, Some(why)) = self.difference(index, range, *revision)? {
                // Or etcd has forgotten it.
                self.note_restore();
                return Ok(Continuity::Breaks(why));
            }
        }
        Ok(Continuity::GoesOn)
    }

    /// Compares a range with what is known of it, as of a revision; 0: now. Returns the revision, and says
    /// in what they differ.
    fn difference(
        &mut self,
        index: usize,
        range: &KeyRange,
        revision: i64,
    ) -> Result<(i64, Option<String>)> {
        let reply = match self.latest(range, revision) {
            Err(SessionError::Etcd(error)) if error.is_out_of_range() => {
                let why = format!("etcd cannot tell what changed since revision {revision}");
                return Ok((revision, Some(why)));
            }
            Err(SessionError::Etcd(error)) if error.is_too_large() => {
                let why = "what changed last is too large to be compared".to_owned();
                return Ok((revision, Some(why)));
            }
            reply => reply?,
        };
        let revision = if revision == 0 { reply.header.revision } else { revision };
        // What was learnt otherwise, as the own name from its claim, is ahead of the events.
        let mut latest = latest_of(&reply, true);
        if let Some(own) = self.own_put.as_ref().filter(|_| index == 0) {
            own.leave_out_of(&mut latest, revision);
        }
        let agrees = self.host.directory(|directory| directory.agrees(index, revision, &latest));
        let why = || format!("etcd's history up to revision {revision} is not what was seen");
        Ok((revision, (!agrees).then(why)))
    }

    /// The keys of a range that changed last, as of a revision.
    fn latest(&mut self, range: &KeyRange, revision: i64) -> Result<RangeReply> {
        let request = Range { revision, limit: LATEST, ..newest_of(range) };
        self.ask(|client| client.range(&request))
    }

    /// The state of the member in use; `None`: it is not told.
    pub(super) fn status(&mut self) -> Result<Option<Status>> {
        match self.ask_member(Etcd::status) {
            Ok(status) => Ok(Some(status)),
            Err(SessionError::Etcd(error)) if error.is_refusal() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Finds out how far etcd has got.
    ///
    /// # Errors
    /// [`SessionError::NoHistory`]: less far than it had.
    pub(super) fn locate(&mut self) -> Result<Option<Status>> {
        let status = self.status()?;
        let position = self.history.as_ref().and_then(|history| history.position);
        let why = match (position, &status) {
            (Some(seen), Some(status)) if seen.is_past(status) => {
                "etcd's log is shorter than it was, as after a restore"
            }
            (Some(_), None) => "etcd does not tell how far it has got",
            _ => return Ok(status),
        };
        Err(self.break_off(why))
    }

    /// Reads the own key, and loses the name unless all is as it was left. No event tells of that after a full
    /// sync.
    pub(super) fn confirm(&mut self) -> Result<ResponseHeader> {
        let held = self.membership.held();
        let keyspace = &self.settings.keyspace;
        let key = held.map_or_else(|| keyspace.slots().0, |claimed| keyspace.key(claimed.slot));
        let reply = self.ask(|client| read_key(client, key))?;
        self.confirm_by(reply)
    }

    /// The same by what was read of the own key.
    pub(super) fn confirm_by(&mut self, reply: RangeReply) -> Result<ResponseHeader> {
        let held = self.membership.held();
        let (Some(claimed), Some(lease)) = (held, self.lease) else { return Ok(reply.header) };
        match reply.kvs.first() {
            Some(kv) if claimed.stands(kv, lease.id) => self.expect_record(claimed, &kv.value),
            other => {
                self.lose_to(claimed, other);
                self.recall_own_key(claimed, lease.id, other)?;
            }
        }
        Ok(reply.header)
    }

    /// Reads the own key, which no event told the end of, as of the revision up to which changes were seen: a
    /// backup that was restored meanwhile, and written to until it is past that, does not have it there.
    ///
    /// # Errors
    /// [`SessionError::NoHistory`]: it was not as it was left.
    fn recall_own_key(
        &mut self,
        claimed: Claimed,
        lease: LeaseId,
        now: Option<&KeyValue>,
    ) -> Result<()> {
        let seen = self.history.as_ref().and_then(|history| history.revisions.first());
        let Some(revision) = seen.copied().filter(|seen| *seen >= claimed.mod_revision) else {
            return Ok(());
        };
        let name = self.name(claimed);
        let known = self.host.directory(|directory| directory.record(name.as_bytes()).copied());
        // A backup that was read may have it with the same addresses, on a lease of before. One that is older than what
        // this node put in the history that it read is of another.
        let is_told = now.is_some_and(|kv| {
            kv.mod_revision <= revision
                && (kv.mod_revision >= claimed.mod_revision || self.is_restored)
                && Record::parse(&kv.value).ok() == self.record
        });
        if known.is_none() || known != self.record || is_told {
            return Ok(());
        }
        let key = self.settings.keyspace.key(claimed.slot);
        let range = Range { revision, ..Range::new(key, None) };
        let is_as_left = match self.ask(|client| client.range(&range)) {
            // It was forgotten, or is still to come.
            Err(SessionError::Etcd(error)) if error.is_out_of_range() => false,
            reply => reply?.kvs.first().is_some_and(|kv| claimed.stands(kv, lease)),
        };
        if is_as_left {
            return Ok(());
        }
        Err(self.break_off("the own name was not in etcd's history when it was seen to be"))
    }
}

/// What of the reply can be compared: all keys, or those past the revision of the last.
pub(super) fn latest_of(reply: &RangeReply, has_values: bool) -> Latest<'_> {
    let is_cut = reply.kvs.len() < reply.count;
    let after = reply.kvs.last().filter(|_| is_cut).map_or(0, |last| last.mod_revision);
    let kvs = reply.kvs.iter().filter(|kv| kv.mod_revision > after);
    let entries = kvs.map(|kv| entry(kv, EventKind::Put)).collect();
    Latest { keys: reply.count, after, has_values, entries }
}
