//! Invariant 8: what hangs on a lease goes with whoever had it. Who is stopped in order gives everything back at once;
//! who goes on under another lease, its own or after an earlier life of its node, ends the one before.

use std::collections::BTreeMap;

use idetcd::etcd::{Compare, Equal, LeaseId, Op};

use super::{Checks, Invariant};
use crate::model::{Model, Request, Time};
use crate::world::process::ProcessId;

/// How long a process may take to end that is asked to: the release has a second.
const ENDING: Time = Time::from_millis(1500);

/// The pause after which a node tries again at the latest, once all is well.
const LONGEST_PAUSE: Time = Time::from_secs(5);

/// The leases that processes of the product know.
#[derive(Debug, Default)]
pub struct Leases {
    known: BTreeMap<LeaseId, Known>,
    current: BTreeMap<ProcessId, LeaseId>,
    /// Leases to which processes want their names to go.
    wanted: BTreeMap<LeaseId, ProcessId>,
    superseded: BTreeMap<LeaseId, Superseded>,
    /// Names that hang on a lease beside another one, and since when that is seen.
    beside: BTreeMap<Vec<u8>, Time>,
}

/// A lease that a process used.
#[derive(Clone, Debug)]
struct Known {
    process: ProcessId,
    node: usize,
    /// What the node is known by.
    mark: Option<String>,
    used_at: Time,
    /// When it was kept alive last by a request that nobody waited for any more.
    late_at: Option<Time>,
}

/// A lease that is to end, for its name went to another lease of that node.
#[derive(Clone, Copy, Debug)]
struct Superseded {
    /// Who has to see to it.
    by: ProcessId,
    since: Time,
}

impl Leases {
    /// Whether time alone may make something of it wrong.
    pub(super) fn are_watched(&self) -> bool {
        !self.superseded.is_empty() || !self.beside.is_empty()
    }

    /// Whether a lease is, or was, that of a process with this mark, other than this one.
    pub(super) fn is_marked(&self, lease: LeaseId, mark: &str, other_than: ProcessId) -> bool {
        let known = self.known.get(&lease).filter(|known| known.process != other_than);
        known.is_some_and(|known| known.mark.as_deref() == Some(mark))
    }

    /// Whether a lease was kept alive since then by a request that was held up, which may be one of a process that ended.
    ///
    /// The excuse is worth this much: whoever looks at the lease sees it renewed, and takes its node to live, so a node that
    /// starts again where nothing tells its lives apart takes another name. It is for the keep-alive of a
    /// process that was killed; but it also hides that one which ended in order made its successor wait, or take another
    /// name, for a keep-alive of its own that came after its release failed. No name is lost or had twice by that.
    pub(super) fn is_kept_late(&self, lease: LeaseId, since: Time) -> bool {
        let known = self.known.get(&lease);
        known.and_then(|known| known.late_at).is_some_and(|at| at >= since)
    }

    /// Whether other nodes have the mark of this one.
    pub(super) fn are_clones(&self, mark: &str, node: usize) -> bool {
        let mut known = self.known.values();
        known.any(|known| known.node != node && known.mark.as_deref() == Some(mark))
    }

    fn of(&self, id: ProcessId) -> impl Iterator<Item = (LeaseId, Time)> {
        let known = self.known.iter().filter(move |(_, known)| known.process == id);
        let known = known.map(|(lease, known)| (*lease, known.used_at));
        let superseded = self.superseded.iter().filter(move |(_, lease)| lease.by == id);
        known.chain(superseded.map(|(lease, superseded)| (*lease, superseded.since)))
    }
}

impl Checks {
    /// A process of the product asks for something by which it shows which lease it has.
    pub fn asked_with_lease(&mut self, process: ProcessId, now: Time, request: &Request) {
        let lease = match request {
            Request::LeaseKeepAlive(lease) => {
                if let Some(known) = self.leases.known.get_mut(lease) {
                    known.used_at = now;
                }
                // It may be a former one, that only proves a history.
                return;
            }
            Request::Txn(txn) => txn.success.iter().find_map(|op| match op {
                Op::Put { lease, .. } => Some(*lease),
                Op::Range(_) | Op::Delete(_) => None,
            }),
            _ => None,
        };
        let Some(lease) = lease.filter(|lease| *lease != LeaseId(0)) else { return };
        let is_move = |compare: &Compare| match compare.to {
            Equal::Lease(from) => from != lease && Some(&from) == self.leases.current.get(&process),
            Equal::CreateRevision(_) | Equal::ModRevision(_) => false,
        };
        if let Request::Txn(txn) = request
            && txn.compare.iter().any(is_move)
        {
            self.leases.wanted.insert(lease, process);
            return;
        }
        let Some(standing) = self.standing(process) else { return };
        let (node, mark) = (standing.node, standing.mark.clone());
        let late_at = self.leases.known.get(&lease).and_then(|known| known.late_at);
        self.leases.known.insert(lease, Known { process, node, mark, used_at: now, late_at });
        let before = self.leases.current.insert(process, lease);
        self.leases.superseded.remove(&lease);
        // One that a backup brought back was gone when it was left.
        let was_used = |before: &LeaseId| {
            let known = self.leases.known.get(before);
            known.is_some_and(|known| self.oracle.restored_at().is_none_or(|at| at < known.used_at))
        };
        if let Some(before) = before.filter(|before| *before != lease).filter(was_used) {
            self.leases.superseded.insert(before, Superseded { by: process, since: now });
        }
    }

    /// A request arrives that nobody waits for any more: who looks at the lease takes its node to live.
    pub fn arrived_late(&mut self, now: Time, request: &Request) {
        if let Request::LeaseKeepAlive(lease) = request
            && let Some(known) = self.leases.known.get_mut(lease)
        {
            known.late_at = Some(now);
        }
    }

    /// Takes note of names that went from one lease to another one: of the same node, that is a take-over.
    pub(super) fn heed_moves(&mut self, now: Time) {
        for (from, to) in self.oracle.take_moves() {
            self.heed_wanted_move(from, to, now);
            let known = |lease| self.leases.known.get(&lease);
            let (Some(before), Some(after)) = (known(from), known(to)) else { continue };
            if before.node == after.node && before.process != after.process {
                let by = after.process;
                self.leases.superseded.insert(from, Superseded { by, since: now });
            }
        }
    }

    /// A name went to the lease that its process wanted for it, by a request that held only if it was on the one
    /// before.
    fn heed_wanted_move(&mut self, from: LeaseId, to: LeaseId, now: Time) {
        let Some(process) = self.leases.wanted.remove(&to) else { return };
        let Some(mut known) = self.leases.known.get(&from).cloned() else { return };
        known.used_at = now;
        self.leases.known.insert(to, known);
        if self.standing(process).is_some() {
            self.leases.current.insert(process, to);
            self.leases.superseded.insert(from, Superseded { by: process, since: now });
        }
    }

    /// A process was asked to stop, its program being over.
    pub fn asked_to_stop(&mut self, id: ProcessId, now: Time) {
        if let Some(standing) = self.standing_mut(id) {
            standing.stopping_since.get_or_insert(now);
        }
    }

    /// A process ended by itself: nothing is left of it, unless its calls were not answered.
    pub(super) fn check_released(&mut self, id: ProcessId, now: Time, etcd: &Model) {
        let (Some(standing), Some(undisturbed)) = (self.standing(id), self.undisturbed_since(id))
        else {
            return;
        };
        let node = standing.node;
        let asked = standing.stopping_since.unwrap_or(now.saturating_sub(ENDING));
        if undisturbed > asked {
            return;
        }
        let restored = self.oracle.restored_at();
        let left = self.leases.of(id).find_map(|(lease, used_at)| {
            // One that ran out is gone with the next look of etcd.
            let view = etcd.lease(lease).filter(|it| it.deadline.is_none_or(|end| end > now))?;
            // A take-over that was sent before a backup was restored, and carried out after that, takes the name
            // from a lease that the backup brought back: nothing of the node hangs on that, and it runs out by itself.
            let is_empty_again = view.keys.is_empty()
                && restored.is_some_and(|at| {
                    self.leases.known.get(&lease).is_some_and(|known| known.used_at <= at)
                });
            let is_held_against_it = restored.is_none_or(|at| at < used_at) && !is_empty_again;
            is_held_against_it.then_some((lease, view.keys))
        });
        let text = if let Some((lease, keys)) = left {
            let keys: Vec<_> = keys.iter().map(|key| String::from_utf8_lossy(key)).collect();
            let keys = keys.join(", ");
            format!("process {id} (n{node}) ended, and its lease {lease} lives on with [{keys}]")
        } else if now > asked + ENDING {
            let seconds = (now - asked).as_secs_f64();
            format!("process {id} (n{node}) took {seconds:.3} s to end")
        } else {
            return;
        };
        self.violated(now, Invariant::Released, text);
    }

    /// Looks whether leases live that their nodes left, and whether one holds more than a name.
    pub(crate) fn look_at_leases(&mut self, now: Time, etcd: &Model) {
        self.look_at_superseded(now, etcd);
        self.look_beside_names(now, etcd);
    }

    fn look_at_superseded(&mut self, now: Time, etcd: &Model) {
        let restored = self.oracle.restored_at().unwrap_or_default();
        let mut superseded = std::mem::take(&mut self.leases.superseded);
        // Who died meanwhile forgot it, and a backup brings leases back.
        superseded.retain(|lease, Superseded { by, since }| {
            let is_left = etcd.lease(*lease).is_some();
            is_left && *since > restored && self.standing(*by).is_some()
        });
        self.leases.superseded = superseded;
        let late = self.leases.superseded.iter().find(|(_, Superseded { by, since })| {
            let undisturbed = self.undisturbed_since(*by);
            undisturbed.is_some_and(|undisturbed| {
                now > (*since).max(undisturbed + LONGEST_PAUSE) + self.bounds.published
            })
        });
        let Some((lease, Superseded { by, since })) = late else { return };
        let seconds = (now - *since).as_secs_f64();
        let text = format!("the lease {lease}, which process {by} left, lives for {seconds:.3} s");
        self.violated(now, Invariant::OneLease, text);
    }

    /// A claim that is carried out late may leave a second name on a lease, which is given back.
    fn look_beside_names(&mut self, now: Time, etcd: &Model) {
        let mut before = std::mem::take(&mut self.leases.beside);
        let mut late = None;
        for (id, lease) in &self.leases.current {
            let Some(undisturbed) = self.undisturbed_since(*id) else { continue };
            let Some(view) = etcd.lease(*lease) else { continue };
            let is_name = |key: &&Vec<u8>| self.oracle.keyspace().slot_of(key).is_some();
            let Some(name) = view.keys.iter().filter(is_name).nth(1) else { continue };
            let since = before.remove(name).unwrap_or(now);
            self.leases.beside.insert(name.clone(), since);
            if now > since.max(undisturbed + LONGEST_PAUSE) + self.bounds.published {
                let seconds = (now - since).as_secs_f64();
                let name = String::from_utf8_lossy(name);
                late = Some(format!(
                    "{name} hangs on the lease {lease} of process {id} beside another name for {seconds:.3} s"
                ));
            }
        }
        if let Some(text) = late {
            self.violated(now, Invariant::Leftovers, text);
        }
    }

    /// Whether the process lives whose lease this is.
    pub(super) fn lives_with(&self, lease: LeaseId) -> bool {
        let known = self.leases.known.get(&lease);
        known.is_some_and(|known| self.standing(known.process).is_some())
    }

    /// A process is no more.
    pub(super) fn leave_lease(&mut self, id: ProcessId) {
        self.leases.current.remove(&id);
    }
}
