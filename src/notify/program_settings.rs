//! What the operator wants of the program, and what fits into a lease.

use std::time::Duration;

/// The parts of the lease that it has to end in where nothing is said, and at most. The lease is
/// renewed after a third, so that leaves a third to do it in at least.
const USUAL_PART: u32 = 4;
const LARGEST_PART: u32 = 3;

/// The number of attempts at that: one may fail.
const ATTEMPTS: u32 = 2;

/// What becomes of the program when the lease was not renewed in time, and the name may be another node's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenInDoubt {
    /// It is gone by the end of the lease.
    #[default]
    End,
    /// It goes on until etcd says that the name is not this node's.
    Keep,
}

/// A program to run for as long as the name is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramSettings {
    /// The program, and its arguments.
    pub words: Vec<String>,
    /// The time that it has to end in. It is asked to so long before the lease ends.
    pub grace: Duration,
    /// What becomes of it when the lease was not renewed in time.
    pub when_in_doubt: WhenInDoubt,
}

impl ProgramSettings {
    /// The grace time where none is given.
    pub fn usual_grace(lease_ttl: Duration) -> Duration {
        lease_ttl / USUAL_PART
    }

    /// The longest grace time that fits into a lease.
    pub fn longest_grace(lease_ttl: Duration) -> Duration {
        lease_ttl / LARGEST_PART
    }

    /// The longest time-out of a call to etcd with which the lease is renewed before the program is
    /// asked to end, even if one call fails.
    pub fn longest_call(&self, lease_ttl: Duration) -> Duration {
        (lease_ttl * 2 / 3).saturating_sub(self.grace) / ATTEMPTS
    }
}
