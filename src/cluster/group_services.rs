//! The services of the nodes in a group, listed when one of them changes: neither an answer nor a step of a transfer looks
//! at all nodes for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::details::Details;
use super::pattern::SlotId;

/// Where a service is, with its port.
pub type ServicePlaces = BTreeMap<SlotId, u16>;

/// The services by name, such as `http/tcp`; mostly nobody has any. Copies share them until one changes.
#[derive(Clone, Debug, Default)]
pub struct GroupServices(Option<Arc<BTreeMap<String, ServicePlaces>>>);

impl GroupServices {
    /// The names of the services that a node of the group has.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|all| all.keys()).map(String::as_str)
    }

    /// Where a service is; `None`: no node of the group has it.
    pub fn places(&self, service: &str) -> Option<&ServicePlaces> {
        self.0.as_ref()?.get(service)
    }

    /// All of them, but for so many names, and of the next one the slots before this one: each with the number of its name,
    /// the name, its slot and its port.
    pub fn from(
        &self,
        names: usize,
        slot: SlotId,
    ) -> impl Iterator<Item = (usize, &str, SlotId, u16)> {
        let all = self.0.iter().flat_map(|all| all.iter());
        all.enumerate().skip(names).flat_map(move |(number, (name, places))| {
            let first = if number == names { slot } else { SlotId::FIRST };
            places.range(first..).map(move |(slot, port)| (number, name.as_str(), *slot, *port))
        })
    }

    /// Forgets one place; `false`: there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        let Some(all) = &mut self.0 else { return false };
        // What others have a share in is theirs to drop.
        match Arc::get_mut(all).and_then(BTreeMap::first_entry) {
            Some(mut first) => {
                if first.get_mut().pop_first().is_none() {
                    first.remove();
                }
            }
            None => self.0 = None,
        }
        true
    }

    /// Lists for a slot what it tells now in place of what it told before.
    pub(super) fn change(&mut self, id: SlotId, before: Option<&Details>, after: Option<&Details>) {
        let all = Arc::make_mut(self.0.get_or_insert_default());
        for (service, _) in before.into_iter().flat_map(Details::services) {
            let Some(places) = all.get_mut(service) else { continue };
            places.remove(&id);
            if places.is_empty() {
                all.remove(service);
            }
        }
        for (service, port) in after.into_iter().flat_map(Details::services) {
            all.entry(service.to_owned()).or_default().insert(id, port);
        }
    }
}
