//! Counts of queries and replies since the start.

use std::fmt;

use super::wire::Rcode;

/// The response codes that are told apart.
const RCODES: u8 = Rcode::BADCOOKIE.value() + 1;

/// What a transfer brings, in the order in which they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// All of a zone.
    Zone,
    /// What changed in it.
    Changes,
    /// Its SOA alone: the client has this very zone, or has to ask over a connection.
    Soa,
}

/// Counts of queries and replies since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counters {
    /// All queries.
    pub queries: u64,
    /// Those of them that came over TCP.
    pub over_tcp: u64,
    /// Queries that were not answered.
    pub dropped: u64,
    /// Transfers of zones that were begun: all of a zone, what changed in it, and its SOA alone, which is no news.
    pub transfers: [u64; 3],
    /// Queries for a transfer that got none.
    pub transfers_refused: u64,
    /// Messages that told others of a change (NOTIFY).
    pub notifies: u64,
    by_rcode: [u64; RCODES as usize],
    /// Queries that other servers answered.
    pub forwarded: u64,
    /// Queries for names of other servers that were answered from what is kept.
    pub kept_hits: u64,
    /// Such queries of which nothing was kept.
    pub kept_misses: u64,
    /// The replies that are kept.
    pub kept_entries: u64,
    /// The octets that they take.
    pub kept_octets: u64,
    /// Queries that other servers should have answered, and none did.
    pub unanswered: u64,
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

    /// Counts a transfer that begins.
    pub fn count_transfer(&mut self, kind: TransferKind) {
        if let Some(count) = self.transfers.get_mut(kind as usize) {
            *count += 1;
        }
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
        match (self.forwarded + self.unanswered, self.unanswered) {
            (0, _) => Ok(()),
            (all, in_vain) => write!(f, ", {all} forwarded, {in_vain} of them in vain"),
        }
    }
}
