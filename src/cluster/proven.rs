//! When the directory was last known to be etcd's present one, for those who take it from here.

use std::time::Instant;

use super::directory::{Directory, Freshness};

impl Directory {
    /// Notes that it is what etcd held at this time or later.
    pub fn prove(&mut self, at: Instant) {
        self.proven_at = Some(at);
    }

    /// When it was last known to be etcd's; `None`: it is not.
    pub fn proven_at(&self) -> Option<Instant> {
        self.proven_at.filter(|_| self.freshness() == Freshness::Synced)
    }

    /// How often all names were read anew, modulo 2^32. Between two such times everything that changed
    /// followed from what was there.
    pub fn reading(&self) -> u32 {
        self.reading
    }
}
