//! The drains of the slots of a pattern, as they stand in etcd.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::drain::Drain;
use super::entry::{Entry, KeyVersion, are_on_one_lease};
use super::pattern::SlotId;

/// A drain that stands in etcd.
#[derive(Clone, Debug)]
struct KnownDrain {
    drain: Arc<Drain>,
    mod_revision: i64,
    fingerprint: u64,
}

/// The drains of slots, whether these are taken or not. Copies share them until one changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Drains(Arc<BTreeMap<SlotId, KnownDrain>>);

impl Drains {
    /// The drain of a slot that counts for what has this fingerprint there: it is on one lease with that.
    pub(super) fn of(&self, id: SlotId, fingerprint: u64) -> Option<&Arc<Drain>> {
        let known = self.0.get(&id)?;
        are_on_one_lease(known.fingerprint, fingerprint).then_some(&known.drain)
    }

    /// The revision of the last change of a drain, and its fingerprint.
    pub(super) fn version(&self, id: SlotId) -> Option<KeyVersion> {
        self.0.get(&id).map(|known| (known.mod_revision, known.fingerprint))
    }

    /// The revisions of the last changes of all.
    pub(super) fn revisions(&self) -> impl Iterator<Item = i64> {
        self.0.values().map(|known| known.mod_revision)
    }

    /// Applies the key of a drain. Returns whether that is news.
    pub(super) fn apply(&mut self, id: SlotId, entry: Entry<'_>) -> bool {
        let (mod_revision, fingerprint) = (entry.mod_revision, entry.fingerprint);
        if self.version(id).is_some_and(|(known, _)| known >= mod_revision) {
            return false;
        }
        let Some(value) = entry.value else { return self.remove(id) };
        let drain = Arc::new(Drain::parse(value));
        self.insert(id, KnownDrain { drain, mod_revision, fingerprint });
        true
    }

    /// Puts what etcd has at the key of a drain, whatever is known; `None`: nothing.
    pub(super) fn read(&mut self, id: SlotId, entry: Option<Entry<'_>>) -> bool {
        let version = entry.map(|entry| (entry.mod_revision, entry.fingerprint));
        if self.version(id) == version {
            return false;
        }
        self.remove(id);
        if let Some(entry) = entry {
            self.apply(id, entry);
        }
        true
    }

    /// Puts what a zone tells of a slot, which counts for what a zone tells.
    pub(super) fn put_transferred(&mut self, id: SlotId, drain: Option<Arc<Drain>>) {
        match drain {
            Some(drain) => self.insert(id, KnownDrain { drain, mod_revision: 0, fingerprint: 0 }),
            None => _ = self.remove(id),
        }
    }

    /// Takes over what others know of a slot.
    pub(super) fn take_over(&mut self, id: SlotId, from: &Drains) {
        match from.0.get(&id) {
            Some(known) => self.insert(id, known.clone()),
            None => _ = self.remove(id),
        }
    }

    fn insert(&mut self, id: SlotId, known: KnownDrain) {
        Arc::make_mut(&mut self.0).insert(id, known);
    }

    /// Returns whether there was one. What copies share is not copied for nothing.
    fn remove(&mut self, id: SlotId) -> bool {
        self.0.contains_key(&id) && Arc::make_mut(&mut self.0).remove(&id).is_some()
    }

    /// Forgets one; `false`: there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        // What others have a share in is theirs to drop.
        let forgotten = Arc::get_mut(&mut self.0).map(|own| own.pop_first().is_some());
        forgotten.unwrap_or_else(|| !std::mem::take(&mut self.0).is_empty())
    }
}
