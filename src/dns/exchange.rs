//! The circumstances of a query, the client and the transport, and the verdict on it.

use std::fmt;
use std::net::IpAddr;

use super::wire::Rcode;

/// The transport of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram: the reply must fit into what the client takes.
    Udp,
    /// Over a connection: the reply has up to 65,535 octets (RFC 7766 §8).
    Tcp,
}

/// The client of a query, its transport and its time.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The client's address.
    pub address: IpAddr,
    /// The transport of the query.
    pub transport: Transport,
    /// The time, in seconds since 1970.
    pub now: u64,
    /// The octets that the signature of the reply will take, where the query is signed under one of the keys.
    pub(super) signature: Option<u16>,
}

impl Asker {
    /// One whose signature is not judged yet, if there is any.
    pub fn new(address: IpAddr, transport: Transport, now: u64) -> Asker {
        Asker { address, transport, now, signature: None }
    }

    /// Leaves so many octets of the reply free for its signature.
    #[must_use]
    pub fn reserving(self, octets: usize) -> Asker {
        // Far below what 16 bits hold: names of keys and algorithms have 255 octets at most.
        Asker { signature: Some(u16::try_from(octets).unwrap_or(u16::MAX)), ..self }
    }

    /// The octets that are to be left free.
    pub(super) fn reserved(self) -> usize {
        self.signature.map_or(0, usize::from)
    }
}

/// The verdict on a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it is not a query, or less than a header.
    Silent,
    /// It is for other servers: nothing was written, and the query is to be forwarded.
    Forward,
    /// It asks for a zone, and may have it: nothing was written, and [`super::Responder::transfer`] begins
    /// the reply, which may be many messages.
    Transfer,
    /// The reply is to be sent.
    Reply(Rcode),
}

impl Verdict {
    /// The response code of the reply, if there is one.
    pub fn rcode(self) -> Option<Rcode> {
        if let Verdict::Reply(rcode) = self { Some(rcode) } else { None }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Silent => f.write_str("dropped"),
            Verdict::Transfer => f.write_str("a transfer"),
            Verdict::Forward => f.write_str("forwarded"),
            Verdict::Reply(rcode) => rcode.fmt(f),
        }
    }
}
