//! A model of etcd: members of one cluster with one history (MVCC), leases, watches and users.
//!
//! It is pure. The time is what the caller says, as the true time since the beginning of the run, and
//! never goes back; chance comes from the seed. Between two calls nothing happens by itself but what
//! [`Model::advance`] catches up with, at the times that [`Model::next_event`] foretells.

mod request;
mod watch;

use std::time::Duration;

use idetcd::etcd::{KeyValue, LeaseId, WatchRange};

pub use request::{CallId, MemberStatus, Outcome, Reply, Request};
pub use watch::{WatchId, WatchOutput};

/// True time since the beginning of the run.
pub type Time = Duration;

/// A cluster of etcd members.
#[derive(Debug)]
pub struct Model {}

/// What etcd limits, and how it cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations, or conditions, in one list of a transaction (`--max-txn-ops`).
    pub operations: usize,
    /// Octets of a request (`--max-request-bytes`).
    pub request: usize,
    /// Octets of a message of a watch before it is cut into fragments.
    pub fragment: usize,
    /// Revisions in one message of a watch that catches up.
    pub revisions: usize,
}

/// A user, who may read and write the keys that begin with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
    /// The beginning of the keys; empty: all.
    pub prefix: Vec<u8>,
}

/// A lease as the cluster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// The time to live that was granted.
    pub ttl: Duration,
    /// When it runs out; `None`: nobody counts, for there is no leader.
    pub deadline: Option<Time>,
    /// The keys that hang on it.
    pub keys: Vec<Vec<u8>>,
}

/// What `etcdctl snapshot save` writes.
#[derive(Clone, Debug)]
pub struct Snapshot {}

/// Calls and watches.
impl Model {
    /// A cluster without keys, all of whose members run, with a leader.
    pub fn new(members: usize, seed: u64) -> Model {
        let _ = (members, seed);
        todo!()
    }

    /// Lets happen what happens by itself until `now`: leases end, leaders are elected, members catch
    /// up, calls are answered.
    pub fn advance(&mut self, now: Time) {
        let _ = now;
        todo!()
    }

    /// When something happens by itself next; `None`: never.
    pub fn next_event(&self) -> Option<Time> {
        todo!()
    }

    /// Calls a member, without a token.
    pub fn call(&mut self, member: usize, now: Time, request: &Request) -> Outcome {
        self.call_as(member, now, None, request)
    }

    /// Calls a member with a token that [`Request::Authenticate`] gave.
    pub fn call_as(
        &mut self,
        member: usize,
        now: Time,
        token: Option<&str>,
        request: &Request,
    ) -> Outcome {
        let _ = (member, now, token, request);
        todo!()
    }

    /// The calls that were [`Outcome::Pending`] and are answered since this was asked last, in order. To be
    /// asked after each change of the model: a call, a fault, [`Model::advance`].
    pub fn take_answers(&mut self) -> Vec<(CallId, Outcome)> {
        todo!()
    }

    /// The caller closes the connection of a call that is pending: it gets no answer, and whether it is
    /// carried out is up to what holds it up.
    pub fn give_up(&mut self, call: CallId) {
        let _ = call;
        todo!()
    }

    /// Opens a watch: [`Request::Watch`] where the outcome is [`Reply::Watch`].
    ///
    /// # Errors
    /// Any other outcome, [`Outcome::Pending`] included.
    pub fn watch(
        &mut self,
        member: usize,
        now: Time,
        ranges: &[WatchRange],
    ) -> Result<WatchId, Outcome> {
        match self.call(member, now, &Request::Watch(ranges.to_vec())) {
            Outcome::Reply(Reply::Watch(id)) => Ok(id),
            other => Err(other),
        }
    }

    /// What the stream of a watch has next. Once it is over, it stays so.
    pub fn next_reply(&mut self, watch: WatchId, now: Time) -> WatchOutput {
        let _ = (watch, now);
        todo!()
    }

    /// The watches for which [`Model::next_reply`] may have something since this was asked last. To be
    /// asked after each change of the model, as [`Model::take_answers`].
    pub fn take_ready(&mut self) -> Vec<WatchId> {
        todo!()
    }

    /// The watcher closes the stream.
    pub fn close(&mut self, watch: WatchId) {
        let _ = watch;
        todo!()
    }
}

/// Faults.
impl Model {
    /// A member stops to run, and keeps its connections (`SIGSTOP`).
    pub fn freeze(&mut self, member: usize, now: Time) {
        let _ = (member, now);
        todo!()
    }

    /// A frozen member goes on.
    pub fn thaw(&mut self, member: usize, now: Time) {
        let _ = (member, now);
        todo!()
    }

    /// A member dies. What it acknowledged is on its disk.
    pub fn kill(&mut self, member: usize, now: Time) {
        let _ = (member, now);
        todo!()
    }

    /// A member that died is started again.
    pub fn start(&mut self, member: usize, now: Time) {
        let _ = (member, now);
        todo!()
    }

    /// Cuts these members off from all others; they reach each other. Any earlier cut is healed.
    pub fn cut_off(&mut self, members: &[usize], now: Time) {
        let _ = (members, now);
        todo!()
    }

    /// Heals the cut.
    pub fn heal(&mut self, now: Time) {
        let _ = now;
        todo!()
    }

    /// Lets a member apply what is committed later by so much: it answers late, and so do its watches.
    /// Zero: it catches up.
    pub fn lag(&mut self, member: usize, delay: Duration, now: Time) {
        let _ = (member, delay, now);
        todo!()
    }

    /// Another member becomes leader, if one can; in a cluster of one, the same in a new term.
    pub fn elect(&mut self, now: Time) {
        let _ = now;
        todo!()
    }

    /// Forgets what was before a revision, by hand. Does nothing where etcd would refuse.
    pub fn compact(&mut self, revision: i64, now: Time) {
        let _ = (revision, now);
        todo!()
    }

    /// Puts a key, by hand; lease 0: none. Does nothing where there is no such lease.
    pub fn put(&mut self, key: &[u8], value: &[u8], lease: LeaseId, now: Time) {
        let _ = (key, value, lease, now);
        todo!()
    }

    /// Deletes a key, by hand.
    pub fn delete(&mut self, key: &[u8], now: Time) {
        let _ = (key, now);
        todo!()
    }

    /// Revokes a lease, by hand.
    pub fn revoke(&mut self, lease: LeaseId, now: Time) {
        let _ = (lease, now);
        todo!()
    }

    /// What the cluster holds now.
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }

    /// Ends all members and starts them from a snapshot; the cluster's ID stays the same if they are given
    /// the same token and URLs. Watches end, and calls that were pending fail.
    pub fn restore(&mut self, snapshot: &Snapshot, same_cluster_id: bool, now: Time) {
        let _ = (snapshot, same_cluster_id, now);
        todo!()
    }

    /// Lets etcd know these users, and nobody else (`etcdctl auth enable`); none: it asks nobody.
    pub fn set_users(&mut self, users: &[User], now: Time) {
        let _ = (users, now);
        todo!()
    }

    /// Raises or ends the alarm `NOSPACE`, with which etcd takes no more keys.
    pub fn set_full(&mut self, full: bool, now: Time) {
        let _ = (full, now);
        todo!()
    }

    /// The limits, to be changed.
    pub fn limits_mut(&mut self) -> &mut Limits {
        todo!()
    }
}

/// What is so, for those who judge: what every member would say once it has caught up.
impl Model {
    /// The number of members.
    pub fn member_count(&self) -> usize {
        todo!()
    }

    /// The member that leads; `None`: there is no quorum, or the election is under way.
    pub fn leader(&self) -> Option<usize> {
        todo!()
    }

    /// The newest revision.
    pub fn revision(&self) -> i64 {
        todo!()
    }

    /// The revision up to which a member stands.
    pub fn revision_of(&self, member: usize) -> i64 {
        let _ = member;
        todo!()
    }

    /// The first revision that can be read.
    pub fn first_revision(&self) -> i64 {
        todo!()
    }

    /// The ID of the cluster.
    pub fn cluster_id(&self) -> u64 {
        todo!()
    }

    /// How often a snapshot was restored: with each, revisions begin to be given out anew.
    pub fn restores(&self) -> u64 {
        todo!()
    }

    /// A key as it stands now.
    pub fn get(&self, key: &[u8]) -> Option<KeyValue> {
        let _ = key;
        todo!()
    }

    /// The keys from `key` up to, and without, `range_end`, at a revision, 0 being now. `None`: it is
    /// forgotten, or not reached.
    pub fn content(&self, key: &[u8], range_end: &[u8], revision: i64) -> Option<Vec<KeyValue>> {
        let _ = (key, range_end, revision);
        todo!()
    }

    /// A lease; `None`: there is none of this number, or not any more.
    pub fn lease(&self, id: LeaseId) -> Option<LeaseView> {
        let _ = id;
        todo!()
    }
}
