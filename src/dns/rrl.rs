//! A limit to the replies that a client's network gets over UDP: whoever forges the address of a
//! victim shall not have us flood it. Every other reply over the limit is cut short rather than left out, so that
//! an honest client asks again over TCP.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::cluster::Network;

/// The bits that the addresses of one network share.
const PREFIX_IPV4: u8 = 24;
const PREFIX_IPV6: u8 = 56;

/// Networks that are counted apart. Two that share a place by chance share their limit.
const PLACES: usize = 4096;

/// For how long a network may save up replies that it did not get.
const BURST: Duration = Duration::from_secs(1);

/// The decision on a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// It is sent.
    Pass,
    /// It is sent without records, truncated.
    Slip,
    /// It is not sent.
    Drop,
}

#[derive(Clone, Copy, Debug)]
struct Allowance {
    /// In thousandths of a reply.
    left: u64,
    at: Instant,
    slipped: bool,
}

/// Counts replies by network, in bounded memory.
#[derive(Debug)]
pub struct RateLimiter {
    /// Replies a second.
    rate: u64,
    places: Vec<Option<Allowance>>,
    random: RandomState,
}

impl RateLimiter {
    /// Lets each network have so many replies a second.
    pub fn new(rate: u32) -> Self {
        let rate = u64::from(rate.max(1));
        RateLimiter { rate, places: vec![None; PLACES], random: RandomState::new() }
    }

    /// Counts a reply to this client.
    pub fn check(&mut self, client: IpAddr, now: Instant) -> Limit {
        let prefix = if client.is_ipv4() { PREFIX_IPV4 } else { PREFIX_IPV6 };
        let hash = self.random.hash_one(Network::around(client, prefix));
        let index = usize::try_from(hash % PLACES as u64).unwrap_or(0);
        let most = self.rate * u64::try_from(BURST.as_millis()).unwrap_or(u64::MAX);
        let Some(place) = self.places.get_mut(index) else { return Limit::Pass };
        let allowance = place.get_or_insert(Allowance { left: most, at: now, slipped: false });
        let waited = now.saturating_duration_since(allowance.at).min(BURST);
        let earned = self.rate * u64::try_from(waited.as_micros()).unwrap_or(0) / 1000;
        if earned > 0 {
            allowance.left = (allowance.left + earned).min(most);
            allowance.at = now;
        }
        if allowance.left >= 1000 {
            allowance.left -= 1000;
            return Limit::Pass;
        }
        allowance.slipped = !allowance.slipped;
        if allowance.slipped { Limit::Slip } else { Limit::Drop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_its_rate_and_every_other_reply_over_it_slips() {
        let mut limiter = RateLimiter::new(10);
        let start = Instant::now();
        let client = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut count = |seconds: u64| {
            let mut counts = [0_u32; 3];
            for number in 0..100_u64 {
                let now = start + Duration::from_millis(seconds * 1000 + number * 10);
                match limiter.check(client(number as u8), now) {
                    Limit::Pass => counts[0] += 1,
                    Limit::Slip => counts[1] += 1,
                    Limit::Drop => counts[2] += 1,
                }
            }
            counts
        };
        let first = count(0);
        assert!((19..=20).contains(&first[0]), "a burst of a second, and a second: {first:?}");
        assert!(first[1].abs_diff(first[2]) <= 1, "{first:?}");
        let later = count(1);
        assert!((9..=11).contains(&later[0]), "{later:?}");
        assert!((19..=20).contains(&count(10)[0]), "saved up again, for a second at most");
        let others = (0..100).filter(|third| {
            let other = IpAddr::from([198, 51, *third, 1]);
            limiter.check(other, start + Duration::from_secs(12)) == Limit::Pass
        });
        assert!(others.count() > 90, "other networks have their own");
    }
}
