//! What answers queries, and its settings.

use std::net::IpAddr;

use simple_dns::SimpleDnsError;

use super::cookie::Secret;
use super::forwarding::Forwarding;
use super::hosts::HostsTable;
use super::tsig::TsigKeys;
use super::wire::flag;
use super::zone::Zones;
use crate::cluster::{Keyspace, Network, ReverseNetwork};

/// Answers queries for the zones of a cluster's names.
#[derive(Clone, Debug)]
pub struct Responder {
    pub(super) zones: Zones,
    /// The name of the group of all nodes.
    servers: String,
    pub(super) ttl: u32,
    /// The networks that may ask; empty: everybody.
    allowed: Vec<Network>,
    /// Those that may have whole zones.
    transferable: Vec<Network>,
    /// Names that are answered for beside.
    pub(super) hosts: HostsTable,
    /// What becomes of queries for names outside of all zones; `None`: they are refused.
    pub(super) forwarding: Option<Forwarding>,
    pub(super) secret: Secret,
    /// Under which queries may be signed.
    pub(super) keys: TsigKeys,
}

impl Responder {
    /// `ttl` is that of all records, in seconds.
    ///
    /// # Errors
    /// When the names cannot be written as domain names.
    pub fn new(keyspace: &Keyspace, ttl: u32) -> Result<Responder, SimpleDnsError> {
        Ok(Responder {
            zones: Zones::new(keyspace, ttl)?,
            servers: keyspace.pattern.group(),
            ttl,
            allowed: Vec::new(),
            transferable: Vec::new(),
            hosts: HostsTable::default(),
            forwarding: None,
            secret: Secret::default(),
            keys: TsigKeys::default(),
        })
    }

    /// Answers for the zones of the reverse names of these networks as well. Their servers are the nodes of the
    /// pattern.
    ///
    /// # Errors
    /// When the names cannot be written as domain names.
    pub fn with_reverse(self, networks: &[ReverseNetwork]) -> Result<Responder, SimpleDnsError> {
        let Responder { mut zones, servers, ttl, .. } = self;
        zones.add_reverse(networks, &servers, ttl)?;
        Ok(Responder { zones, servers, ..self })
    }

    /// Refuses everybody but these networks; with none of them, nobody.
    #[must_use]
    pub fn with_allowed(self, allowed: Vec<Network>) -> Responder {
        Responder { allowed, ..self }
    }

    /// Lets these networks have whole zones, and ask whatever they like.
    #[must_use]
    pub fn with_transferable(self, transferable: Vec<Network>) -> Responder {
        Responder { transferable, ..self }
    }

    /// Whether anybody may have whole zones.
    pub fn transfers(&self) -> bool {
        !self.transferable.is_empty()
    }

    /// Answers for these hosts as well, where no zone has their names.
    pub fn set_hosts(&mut self, hosts: HostsTable) {
        self.hosts = hosts;
    }

    /// Leaves queries for names outside of all zones to other servers; `None`: they are refused.
    #[must_use]
    pub fn with_forwarding(self, forwarding: Option<Forwarding>) -> Responder {
        Responder { forwarding, ..self }
    }

    /// Sets who may ask for names of other servers; `None`: whoever may ask at all.
    pub fn set_forwarding_clients(&mut self, clients: Option<Vec<Network>>) {
        if let Some(forwarding) = &mut self.forwarding {
            forwarding.set_clients(clients);
        }
    }

    /// Sets the keys under which queries may be signed.
    #[must_use]
    pub fn with_keys(self, keys: TsigKeys) -> Responder {
        Responder { keys, ..self }
    }

    #[inline]
    pub(super) fn allows(&self, client: IpAddr) -> bool {
        self.allowed.is_empty()
            || self.allowed.iter().any(|network| network.contains(client))
            || self.may_transfer(client)
    }

    pub(super) fn may_transfer(&self, client: IpAddr) -> bool {
        self.transferable.iter().any(|network| network.contains(client))
    }

    pub(super) fn recursion_available(&self) -> u16 {
        if self.forwarding.is_some() { flag::RA } else { 0 }
    }
}
