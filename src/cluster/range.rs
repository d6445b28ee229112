//! What is known of one range of names, slots or a single one, and how an event changes it.

use std::net::IpAddr;

use super::entry::{Applied, Entry, RangeDigest};
use super::pattern::SlotId;
use super::record::Record;
use super::slots::{Occupant, SlotValue, Slots};

/// The slots of a pattern, or one name.
#[derive(Clone, Debug)]
pub(super) enum KnownRange {
    Numbered(Slots),
    Single(String, Option<Occupant>),
}

impl KnownRange {
    /// The slot of a name; a single name counts as the first.
    pub(super) fn id_of(&self, name: &[u8]) -> Option<SlotId> {
        match self {
            KnownRange::Numbered(slots) => slots.pattern.slot_of(name),
            KnownRange::Single(single, _) => (single.as_bytes() == name).then_some(SlotId::FIRST),
        }
    }

    /// Forgets a name; `false`: there is none that would take long to drop with all others.
    pub(super) fn forget_one(&mut self) -> bool {
        match self {
            KnownRange::Numbered(slots) => slots.forget_one(),
            KnownRange::Single(..) => false,
        }
    }

    pub(super) fn addresses(&self, name: &[u8]) -> [Option<IpAddr>; 2] {
        let record = self.get(name).and_then(Occupant::record);
        record.map_or([None, None], |record| {
            [record.ipv4.map(IpAddr::from), record.ipv6.map(IpAddr::from)]
        })
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&Occupant> {
        match self {
            KnownRange::Numbered(slots) => slots.get(slots.pattern.slot_of(name)?),
            KnownRange::Single(single, occupant) if single.as_bytes() == name => occupant.as_ref(),
            KnownRange::Single(..) => None,
        }
    }

    pub(super) fn records(&self) -> Vec<(String, &Record)> {
        match self {
            KnownRange::Numbered(slots) => slots
                .iter()
                .filter_map(|(id, occupant)| Some((slots.pattern.name(id), occupant.record()?)))
                .collect(),
            KnownRange::Single(name, occupant) => {
                let record = occupant.as_ref().and_then(Occupant::record);
                record.map(|record| (name.clone(), record)).into_iter().collect()
            }
        }
    }

    pub(super) fn digest(&self, up_to: i64) -> RangeDigest {
        match self {
            KnownRange::Numbered(slots) => slots.digest(up_to),
            KnownRange::Single(_, occupant) => occupant
                .filter(|occupant| occupant.mod_revision <= up_to)
                .map_or_else(RangeDigest::default, |Occupant { mod_revision, .. }| RangeDigest {
                    keys: 1,
                    newest: mod_revision,
                }),
        }
    }

    pub(super) fn apply(&mut self, name: &[u8], entry: Entry<'_>) -> Applied {
        let id = match self {
            KnownRange::Numbered(slots) => match slots.pattern.slot_of(name) {
                Some(id) => id,
                None => {
                    slots.note_stray(name, entry.value, entry.mod_revision);
                    return Applied::Ignored;
                }
            },
            KnownRange::Single(single, _) if single.as_bytes() == name => SlotId::FIRST,
            KnownRange::Single(..) => return Applied::Ignored,
        };
        let known = self.get(name).copied();
        if known.is_some_and(|occupant| occupant.mod_revision >= entry.mod_revision) {
            return Applied::Ignored;
        }
        let Some(value) = entry.value else {
            match self {
                KnownRange::Numbered(slots) => {
                    slots.remove(id);
                }
                KnownRange::Single(_, occupant) => *occupant = None,
            }
            return if known.is_some() { Applied::Changed } else { Applied::Ignored };
        };
        let (content, applied) = match Record::parse(value) {
            Ok(record) => (SlotValue::Record(record), Applied::Changed),
            Err(error) => (SlotValue::Unusable, Applied::Unusable(error)),
        };
        let new = Occupant { content, mod_revision: entry.mod_revision };
        match self {
            KnownRange::Numbered(slots) => slots.insert(id, new),
            KnownRange::Single(_, occupant) => *occupant = Some(new),
        }
        applied
    }
}
