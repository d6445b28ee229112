//! The services of the nodes in a group, listed when one of them changes: neither an answer nor a step of a transfer looks
//! at all nodes for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::details::Details;
use super::pattern::SlotId;

/// Where a service is, lowest slot first, with its port.
type Places = Vec<(SlotId, u16)>;

/// The services by name, such as `http/tcp`. Copies share them until one changes.
#[derive(Clone, Debug, Default)]
pub struct GroupServices(Option<Arc<BTreeMap<String, Places>>>);

impl GroupServices {
    /// The names of the services that a node of the group has.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|all| all.keys()).map(String::as_str)
    }

    /// The slots that have a service, lowest first, and the port of each.
    pub fn places(&self, service: &str) -> &[(SlotId, u16)] {
        self.0.as_ref().and_then(|all| all.get(service)).map_or(&[], Vec::as_slice)
    }

    /// All of them from one on, by name and slot.
    pub fn from(&self, first: usize) -> impl Iterator<Item = (&str, SlotId, u16)> {
        let mut skipped = first;
        self.0.iter().flat_map(|all| all.iter()).flat_map(move |(name, places)| {
            let skip = skipped.min(places.len());
            skipped -= skip;
            let rest = places.get(skip..).unwrap_or_default();
            rest.iter().map(move |(slot, port)| (name.as_str(), *slot, *port))
        })
    }

    /// Forgets one of the services; `false`: there is none.
    pub(super) fn forget_one(&mut self) -> bool {
        let Some(all) = &mut self.0 else { return false };
        // What others have a share in is theirs to drop.
        let forgotten = Arc::get_mut(all).is_some_and(|own| own.pop_first().is_some());
        if !forgotten {
            self.0 = None;
        }
        true
    }

    /// Lists for a slot what it tells now in place of what it told before.
    pub(super) fn change(&mut self, id: SlotId, before: Option<&Details>, after: Option<&Details>) {
        let all = Arc::make_mut(self.0.get_or_insert_default());
        for (service, _) in before.into_iter().flat_map(Details::services) {
            let Some(places) = all.get_mut(service) else { continue };
            if let Ok(at) = places.binary_search_by_key(&id, |(slot, _)| *slot) {
                places.remove(at);
            }
            if places.is_empty() {
                all.remove(service);
            }
        }
        for (service, port) in after.into_iter().flat_map(Details::services) {
            let places = all.entry(service.to_owned()).or_default();
            if let Err(at) = places.binary_search_by_key(&id, |(slot, _)| *slot) {
                places.insert(at, (id, port));
            }
        }
    }
}
