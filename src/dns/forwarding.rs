//! Which queries go on to other servers: for which names, and whose.

use std::net::IpAddr;

use crate::cluster::Network;

/// The names outside of our zones that are left to other servers, and who may ask for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// The zones, in lower case with the final dot; `.` holds all names.
    zones: Vec<String>,
    /// Who may ask for them; `None`: whoever may ask at all.
    clients: Option<Vec<Network>>,
}

impl Forwarding {
    /// Of the names in these zones, in lower case with the final dot.
    pub fn of(zones: Vec<String>) -> Forwarding {
        Forwarding { zones, clients: None }
    }

    /// Of all names.
    pub fn of_all_names() -> Forwarding {
        Forwarding::of(vec![".".to_owned()])
    }

    /// Whether a name, in lower case with the final dot, is in one of the zones.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        self.zones.iter().any(|zone| is_within(name, zone))
    }

    /// Sets who may ask; `None`: whoever may ask at all.
    pub(super) fn set_clients(&mut self, clients: Option<Vec<Network>>) {
        self.clients = clients;
    }

    pub(super) fn allows(&self, client: IpAddr) -> bool {
        let Some(clients) = &self.clients else { return true };
        clients.iter().any(|network| network.contains(client))
    }
}

/// Whether a name is that of a zone or below it, both in lower case with the final dot.
pub fn is_within(name: &[u8], zone: &str) -> bool {
    let above = name.strip_suffix(zone.as_bytes());
    zone == "." || above.is_some_and(|above| above.is_empty() || above.ends_with(b"."))
}
