//! Counts of queries and replies since the start.

use std::fmt;

use super::wire::Rcode;

/// The response codes that are told apart.
const RCODES: u8 = Rcode::BADCOOKIE.value() + 1;

/// Counts of queries and replies since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    queries: u64,
    dropped: u64,
    by_rcode: [u64; RCODES as usize],
    forwarded: u64,
    unanswered: u64,
}

impl Counters {
    /// Counts a query; `None`: it was not answered.
    pub fn count(&mut self, rcode: Option<Rcode>) {
        self.queries += 1;
        match rcode.and_then(|rcode| self.by_rcode.get_mut(usize::from(rcode.value()))) {
            Some(count) => *count += 1,
            None => self.dropped += 1,
        }
    }

    /// Counts a query that another server answered.
    pub fn count_forwarded(&mut self) {
        self.forwarded += 1;
    }

    /// Counts a query that was to be forwarded, and that no other server answered.
    pub fn count_unanswered(&mut self) {
        self.unanswered += 1;
    }

    /// Queries that other servers answered.
    pub fn forwarded(&self) -> u64 {
        self.forwarded
    }

    /// Queries that other servers should have answered, and none did.
    pub fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// All queries.
    pub fn queries(&self) -> u64 {
        self.queries
    }

    /// Queries that were not answered.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The response codes that were answered with, and how often.
    pub fn answers(&self) -> impl Iterator<Item = (Rcode, u64)> {
        let counts = (0..RCODES).map(Rcode::new).zip(self.by_rcode);
        counts.filter(|(_, count)| *count > 0)
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} queries, {} dropped", self.queries, self.dropped)?;
        for (rcode, count) in self.answers() {
            write!(f, ", {count} {rcode}")?;
        }
        if self.forwarded + self.unanswered > 0 {
            write!(
                f,
                ", {} forwarded, {} of them in vain",
                self.forwarded + self.unanswered,
                self.unanswered
            )?;
        }
        Ok(())
    }
}
