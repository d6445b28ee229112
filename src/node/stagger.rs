//! Starting together with many others.
//!
//! Each of them has to learn of each other one, so what etcd has to send grows with the square of
//! their number, and is far more than what it needs to name them. So they are named first, and read
//! the names at moments that are spread over the time that this takes.

use std::time::Duration;

use super::claim::Claimant;
use super::session::Session;
use super::{Host, SessionError};
use crate::etcd::Etcd;

/// So many in the queue that it matters.
const STAGGER_FROM: usize = 30;
/// The time that etcd needs for a claim when many nodes start together, roughly.
const CLAIM_TIME: Duration = Duration::from_millis(3);
/// The shortest time between two looks whether the others are named, and the longest wait for that.
const QUEUE_INTERVAL: Duration = Duration::from_millis(300);
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// The time that etcd needs to send one name to one node, roughly, by two of its cores.
const SENDING_TIME: Duration = Duration::from_micros(20);
/// The longest delay, whatever etcd says of the number of names.
const LONGEST_DELAY: Duration = Duration::from_secs(3600);

impl<H: Host, E: Etcd> Session<H, E> {
    /// Lets the others be named first, and draws a moment at which to read all names: each change
    /// would be sent to each of those that are named already, and all at once they would keep
    /// etcd from keeping leases alive.
    pub(super) fn stagger(
        &mut self,
        claimant: Claimant<'_>,
        queue_length: usize,
    ) -> Result<(), SessionError> {
        if queue_length < STAGGER_FROM {
            return Ok(());
        }
        self.let_others_claim(claimant, queue_length)?;
        let result = claimant.slots_taken(&mut self.client);
        let names = self.heard(result)?;
        let end = self.host.now() + delay(names, self.random.fraction());
        while self.host.now() < end && !self.host.is_stopping() {
            let Some(lease) = self.lease else { return Err(SessionError::LeaseGone) };
            self.host.sleep_until(end.min(lease.renew_at));
            self.ensure_lease()?;
        }
        Ok(())
    }

    fn let_others_claim(
        &mut self,
        claimant: Claimant<'_>,
        queue_length: usize,
    ) -> Result<(), SessionError> {
        let end = self.host.now() + LONGEST_WAIT.min(self.settings.lease_ttl / 4);
        let mut others = queue_length;
        while others >= STAGGER_FROM && self.host.now() < end && !self.host.is_stopping() {
            let claims = CLAIM_TIME.saturating_mul(u32::try_from(others).unwrap_or(u32::MAX));
            self.host.sleep_until((self.host.now() + claims.max(QUEUE_INTERVAL)).min(end));
            let result = claimant.queue_length(&mut self.client);
            let before = std::mem::replace(&mut others, self.heard(result)?);
            if others == before {
                // Nobody comes and nobody goes: they wait for names, of which there are not enough.
                break;
            }
        }
        Ok(())
    }
}

/// The delay before so many names are read: this fraction of the time that etcd needs to send them
/// to as many nodes.
fn delay(names: usize, fraction: f64) -> Duration {
    let names = u32::try_from(names).unwrap_or(u32::MAX);
    let all = SENDING_TIME.saturating_mul(names).saturating_mul(names).min(LONGEST_DELAY);
    all.mul_f64(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_spread_over_the_time_that_sending_takes() {
        let milliseconds = |names, fraction| delay(names, fraction).as_millis();
        assert_eq!(milliseconds(100, 0.0), 0);
        assert_eq!(milliseconds(100, 0.5), 100);
        assert_eq!(milliseconds(1000, 0.999), 19_980);
        assert_eq!(delay(usize::MAX, 0.9), delay(1_000_000, 0.9));
        assert!(delay(usize::MAX, 0.9) < LONGEST_DELAY);
    }
}
