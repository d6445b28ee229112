//! What is known of one range of names, slots or a single one, and how an event changes it.

use std::net::IpAddr;

use super::directory::{Applied, Entry, Standing};
use super::slots::{Content, Occupant, Slots};
use super::{Record, SlotId};

/// The slots of a pattern, or one name.
#[derive(Clone, Debug)]
pub(super) enum Known {
    Numbered(Slots),
    Single(String, Option<Occupant>),
}

impl Known {
    /// The slot of a name; a single name counts as the first.
    pub(super) fn id_of(&self, name: &[u8]) -> Option<SlotId> {
        match self {
            Known::Numbered(slots) => slots.pattern.slot_of(name),
            Known::Single(single, _) => (single.as_bytes() == name).then_some(SlotId::FIRST),
        }
    }

    /// Forgets a name; `false`: there is none that would take long to drop with all others.
    pub(super) fn forget_one(&mut self) -> bool {
        match self {
            Known::Numbered(slots) => slots.forget_one(),
            Known::Single(..) => false,
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
            Known::Numbered(slots) => slots.get(slots.pattern.slot_of(name)?),
            Known::Single(single, occupant) if single.as_bytes() == name => occupant.as_ref(),
            Known::Single(..) => None,
        }
    }

    pub(super) fn records(&self) -> Vec<(String, &Record)> {
        match self {
            Known::Numbered(slots) => slots
                .iter()
                .filter_map(|(id, occupant)| Some((slots.pattern.name(id), occupant.record()?)))
                .collect(),
            Known::Single(name, occupant) => {
                let record = occupant.as_ref().and_then(Occupant::record);
                record.map(|record| (name.clone(), record)).into_iter().collect()
            }
        }
    }

    pub(super) fn standing(&self, up_to: i64) -> Standing {
        match self {
            Known::Numbered(slots) => slots.standing(up_to),
            Known::Single(_, occupant) => {
                occupant.filter(|occupant| occupant.mod_revision <= up_to).map_or_else(
                    Standing::default,
                    |Occupant { mod_revision, .. }| Standing { keys: 1, newest: mod_revision },
                )
            }
        }
    }

    pub(super) fn apply(&mut self, name: &[u8], entry: Entry<'_>) -> Applied {
        let id = match self {
            Known::Numbered(slots) => match slots.pattern.slot_of(name) {
                Some(id) => id,
                None => {
                    slots.note_stray(name, entry.value, entry.mod_revision);
                    return Applied::Ignored;
                }
            },
            Known::Single(single, _) if single.as_bytes() == name => SlotId::FIRST,
            Known::Single(..) => return Applied::Ignored,
        };
        let known = self.get(name).copied();
        if known.is_some_and(|occupant| occupant.mod_revision >= entry.mod_revision) {
            return Applied::Ignored;
        }
        let Some(value) = entry.value else {
            match self {
                Known::Numbered(slots) => {
                    slots.remove(id);
                }
                Known::Single(_, occupant) => *occupant = None,
            }
            return if known.is_some() { Applied::Changed } else { Applied::Ignored };
        };
        let (content, applied) = match Record::parse(value) {
            Ok(record) => (Content::Record(record), Applied::Changed),
            Err(error) => (Content::Unusable, Applied::Unusable(error)),
        };
        let new = Occupant { content, mod_revision: entry.mod_revision };
        match self {
            Known::Numbered(slots) => slots.insert(id, new),
            Known::Single(_, occupant) => *occupant = Some(new),
        }
        applied
    }
}
