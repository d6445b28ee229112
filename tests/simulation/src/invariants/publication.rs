//! Invariant 7: a name has the addresses of its owner's machine.

use super::history::Held;
use super::{Checks, Invariant};
use crate::model::Time;

/// How long a node may wait once all is well: the time-out of a request that was lost in the last moment before, and the
/// pause after that.
const LONGEST_PAUSE: Time = Time::from_secs(10);

impl Checks {
    /// Looks whether each owner published what it would publish now.
    pub(crate) fn look_at_publications(&mut self, now: Time) {
        let wrong = self.live().find_map(|(id, standing)| {
            let (told, _) = (standing.owned?, standing.limit?);
            let changed = standing.moved_at.max(standing.owned_since);
            let since = changed.max(self.undisturbed_since(id)? + LONGEST_PAUSE);
            // Who overwrote it by hand, or by a backup, is noticed first.
            let excused = self.owners.excused_at(told.slot).map(|at| at + self.bounds.by_hand);
            if now <= since.max(excused.unwrap_or_default()) + self.bounds.published {
                return None;
            }
            let epoch = self.oracle.current();
            let (held, is_ready) = (epoch.slot(told.slot).now(), epoch.says_ready(told.slot));
            let is_right = held == Held::Record(standing.record) && is_ready == standing.is_ready;
            (!is_right).then(|| {
                let (node, record, ready) = (standing.node, standing.record, standing.is_ready);
                format!(
                    "process {id} (n{node}) publishes {record}, ready: {ready}, and etcd has {held:?}, \
                     ready: {is_ready}, at {}",
                    told.slot
                )
            })
        });
        if let Some(text) = wrong {
            self.violated(now, Invariant::Publication, text);
        }
    }
}
