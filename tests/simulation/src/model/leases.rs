//! Leases, as the leader counts them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Time;
use super::keys::Octets;
use super::refusal::Refusal;

/// The shortest time to live: one and a half election time-outs, in whole seconds.
const SHORTEST_TTL: Duration = Duration::from_secs(2);

/// The longest time to live that etcd grants.
const LONGEST_TTL: Duration = Duration::from_secs(9_000_000_000);

/// How much longer leases live under a new leader: the time-out of its election.
const EXTENSION: Duration = Duration::from_secs(1);

/// The number of leases from which on a new leader spreads their ends, and how many it lets end in a second.
const MANY: usize = 1000;
const ENDS_A_SECOND: u32 = 750;

/// A lease.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) ttl: Duration,
    /// The true time at which it runs out by the leader's clock; `None`: nobody counts yet.
    pub(super) deadline: Option<Time>,
    pub(super) keys: BTreeSet<Octets>,
}

/// All leases.
#[derive(Clone, Debug)]
pub(super) struct Leases {
    /// The seconds that the leader's clock shows in a true one.
    pub(super) clock_rate: f64,
    leases: BTreeMap<i64, Lease>,
    deadlines: BTreeSet<(Time, i64)>,
}

impl Default for Leases {
    fn default() -> Leases {
        Leases { clock_rate: 1.0, leases: BTreeMap::new(), deadlines: BTreeSet::new() }
    }
}

impl Leases {
    pub(super) fn get(&self, id: i64) -> Option<&Lease> {
        self.leases.get(&id)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = i64> {
        self.leases.keys().copied()
    }

    /// A new lease, and the time to live that it is given.
    pub(super) fn grant(&mut self, id: i64, ttl: Duration, now: Time) -> Result<Duration, Refusal> {
        if ttl > LONGEST_TTL {
            return Err(Refusal::TTL_TOO_LARGE);
        }
        let whole = ttl.as_secs() + u64::from(ttl.subsec_nanos() > 0);
        let ttl = Duration::from_secs(whole).max(SHORTEST_TTL);
        self.leases.insert(id, Lease { ttl, deadline: None, keys: BTreeSet::new() });
        self.start(id, ttl, now);
        Ok(ttl)
    }

    /// Starts the time to live anew and returns it; `None`: there is no such lease.
    pub(super) fn renew(&mut self, id: i64, now: Time) -> Option<Duration> {
        let ttl = self.leases.get(&id)?.ttl;
        self.start(id, ttl, now);
        Some(ttl)
    }

    /// The whole seconds that a lease has left; `None`: there is none, or it ran out a second ago or more.
    pub(super) fn time_left(&self, id: i64, now: Time) -> Option<Duration> {
        let deadline = self.leases.get(&id)?.deadline?;
        let left =
            Duration::from_secs(deadline.saturating_sub(now).mul_f64(self.clock_rate).as_secs());
        (deadline + Duration::from_secs(1) > now).then_some(left)
    }

    /// Ends a lease, and returns the keys that hung on it, in order; `None`: there is no such lease.
    pub(super) fn remove(&mut self, id: i64) -> Option<BTreeSet<Octets>> {
        self.set_deadline(id, None);
        Some(self.leases.remove(&id)?.keys)
    }

    /// Moves a key from a lease to another; 0: none.
    pub(super) fn attach(&mut self, key: &[u8], previous: i64, lease: i64) {
        if previous == lease {
            return;
        }
        if let Some(lease) = self.leases.get_mut(&previous) {
            lease.keys.remove(key);
        }
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.keys.insert(key.into());
        }
    }

    /// When the first one runs out.
    pub(super) fn first_deadline(&self) -> Option<Time> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// The first ones that ran out.
    pub(super) fn expired(&self, now: Time, most: usize) -> Vec<i64> {
        let expired = self.deadlines.iter().take_while(|(deadline, _)| *deadline <= now);
        expired.take(most).map(|(_, id)| *id).collect()
    }

    /// A new leader counts from now on.
    pub(super) fn promote(&mut self, now: Time) {
        let leases = self.leases.iter();
        let mut ends: Vec<_> = leases.map(|(id, lease)| (lease.ttl + EXTENSION, *id)).collect();
        if ends.len() >= MANY {
            spread(&mut ends);
        }
        for (left, id) in ends {
            self.start(id, left, now);
        }
    }

    /// Lets a lease live for so long by the leader's clock.
    fn start(&mut self, id: i64, left: Duration, now: Time) {
        self.set_deadline(id, Some(now + left.div_f64(self.clock_rate)));
    }

    fn set_deadline(&mut self, id: i64, deadline: Option<Time>) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        let previous = std::mem::replace(&mut lease.deadline, deadline);
        if let Some(previous) = previous {
            self.deadlines.remove(&(previous, id));
        }
        self.deadlines.extend(deadline.map(|deadline| (deadline, id)));
    }
}

/// Puts off those of many that end at about the same time.
fn spread(ends: &mut [(Duration, i64)]) {
    ends.sort();
    let second = Duration::from_secs(1);
    let mut base = ends[0].0;
    let mut next = base + second;
    let mut count = 0;
    for (left, _) in ends {
        if *left > next {
            base = *left;
            next = base + second;
            count = 1;
            continue;
        }
        count += 1;
        if count <= ENDS_A_SECOND {
            continue;
        }
        let delay = (second * count / ENDS_A_SECOND).saturating_sub(*left - base);
        next = base + delay;
        *left += delay;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_of_many_end_one_after_the_other_under_a_new_leader() {
        let mut leases = Leases::default();
        let now = Time::from_secs(100);
        for id in 1..=3000 {
            leases.grant(id, Duration::from_secs(20), Time::ZERO).expect("granted");
        }
        leases.promote(now);
        let ended = |at| leases.expired(now + Duration::from_millis(at), usize::MAX).len();
        assert_eq!([20_999, 21_000, 22_500, 26_000].map(ended), [0, 750, 1125, 3000]);
    }
}
