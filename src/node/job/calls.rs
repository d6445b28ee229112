//! The calls of a job to etcd: each changes something under a condition, and tells what stands there else.

use super::sight::{Joined, Sighting};
use crate::cluster::{JobKeys, JobList, JobMember, ListState};
use crate::etcd::{
    Compare, Equal, Error, Etcd, KeyValue, LeaseId, Op, Pages, Range, ResponseHeader, Txn, TxnReply,
};
use crate::node::full_sync::range_of;

/// The most of those who wait whose slots are read only to tell who is missing.
const MOST_COUNTED: i64 = 40;

/// Operations in a transaction: etcd takes 128.
const MOST_OPERATIONS: usize = 100;

/// A node of a job as etcd needs to know it.
pub(super) struct Participant<'a> {
    pub(super) keys: &'a JobKeys,
    pub(super) own: &'a JobMember,
    /// The key of its name, and what that hangs on.
    pub(super) name: Vec<u8>,
    pub(super) lease: LeaseId,
}

/// What etcd told of the key of the list.
#[derive(Debug)]
pub(super) struct ListKey {
    pub(super) kv: Option<KeyValue>,
    /// The revision at which that was so.
    pub(super) header: ResponseHeader,
}

impl Participant<'_> {
    fn owns_name(&self) -> Compare {
        Compare { key: self.name.clone(), to: Equal::Lease(self.lease) }
    }

    fn list_is_at(&self, revision: i64) -> Compare {
        Compare { key: self.keys.list(), to: Equal::ModRevision(revision) }
    }

    fn read_list(&self) -> Op {
        Op::Range(Range::new(self.keys.list(), None))
    }

    /// Says that this node waits, if its name is its own. Returns how many do then, and the list; `None`: the
    /// name is not.
    pub(super) fn enter(&self, client: &mut impl Etcd) -> Result<Option<(usize, ListKey)>, Error> {
        let key = self.keys.member(self.own.slot);
        let value = self.own.value().into_bytes();
        let reply = client.txn(&Txn {
            compare: vec![self.owns_name()],
            success: vec![
                Op::Put { key, value, lease: self.lease },
                self.read_list(),
                Op::Range(Range { count_only: true, ..range_of(&self.keys.members()) }),
            ],
            failure: Vec::new(),
        })?;
        let count = reply.ranges.get(1).map(|members| members.count);
        Ok(count.filter(|_| reply.succeeded).map(|count| (count, list_key(reply))))
    }

    /// Looks around: how many wait, whether the list is still that of this revision, and who joined it.
    pub(super) fn look(
        &self,
        client: &mut impl Etcd,
        list_revision: i64,
        state: Option<ListState>,
    ) -> Result<Sighting, Error> {
        let keys_only = |range| Op::Range(Range { keys_only: true, ..range });
        let (limit, joined) = match state {
            None => (MOST_COUNTED, None),
            Some(ListState::Fixed) => (0, Some(list_revision)),
            Some(ListState::Started(revision)) => (MOST_COUNTED, Some(revision)),
        };
        let joined = joined.map(|revision| range_of(&self.keys.joined_of(revision)));
        let ranges = [
            Range::new(self.keys.list(), None),
            Range::new(self.keys.member(self.own.slot), None),
            Range { limit, ..range_of(&self.keys.members()) },
        ];
        let success = ranges.into_iter().chain(joined).map(keys_only).collect();
        let reply = client.txn(&Txn { success, ..Txn::default() })?;
        let mut ranges = reply.ranges.into_iter();
        let mut next = || ranges.next().unwrap_or_default();
        let (list, own, members, joined) = (next(), next(), next(), next());
        let slots = members.kvs.iter().filter_map(|kv| self.keys.slot_of(&kv.key));
        let on_lease = members.kvs.iter().chain(&joined.kvs).filter(|kv| kv.lease == self.lease);
        let is_stale = |kv: &&KeyValue| self.keys.slot_of(&kv.key) != Some(self.own.slot);
        Ok(Sighting {
            stale: on_lease.filter(is_stale).map(|kv| kv.key.clone()).collect(),
            list_revision: list.kvs.first().map_or(0, |kv| kv.mod_revision),
            am_waiting: own.kvs.first().is_some_and(|kv| kv.lease == self.lease),
            count: members.count,
            slots: slots.collect(),
            joined: self.joined_in(joined.kvs).collect(),
        })
    }

    /// Fixes a list in the place of what stood at its key at this revision.
    pub(super) fn form(
        &self,
        client: &mut impl Etcd,
        list_revision: i64,
        list: &JobList,
    ) -> Result<Changed, Error> {
        let value = list.value().into_bytes();
        let put = Op::Put { key: self.keys.list(), value, lease: LeaseId(0) };
        self.change(client, vec![self.list_is_at(list_revision)], vec![put])
    }

    /// Starts the list that was fixed at this revision.
    pub(super) fn commit(
        &self,
        client: &mut impl Etcd,
        revision: i64,
        list: JobList,
    ) -> Result<Changed, Error> {
        let list = JobList { state: ListState::Started(revision), ..list };
        self.form(client, revision, &list)
    }

    /// Joins the list that was fixed at this revision. Tells how many have.
    pub(super) fn join(&self, client: &mut impl Etcd, revision: i64) -> Result<Changed, Error> {
        let count = Range { count_only: true, ..range_of(&self.keys.joined_of(revision)) };
        let compare = vec![self.list_is_at(revision), self.owns_name()];
        self.change(client, compare, vec![self.put_joined(revision, self.lease), Op::Range(count)])
    }

    /// Joins a list whose programs run, as long as that of another node does.
    pub(super) fn join_late(
        &self,
        client: &mut impl Etcd,
        list_revision: i64,
        revision: i64,
        other: &Joined,
    ) -> Result<Changed, Error> {
        let runs = Compare { key: other.key.clone(), to: Equal::Lease(other.lease) };
        let compare = vec![self.list_is_at(list_revision), self.owns_name(), runs];
        self.change(client, compare, vec![self.put_joined(revision, self.lease)])
    }

    /// Joins a list again by which its program runs.
    pub(super) fn join_again(
        &self,
        client: &mut impl Etcd,
        list_revision: i64,
        revision: i64,
    ) -> Result<Changed, Error> {
        let compare = vec![self.list_is_at(list_revision), self.owns_name()];
        self.change(client, compare, vec![self.put_joined(revision, self.lease)])
    }

    fn put_joined(&self, revision: i64, lease: LeaseId) -> Op {
        let (key, value) = (self.keys.joined(revision, self.own.slot), self.own.value());
        Op::Put { key, value: value.into_bytes(), lease }
    }

    /// Carries out a change, or tells what the list is.
    fn change(
        &self,
        client: &mut impl Etcd,
        compare: Vec<Compare>,
        success: Vec<Op>,
    ) -> Result<Changed, Error> {
        let reply = client.txn(&Txn { compare, success, failure: vec![self.read_list()] })?;
        Ok(if reply.succeeded {
            let count = reply.ranges.first().map_or(0, |range| range.count);
            Changed::Done { revision: reply.header.revision, count }
        } else {
            Changed::Not(list_key(reply))
        })
    }

    /// Says that the program is done, and that this node waits for no other list: what hangs on the lease goes
    /// with it, and this stays until the list is over.
    pub(super) fn leave_done(
        &self,
        client: &mut impl Etcd,
        revision: i64,
    ) -> Result<Vec<Joined>, Error> {
        let key = self.keys.joined(revision, self.own.slot);
        client.txn(&Txn {
            compare: vec![Compare { key, to: Equal::Lease(self.lease) }],
            success: vec![
                self.put_joined(revision, LeaseId(0)),
                Op::Delete(self.keys.member(self.own.slot)),
            ],
            failure: Vec::new(),
        })?;
        self.joined(client, revision)
    }

    /// Those who joined a list.
    pub(super) fn joined(
        &self,
        client: &mut impl Etcd,
        revision: i64,
    ) -> Result<Vec<Joined>, Error> {
        let range = range_of(&self.keys.joined_of(revision));
        let mut joined = Vec::new();
        Pages::read_all(client, Range { keys_only: true, ..range }, |kvs| {
            joined.extend(self.joined_in(kvs));
        })?;
        Ok(joined)
    }

    fn joined_in(&self, kvs: Vec<KeyValue>) -> impl Iterator<Item = Joined> {
        kvs.into_iter().filter_map(|kv| {
            let slot = self.keys.slot_of(&kv.key)?;
            Some(Joined { slot, lease: kv.lease, key: kv.key })
        })
    }

    /// All who wait, by slot.
    pub(super) fn members(&self, client: &mut impl Etcd) -> Result<Vec<JobMember>, Error> {
        let mut members = Vec::new();
        Pages::read_all(client, range_of(&self.keys.members()), |kvs| {
            members.extend(kvs.iter().filter_map(|kv| {
                let member = JobMember::parse(&kv.value)?;
                (self.keys.slot_of(&kv.key) == Some(member.slot)).then_some(member)
            }));
        })?;
        Ok(members)
    }

    /// Deletes what is left of a list that is over: keys that hang on nothing.
    pub(super) fn clear(
        &self,
        client: &mut impl Etcd,
        keys: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<(), Error> {
        let keys: Vec<Vec<u8>> = keys.into_iter().collect();
        for keys in keys.chunks(MOST_OPERATIONS) {
            let hangs_on_nothing =
                |key: &Vec<u8>| Compare { key: key.clone(), to: Equal::Lease(LeaseId(0)) };
            client.txn(&Txn {
                compare: keys.iter().map(hangs_on_nothing).collect(),
                success: keys.iter().cloned().map(Op::Delete).collect(),
                failure: Vec::new(),
            })?;
        }
        Ok(())
    }

    /// Deletes the list, if it is still that of this revision.
    pub(super) fn end_list(&self, client: &mut impl Etcd, list_revision: i64) -> Result<(), Error> {
        let success = vec![Op::Delete(self.keys.list())];
        self.change(client, vec![self.list_is_at(list_revision)], success).map(drop)
    }
}

/// The outcome of a change.
#[derive(Debug)]
pub(super) enum Changed {
    /// It was carried out at this revision, and so many joined the list then.
    Done { revision: i64, count: usize },
    /// A condition does not hold: the list is this one, or the name is not its own, or the other one is gone.
    Not(ListKey),
}

fn list_key(reply: TxnReply) -> ListKey {
    let header = reply.header;
    let kv = reply.ranges.into_iter().next().and_then(|range| range.kvs.into_iter().next());
    ListKey { kv, header }
}
