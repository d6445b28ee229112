//! The proof that the directory is etcd's present one.
//!
//! A watch that tells nothing may be one of a member that is frozen, cut off or behind, or of etcd's own fault, while
//! other calls are answered. So at least every `--max-lag` the present is asked for, from no member that is
//! behind: the own key, and with it etcd's revision. If that is one at which the directory was right, or was seen
//! to the end, nothing else is asked. Else the keys that changed last and the number of all are compared; where
//! they differ the watch has until `--max-lag` is over to tell what is missing. Past that, answers are stale.
//!
//! Notices of progress are no way to do that: etcd's gateway reads the whole request for a watch before it answers,
//! so that nothing can be asked on it later, and etcd sends them by itself every ten minutes only.

use std::time::Instant;

use super::full_sync::newest_of;
use super::position::Position;
use super::proof::Present;
use super::session::Session;
use super::sync::{LATEST, latest_of};
use super::{Host, Result, SessionError};
use crate::cluster::Freshness;
use crate::etcd::{Etcd, Op, Range, ResponseHeader, Status, Txn};

/// The part of the longest lag after which the next proof is asked for: the rest is for a request that is lost,
/// and for the watch.
const PERIOD: (u32, u32) = (5, 6);
/// The same where others take the table from here: they look for another server before the part of their longest lag
/// is over that is left then.
const SERVING_PERIOD: (u32, u32) = (2, 3);
/// The part of it after which it is asked for again where the watch has not told enough, and at most: each time
/// it is twice as long, since where many nodes start at once it is they who keep etcd from telling.
const AGAIN_PART: u32 = 15;
const LAST_AGAIN_PART: u32 = 3;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Begins to prove, once a watch was opened. The status is of before.
    pub(super) fn begin_proof(&mut self, status: Option<&Status>) -> Result<()> {
        (self.proof.awaited, self.proof.is_caught_up) = (None, false);
        self.stay_named()?;
        self.hear_witness()?;
        self.proof.since = self.host.now();
        let reached = self.prove()?;
        self.dismiss_witness();
        self.is_restored &= self.membership.held().is_none();
        if let (Some(history), Some(status)) = (&mut self.history, status) {
            let reached = Position::reached(status, reached.revision);
            history.position = Some(history.position.map_or(reached, |seen| seen.further(reached)));
        }
        Ok(())
    }

    /// Proves again where it is time to.
    ///
    /// # Errors
    /// [`SessionError::Silent`]: the watch did not tell in time what etcd holds.
    pub(super) fn prove_in_time(&mut self) -> Result<()> {
        let now = self.host.now();
        if now >= self.proof.ends_at(self.settings.max_lag) {
            if self.proof.awaited.is_some() {
                return Err(SessionError::Silent);
            }
            // This process stood still.
            self.proof.end();
            (self.proof.since, self.proof.next_at) = (now, now);
            self.mark();
        }
        // Others may have begun to since it was proven.
        if let Some(proven_at) = self.proof.proven_at.filter(|_| self.is_followed()) {
            let (part, parts) = SERVING_PERIOD;
            let due_at = proven_at + self.settings.max_lag * part / parts;
            self.proof.next_at = self.proof.next_at.min(due_at);
        }
        if now < self.proof.next_at {
            return Ok(());
        }
        if self.proof.awaited.is_some() { self.await_present() } else { self.prove().map(drop) }
    }

    /// Asks for etcd's revision and the own key, and for more where that is not enough.
    fn prove(&mut self) -> Result<ResponseHeader> {
        let asked = self.host.now();
        let header = self.confirm()?;
        if header.revision == self.proof.revision || self.has_seen(header.revision) {
            self.proven(asked, header.revision);
            return Ok(header);
        }
        self.stay_named()?;
        self.await_present()?;
        Ok(header)
    }

    /// Lets the watch tell what etcd holds by now.
    fn await_present(&mut self) -> Result<()> {
        let present = self.look_at_present()?;
        // From the reply on: however long it took, the watch is read before it is asked again.
        let max_lag = self.settings.max_lag;
        let pause = (max_lag / AGAIN_PART).saturating_mul(1 << self.proof.asked_again.min(4));
        self.proof.asked_again += 1;
        self.proof.next_at = self.host.now() + pause.min(max_lag / LAST_AGAIN_PART);
        self.proof.awaited = Some(present);
        self.settle_proof();
        Ok(())
    }

    /// Looks whether what the watch told makes the directory what etcd holds.
    fn settle_proof(&mut self) {
        let Some(present) = self.proof.awaited.take() else { return };
        if self.has_seen(present.revision) || self.is_present(&present) {
            self.see_all(present.revision);
            self.proven(present.asked, present.revision);
        } else {
            self.proof.awaited = Some(present);
        }
    }

    /// Takes note that the watch told something.
    pub(super) fn told(&mut self) {
        // Before the first proof it may have much to tell, and is not silent.
        self.proof.since = self.host.now();
        self.settle_proof();
    }

    fn proven(&mut self, asked: Instant, revision: i64) {
        if self.has_table() {
            return;
        }
        let (part, parts) = PERIOD;
        self.proof.proven_at = Some(asked);
        self.proof.revision = revision;
        self.proof.next_at = asked + self.settings.max_lag * part / parts;
        (self.proof.awaited, self.proof.asked_again) = (None, 0);
        self.proof.is_caught_up = true;
        let told = self.history.as_ref().map_or(0, |history| history.told);
        self.host.directory(|directory| {
            directory.advance(told);
            directory.prove(asked);
        });
        self.mark();
    }

    /// Whether there are nodes that may take the table from here.
    fn is_followed(&self) -> bool {
        let watchers = self.settings.watchers;
        self.serves_table()
            && self
                .host
                .directory(|directory| directory.slots().any(|(slot, _)| slot.get() > watchers))
    }

    /// Whether everything up to this revision was seen.
    fn has_seen(&self, revision: i64) -> bool {
        let history = self.history.as_ref();
        history.is_some_and(|history| history.revisions.iter().all(|seen| *seen >= revision))
    }

    /// Asks what etcd holds of all names, as far as is compared.
    fn look_at_present(&mut self) -> Result<Present> {
        let asked = self.host.now();
        let ranges = self.settings.keyspace.ranges();
        let newest = |range| Range { limit: LATEST, keys_only: true, ..newest_of(range) };
        let (revision, ranges) = if let [range] = &ranges[..] {
            let reply = self.ask(|client| client.range(&newest(range)))?;
            (reply.header.revision, vec![reply])
        } else {
            let success = ranges.iter().map(|range| Op::Range(newest(range))).collect();
            let reply = self.ask(|client| client.txn(&Txn { success, ..Txn::default() }))?;
            (reply.header.revision, reply.ranges)
        };
        Ok(Present { asked, revision, ranges })
    }

    /// Whether the directory is what etcd held.
    fn is_present(&self, present: &Present) -> bool {
        self.host.directory(|directory| {
            // The own name, known from its claim, is ahead of the events: one key alone says nothing.
            let agrees =
                |(range, held)| directory.agrees(range, present.revision, &latest_of(held, false));
            (0..).zip(&present.ranges).all(agrees)
        })
    }

    /// Takes note that all changes up to there are known: a watch can begin after them.
    pub(super) fn see_all(&mut self, revision: i64) {
        let Some(history) = &mut self.history else { return };
        for range in 0..history.revisions.len() {
            history.see(range, revision);
        }
    }

    /// Says how far the directory can be believed, and lets no call outlast that or the ownership.
    pub(super) fn mark(&mut self) {
        let seen = self.history.as_ref().and_then(|history| history.revisions.first().copied());
        self.missing = self.missing.filter(|missing| seen.is_none_or(|seen| seen < *missing));
        let is_whole = self.turn.is_none() && self.missing.is_none();
        let freshness = match (is_whole, self.proof.is_given()) {
            (false, _) => Freshness::Incomplete,
            (true, true) => Freshness::Synced,
            (true, false) => Freshness::Stale,
        };
        if !self.has_table() {
            self.host.directory(|directory| directory.mark(freshness));
        }
        self.limit_calls();
    }

    /// Lets no call to etcd outlast what is said here, so that its end is noticed in time.
    pub(super) fn limit_calls(&mut self) {
        let owned_until = self.owned().map(|owned| owned.valid_until);
        let proven_until = self.proof.proven_at.map(|at| at + self.settings.max_lag);
        let end = [owned_until, proven_until].into_iter().flatten().min();
        self.client.timeout_mut().not_after = end;
    }
}
