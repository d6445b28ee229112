//! What a node tells of itself beside the names, to those who ask it in the class CHAOS.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::names_read::NamesRead;
use super::pattern::SlotId;

/// The addresses of the host that are told at most: a host of containers may have thousands.
const MOST_OF_HOST: usize = 8;

/// What a node tells of itself.
#[derive(Clone, Debug, Default)]
pub struct NodeAccount {
    /// The time, as far as that was told.
    pub now: Option<Instant>,
    /// The endpoint of etcd that answered last; `None`: etcd is out of reach.
    pub endpoint: Option<String>,
    /// The node whose table of all names is taken, and where that was asked; `None`: it is etcd's.
    pub table_server: Option<(SlotId, SocketAddr)>,
    /// What this node waits for to have a name; `None`: for etcd, or for nothing.
    pub nameless: Option<String>,
    /// How far the reading of all names is; `None`: they are not read now.
    pub reading: Option<NamesRead>,
    owned: Option<OwnedFor>,
    host: Vec<IpAddr>,
}

/// For how long a name is owned.
#[derive(Clone, Copy, Debug)]
struct OwnedFor {
    claim_revision: i64,
    since: Instant,
    until: Instant,
}

impl NodeAccount {
    /// Takes note of the fencing token of the name that is owned, and of the end of its lease; `None`: none is.
    pub fn own(&mut self, owned: Option<(i64, Instant)>, now: Instant) {
        self.owned = owned.map(|(claim_revision, until)| {
            let before = self.owned.filter(|before| before.claim_revision == claim_revision);
            OwnedFor { claim_revision, since: before.map_or(now, |before| before.since), until }
        });
    }

    /// Takes note of the addresses of this host.
    pub fn have_addresses(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        self.host = addresses.into_iter().take(MOST_OF_HOST).collect();
    }

    /// The addresses of this host; more than there is room for are left out.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.host
    }

    /// The fencing token of the name that is owned, for how long it has been, and how long it will be.
    pub fn owned(&self) -> Option<(i64, Duration, Duration)> {
        let (owned, now) = self.owned.zip(self.now)?;
        let left = owned.until.saturating_duration_since(now);
        Some((owned.claim_revision, now.saturating_duration_since(owned.since), left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_owned_since_it_was_claimed_and_not_since_its_lease_was_renewed() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut account = NodeAccount { now: Some(start + second * 9), ..NodeAccount::default() };
        assert_eq!(account.owned(), None);
        account.own(Some((7, start + second * 5)), start);
        account.own(Some((7, start + second * 12)), start + second * 4);
        assert_eq!(account.owned(), Some((7, second * 9, second * 3)));
        account.own(Some((8, start + second * 12)), start + second * 4);
        assert_eq!(account.owned(), Some((8, second * 5, second * 3)));
        account.own(None, start + second * 5);
        assert_eq!(account.owned(), None);
    }
}
