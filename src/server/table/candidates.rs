//! From whom to take the table: the nodes that may be asked, the best first, and how each did. Pure: time and
//! chance are given.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::node::TableServer;

/// How long a server that failed is left alone: at first, and at most. Each time twice as long. Short at first: where
/// all start together, those that will have the table soon do not have it yet.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How often it is looked for a better server than the one in use: every so long, and up to as long again.
const LOOK_FOR_BETTER: Duration = Duration::from_secs(60);

/// A server that may be asked.
#[derive(Debug)]
struct Candidate {
    server: TableServer,
    /// How often it failed since it last had a table for us.
    failures: u32,
    /// Not before this, since it failed.
    retry_at: Option<Instant>,
}

/// All servers that may be asked, in order.
#[derive(Debug, Default)]
pub struct Candidates {
    all: Vec<Candidate>,
    look_at: Option<Instant>,
}

impl Candidates {
    /// Names them anew. Those that stay are known as they were.
    pub fn set(&mut self, servers: &[TableServer]) {
        let mut old = std::mem::take(&mut self.all);
        self.all = servers
            .iter()
            .map(|server| {
                let known = old.iter().position(|candidate| candidate.server == *server);
                known.map(|at| old.swap_remove(at)).unwrap_or(Candidate {
                    server: *server,
                    failures: 0,
                    retry_at: None,
                })
            })
            .collect();
    }

    /// Lets all of them be asked at once, still those first that failed least often: else of many the first ones
    /// only would be asked, again and again.
    pub fn forgive(&mut self) {
        self.all.iter_mut().for_each(|candidate| candidate.retry_at = None);
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether one of them has this address.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.all.iter().any(|candidate| candidate.server.address.ip() == address)
    }

    /// Whether this is one of them.
    pub fn has(&self, server: TableServer) -> bool {
        self.all.iter().any(|candidate| candidate.server == server)
    }

    /// The best one that may be asked now, if it is better than `current`: of those that failed least often the
    /// first. Else two that are silent for long would keep the others from being asked at all.
    pub fn best(&self, current: Option<TableServer>, now: Instant) -> Option<TableServer> {
        let candidates = self.all.iter().take_while(|it| Some(it.server) != current);
        let ready = candidates.filter(|it| it.retry_at.is_none_or(|at| at <= now));
        ready.min_by_key(|candidate| candidate.failures).map(|candidate| candidate.server)
    }

    /// When the first of them may be asked; `None`: at once, or there are none.
    pub fn ready_at(&self) -> Option<Instant> {
        let mut times = self.all.iter().map(|candidate| candidate.retry_at);
        // No time at all comes before any.
        times.try_fold(None, |first: Option<Instant>, at| {
            at.map(|at| Some(first.map_or(at, |first| first.min(at))))
        })?
    }

    /// Takes note that one has a table for us.
    pub fn succeed(&mut self, server: TableServer, now: Instant, draw: u64) {
        if let Some(candidate) = self.find(server.address) {
            (candidate.failures, candidate.retry_at) = (0, None);
        }
        self.look_later(now, draw);
    }

    /// Takes note that one does not answer, or has no table for us.
    pub fn fail(&mut self, server: TableServer, now: Instant, draw: u64) {
        let Some(candidate) = self.find(server.address) else { return };
        let pause = FIRST_PAUSE.saturating_mul(1 << candidate.failures.min(16)).min(LONGEST_PAUSE);
        candidate.failures = candidate.failures.saturating_add(1);
        candidate.retry_at = Some(now + spread(pause, draw));
    }

    /// When to look for a better one than that in use.
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Puts that off.
    pub fn look_later(&mut self, now: Instant, draw: u64) {
        self.look_at = Some(now + spread(LOOK_FOR_BETTER, draw));
    }

    fn find(&mut self, address: SocketAddr) -> Option<&mut Candidate> {
        self.all.iter_mut().find(|candidate| candidate.server.address == address)
    }
}

/// A time, and up to as long again: those who lost one server do not all come back at once.
fn spread(time: Duration, draw: u64) -> Duration {
    // Some 2^-16 are exact enough.
    let part = u32::try_from(draw >> 48).unwrap_or_default();
    time + time * part / 65_536
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::SlotId;

    fn servers(count: u8) -> Vec<TableServer> {
        (1..=count)
            .filter_map(|number| {
                let address = SocketAddr::from(([10, 0, 0, number], 53));
                Some(TableServer { slot: SlotId::new(number.into())?, address })
            })
            .collect()
    }

    #[test]
    fn the_next_one_is_tried_and_who_failed_comes_back_later() {
        let (servers, start) = (servers(3), Instant::now());
        let mut candidates = Candidates::default();
        candidates.set(&servers);
        assert_eq!(candidates.best(None, start), Some(servers[0]));
        candidates.fail(servers[0], start, 0);
        assert_eq!(candidates.best(None, start), Some(servers[1]));
        candidates.fail(servers[1], start, 0);
        candidates.fail(servers[2], start, 0);
        assert_eq!(candidates.best(None, start), None);
        assert_eq!(candidates.ready_at(), Some(start + FIRST_PAUSE));
        assert_eq!(candidates.best(None, start + FIRST_PAUSE), Some(servers[0]));
        candidates.succeed(servers[2], start, 0);
        assert_eq!(candidates.best(None, start), Some(servers[2]));
        assert_eq!(candidates.ready_at(), None, "at once");
    }

    /// The pauses after so many failures in a row, in milliseconds.
    fn pauses(
        candidates: &mut Candidates,
        server: TableServer,
        count: usize,
        draw: u64,
    ) -> Vec<u128> {
        let start = Instant::now();
        let mut pause = || {
            candidates.fail(server, start, draw);
            (candidates.ready_at().expect("a time") - start).as_millis()
        };
        (0..count).map(|_| pause()).collect()
    }

    #[test]
    fn who_fails_is_left_alone_twice_as_long_each_time_until_it_has_a_table() {
        let server = servers(1)[0];
        let mut candidates = Candidates::default();
        candidates.set(&[server]);
        let shortest: Vec<u128> = (0..11).map(|power| 250 << power).chain([300_000; 4]).collect();
        assert_eq!(pauses(&mut candidates, server, 15, 0), shortest);
        candidates.forgive();
        assert_eq!(
            pauses(&mut candidates, server, 1, 0),
            [300_000],
            "it may be asked, that is all"
        );
        candidates.set(&[server]);
        assert_eq!(pauses(&mut candidates, server, 1, 0), [300_000], "named again");
        candidates.succeed(server, Instant::now(), 0);
        // By chance up to twice as long.
        let longest: Vec<u128> = shortest.iter().map(|pause| pause * 2 - 1).collect();
        for (found, longest) in pauses(&mut candidates, server, 15, u64::MAX).iter().zip(longest) {
            assert!((longest - longest / 1000..=longest).contains(found), "{found} {longest}");
        }
        candidates.succeed(server, Instant::now(), 0);
        let middle = pauses(&mut candidates, server, 3, 1 << 63);
        assert_eq!(middle, [375, 750, 1500]);
        candidates.set(&[]);
        candidates.set(&[server]);
        assert_eq!(pauses(&mut candidates, server, 1, 0), [250], "nothing is known of it");
    }

    #[test]
    fn who_is_silent_for_long_does_not_keep_the_others_from_being_asked() {
        let (servers, start) = (servers(3), Instant::now());
        let mut candidates = Candidates::default();
        candidates.set(&servers);
        candidates.fail(servers[0], start, 0);
        candidates.fail(servers[1], start, 0);
        // Each of them took longer than the other's pause, or all were forgiven.
        assert_eq!(candidates.best(None, start + LONGEST_PAUSE), Some(servers[2]));
        candidates.forgive();
        assert_eq!(candidates.best(None, start), Some(servers[2]));
        candidates.fail(servers[2], start, 0);
        candidates.forgive();
        assert_eq!(candidates.best(None, start), Some(servers[0]));
    }

    #[test]
    fn only_one_before_the_current_one_is_better() {
        let (servers, start) = (servers(3), Instant::now());
        let mut candidates = Candidates::default();
        candidates.set(&servers);
        assert_eq!(candidates.best(Some(servers[1]), start), Some(servers[0]));
        assert_eq!(candidates.best(Some(servers[0]), start), None);
        candidates.succeed(servers[1], start, u64::MAX);
        let look_at = candidates.look_at().expect("a time");
        assert!((LOOK_FOR_BETTER..=2 * LOOK_FOR_BETTER).contains(&(look_at - start)));
        candidates.fail(servers[0], start, 0);
        assert_eq!(candidates.best(Some(servers[1]), start), None);

        candidates.forgive();
        assert_eq!(candidates.best(Some(servers[1]), start), Some(servers[0]));
        candidates.fail(servers[0], start, 0);

        // Who is named again is known as before.
        candidates.set(&servers[..2]);
        assert_eq!(candidates.best(None, start), Some(servers[1]));
        assert!(candidates.has_address([10, 0, 0, 2].into()) && !candidates.has(servers[2]));
        assert!(!candidates.has_address([10, 0, 0, 3].into()));
        candidates.set(&[]);
        assert!(candidates.is_empty() && candidates.ready_at().is_none());
    }
}
