//! This host's end of a connection.

use std::net::IpAddr;

use crate::server::Shared;

/// This host's address on a connection. Once the host has it no more, nothing comes by it.
#[derive(Debug)]
pub(super) struct LocalAddress {
    pub(super) ip: IpAddr,
    /// Whether an interface had it since: a route can make others this host's as well.
    was_here: bool,
}

impl LocalAddress {
    pub(super) fn new(ip: IpAddr) -> Self {
        LocalAddress { ip, was_here: false }
    }

    /// Returns whether the host had it and has it no more, as far as the server knows.
    pub(super) fn is_gone(&mut self, server: &Shared) -> bool {
        let is_here = server.lock().network().has(self.ip);
        self.was_here |= is_here == Some(true);
        self.was_here && is_here == Some(false)
    }
}
