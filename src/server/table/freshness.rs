//! How fresh a table is that is taken from another node. Pure.

use std::time::{Duration, Instant};

use crate::cluster::Freshness;

/// How long a table that was proven to be etcd's can be answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// Without being called stale.
    pub max_lag: Duration,
    /// At all, if that is longer.
    pub max_stale: Duration,
}

/// Those of the options.
impl Default for TableLimits {
    fn default() -> Self {
        TableLimits { max_lag: Duration::from_secs(15), max_stale: Duration::from_secs(3600) }
    }
}

impl TableLimits {
    /// What a directory is now that was proven to be etcd's at that time.
    pub fn freshness(&self, proven_at: Instant, now: Instant) -> Freshness {
        if now < proven_at + self.max_lag {
            Freshness::Synced
        } else if now < proven_at + self.max_stale {
            Freshness::Stale
        } else {
            Freshness::Expired
        }
    }

    /// When it is something else; `None`: never again.
    pub fn next_change(&self, proven_at: Instant, now: Instant) -> Option<Instant> {
        [proven_at + self.max_lag, proven_at + self.max_stale]
            .into_iter()
            .filter(|at| *at > now)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_stale_after_the_lag_and_told_to_nobody_after_the_rest() {
        let second = Duration::from_secs(1);
        let at = Instant::now();
        let limits = TableLimits { max_lag: 15 * second, max_stale: 60 * second };
        let table = [
            (0, Freshness::Synced, Some(15)),
            (14, Freshness::Synced, Some(15)),
            (15, Freshness::Stale, Some(60)),
            (59, Freshness::Stale, Some(60)),
            (60, Freshness::Expired, None),
        ];
        for (seconds, wanted, next) in table {
            let now = at + seconds * second;
            assert_eq!(limits.freshness(at, now), wanted, "{seconds}");
            assert_eq!(limits.next_change(at, now), next.map(|next: u32| at + next * second));
        }
        let short = TableLimits { max_stale: second, ..limits };
        assert_eq!(short.freshness(at, at + 2 * second), Freshness::Synced);
        assert_eq!(short.freshness(at, at + 15 * second), Freshness::Expired);
    }
}
