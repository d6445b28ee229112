//! Starting together with many others.
//!
//! Each of them has to hear of each other one, so what etcd has to tell grows with the square of
//! their number, and is far more than what it needs to name them. So they are named first, and told
//! by turns.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::claim::Claimant;
use super::session::Session;
use super::{Host, SessionError};

/// So many in the queue that it matters.
const HERD: usize = 30;
/// What etcd needs for a claim when many nodes start together, roughly.
const CLAIM_TIME: Duration = Duration::from_millis(3);
/// How often a node looks whether they are done at most, and the longest that it makes room for them.
const SHORTEST_COURTESY: Duration = Duration::from_millis(300);
const LONGEST_COURTESY: Duration = Duration::from_secs(4);
/// What etcd needs to tell one node of one name, roughly, by two of its cores.
const TELLING_TIME: Duration = Duration::from_micros(20);
/// The latest turn, whatever etcd says of the number of names.
const LATEST_TURN: Duration = Duration::from_secs(3600);

impl<H: Host> Session<H> {
    /// Lets the others be named first, and draws a time at which to be told of them all: each change
    /// would be told to each of those that are named already, and all at once they would keep
    /// etcd from keeping leases alive.
    pub(super) fn make_room(
        &mut self,
        claimant: Claimant<'_>,
        queue_length: usize,
    ) -> Result<(), SessionError> {
        if queue_length < HERD {
            return Ok(());
        }
        self.let_others_claim(claimant, queue_length)?;
        let result = claimant.slots_taken(&mut self.client).map_err(SessionError::from);
        let turn = Instant::now() + turn(self.heard(result)?, RandomState::new().hash_one(0));
        while Instant::now() < turn && !self.host.is_stopping() {
            let Some(lease) = self.lease else { return Err(SessionError::LeaseGone) };
            self.host.sleep_until(turn.min(lease.renew_at));
            self.ensure_lease()?;
        }
        Ok(())
    }

    fn let_others_claim(
        &mut self,
        claimant: Claimant<'_>,
        queue_length: usize,
    ) -> Result<(), SessionError> {
        let end = Instant::now() + LONGEST_COURTESY.min(self.settings.lease_ttl / 4);
        let mut others = queue_length;
        while others >= HERD && Instant::now() < end && !self.host.is_stopping() {
            let claims = CLAIM_TIME.saturating_mul(u32::try_from(others).unwrap_or(u32::MAX));
            self.host.sleep_until((Instant::now() + claims.max(SHORTEST_COURTESY)).min(end));
            let result = claimant.queue_length(&mut self.client).map_err(SessionError::from);
            let before = std::mem::replace(&mut others, self.heard(result)?);
            if others == before {
                // Nobody comes and nobody goes: they wait for names, of which there are not enough.
                break;
            }
        }
        Ok(())
    }
}

/// When it is this node's turn to be told of so many names, as `random` has it, so that all of as
/// many nodes are told in the time that etcd needs for that.
fn turn(names: usize, random: u64) -> Duration {
    let names = u32::try_from(names).unwrap_or(u32::MAX);
    let all = TELLING_TIME.saturating_mul(names).saturating_mul(names).min(LATEST_TURN);
    all.mul_f64((random % 1024) as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_over_the_time_that_telling_takes() {
        let milliseconds = |names, random| turn(names, random).as_millis();
        assert_eq!(milliseconds(100, 0), 0);
        assert_eq!(milliseconds(100, 512), 100);
        assert_eq!(milliseconds(1000, 1023), 19_980);
        assert_eq!(turn(usize::MAX, 1023), turn(1_000_000, 1023));
        assert!(turn(usize::MAX, 1023) < LATEST_TURN);
    }
}
