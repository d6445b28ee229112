//! When the directory was last known to be etcd's present one, for those who take it from here.

use std::time::Instant;

use super::directory::{Directory, Freshness};

impl Directory {
    /// Notes that it is what etcd held at this time or later. Not while something is known that is ahead of
    /// the revision, as the own name is from its claim: those who take the directory at that revision do not
    /// get it, and what they get is not what etcd held then.
    pub fn prove(&mut self, at: Instant) {
        let ahead = self.journal.as_ref().map(|journal| journal.ahead_of(self.revision()));
        if ahead.is_none_or(|ahead| ahead.is_some_and(|ahead| ahead.is_empty())) {
            self.proven_at = Some(at);
        }
    }

    /// When it was last known to be etcd's; `None`: it is not.
    pub fn proven_at(&self) -> Option<Instant> {
        self.proven_at.filter(|_| self.freshness() == Freshness::Synced)
    }

    /// When it was last known to be etcd's, however long ago that is; `None`: never.
    pub fn last_proven_at(&self) -> Option<Instant> {
        self.proven_at
    }

    /// How often all names were read anew, modulo 2^32. Between two such times everything that changed
    /// followed from what was there.
    pub fn reading(&self) -> u32 {
        self.reading
    }
}
