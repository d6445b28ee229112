//! For whom other names are forwarded where nobody says so: this host, and those in its own networks. Anybody
//! else could have it ask for him, which floods others.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Server;
use crate::cluster::Network;

impl Server {
    /// Forwards for this host and its own networks alone, as they are at any time.
    #[must_use]
    pub fn forwarding_for_own_networks(mut self) -> Self {
        self.own_networks = Some(Vec::new());
        self.update_own_networks();
        self
    }

    pub(super) fn update_own_networks(&mut self) {
        let Some(before) = &self.own_networks else { return };
        let loopback = [
            Network::around(Ipv4Addr::LOCALHOST.into(), 8),
            Network::around(Ipv6Addr::LOCALHOST.into(), 128),
        ];
        let told = self.network.networks();
        let why =
            told.as_ref().err().map(|error| format!(" (the system tells no others: {error})"));
        let mut networks = told.unwrap_or_default();
        networks.retain(|network| !loopback.contains(network));
        if networks == *before && !before.is_empty() {
            return;
        }
        let shown: Vec<String> = networks.iter().map(Network::to_string).collect();
        log::info!(
            "other names are forwarded for this host and its networks alone, {}{}; for more give --allow",
            if shown.is_empty() { "none".to_owned() } else { shown.join(", ") },
            why.unwrap_or_default()
        );
        self.own_networks = Some(networks.clone());
        networks.extend(loopback);
        self.service.responder.set_forwarding_clients(Some(networks));
    }
}
