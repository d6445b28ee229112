//! What answers queries, and its settings.

use std::net::IpAddr;

use simple_dns::SimpleDnsError;

use super::cookie::Secret;
use super::exchange::OutOfZone;
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
    pub(super) out_of_zone: OutOfZone,
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
            out_of_zone: OutOfZone::Refuse,
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

    /// Sets what becomes of queries for names outside of all zones.
    #[must_use]
    pub fn with_out_of_zone(self, out_of_zone: OutOfZone) -> Responder {
        Responder { out_of_zone, ..self }
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
        match self.out_of_zone {
            OutOfZone::Refuse => 0,
            OutOfZone::Forward => flag::RA,
        }
    }
}
