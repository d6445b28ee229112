//! Our OPT record (RFC 6891 §6.1.2), at the end of a reply to a query that has one.

use super::cookie;
use super::edns::Edns;
use super::wire::{ExtendedError, Rcode, UDP_WITH_EDNS, flag, option, rrtype};

/// The record without its options.
const HEAD: usize = 11;

/// The head of an option: code and length.
const OPTION: usize = 4;

/// What our OPT record says.
pub(super) struct Opt {
    pub(super) rcode: Rcode,
    /// DO, where the query has it (RFC 3225 §3).
    pub(super) flags: u16,
    /// This node's name, if it is asked for (RFC 5001).
    pub(super) name: Option<String>,
    pub(super) cookie: Option<([u8; cookie::CLIENT], [u8; cookie::SERVER])>,
    pub(super) error: Option<ExtendedError>,
}

impl Opt {
    /// Without options.
    pub(super) fn bare(edns: Edns, rcode: Rcode) -> Opt {
        Opt { rcode, flags: edns.flags & flag::DO, name: None, cookie: None, error: None }
    }

    fn options_len(&self) -> usize {
        let name = self.name.as_ref().map_or(0, |name| OPTION + name.len());
        let cookie = self.cookie.map_or(0, |_| OPTION + cookie::CLIENT + cookie::SERVER);
        name + cookie + self.error.map_or(0, |_| OPTION + 2)
    }

    /// Leaves the name out where it does not fit: a question and a name as long as they can be
    /// exceed 512 octets together.
    pub(super) fn within(self, room: usize) -> Self {
        if self.len() > room { Opt { name: None, ..self } } else { self }
    }

    pub(super) fn len(&self) -> usize {
        HEAD + self.options_len()
    }

    pub(super) fn write(&self, octets: &mut Vec<u8>) {
        let length = u16::try_from(self.options_len()).unwrap_or(u16::MAX);
        // Owner, type, payload, extended code, version, flags, length.
        let mut head = [0; HEAD];
        head[1..3].copy_from_slice(&rrtype::OPT.to_be_bytes());
        head[3..5].copy_from_slice(&UDP_WITH_EDNS.to_be_bytes());
        head[5] = self.rcode.value() >> 4;
        head[7..9].copy_from_slice(&self.flags.to_be_bytes());
        head[9..].copy_from_slice(&length.to_be_bytes());
        octets.extend_from_slice(&head);
        if let Some(name) = &self.name {
            push_option(option::NSID, [name.as_bytes(), &[]], octets);
        }
        if let Some((client, server)) = &self.cookie {
            push_option(option::COOKIE, [client, server], octets);
        }
        if let Some(error) = self.error {
            push_option(option::EDE, [&(error as u16).to_be_bytes(), &[]], octets);
        }
    }
}

fn push_option(code: u16, data: [&[u8]; 2], octets: &mut Vec<u8>) {
    let length: usize = data.iter().map(|part| part.len()).sum();
    octets.extend_from_slice(&code.to_be_bytes());
    octets.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    for part in data {
        octets.extend_from_slice(part);
    }
}
