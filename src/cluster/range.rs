//! One range of names, slots or a single one, as it is known now, and its change by an event.

use std::net::IpAddr;

use super::entry::{Applied, Entry, RangeDigest};
use super::names::KnownName;
use super::pattern::SlotId;
use super::record::Record;
use super::slots::{Occupant, SlotValue, Slots};

/// The slots of a pattern, or one name.
#[derive(Clone, Debug)]
pub(super) enum KnownRange {
    Numbered(Box<Slots>),
    Single(String, Option<Occupant>),
}

impl KnownRange {
    /// The slots, where it is a pattern's.
    pub(super) fn slots(&self) -> Option<&Slots> {
        match self {
            KnownRange::Numbered(slots) => Some(slots),
            KnownRange::Single(..) => None,
        }
    }

    /// The number of names that exist.
    pub(super) fn occupied(&self) -> usize {
        match self {
            KnownRange::Numbered(slots) => slots.occupied(),
            KnownRange::Single(_, occupant) => usize::from(occupant.is_some()),
        }
    }

    /// Forgets an address and a name; `false`: there is none that would take long to drop with all
    /// others.
    pub(super) fn forget_one(&mut self) -> bool {
        match self {
            KnownRange::Numbered(slots) => slots.forget_one(),
            KnownRange::Single(..) => false,
        }
    }

    /// Whether this name publishes an address.
    pub(super) fn publishes(&self, name: &[u8], address: IpAddr) -> bool {
        let record = self.get(name).and_then(Occupant::record);
        record.is_some_and(|record| record.has_address(address))
    }

    /// Returns how many names publish an address.
    pub(super) fn at_address(&self, address: IpAddr) -> usize {
        match self {
            KnownRange::Numbered(slots) => slots.at_address(address),
            KnownRange::Single(name, _) => usize::from(self.publishes(name.as_bytes(), address)),
        }
    }

    /// Tells the names that publish an address, lowest number first, until one fails.
    pub(super) fn try_names_of<E>(
        &self,
        address: IpAddr,
        mut tell: impl FnMut(KnownName<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            KnownRange::Numbered(slots) => {
                slots.try_at_address(address, |id| tell(KnownName::Slot(&slots.pattern, id)))
            }
            KnownRange::Single(name, _) if self.publishes(name.as_bytes(), address) => {
                tell(KnownName::Single(name))
            }
            KnownRange::Single(..) => Ok(()),
        }
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
        let new = Occupant::new(content, entry.mod_revision);
        match self {
            KnownRange::Numbered(slots) => slots.insert(id, new),
            KnownRange::Single(_, occupant) => *occupant = Some(new),
        }
        applied
    }
}
