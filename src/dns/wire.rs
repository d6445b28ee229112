//! The numbers on the wire, under their names at IANA ("Domain Name System Parameters"), and reading
//! a message at an offset, in place.

use std::fmt;

pub use crate::cluster::pattern::{LONGEST_LABEL, LONGEST_NAME};

/// The length of the header (RFC 1035 §4.1.1).
pub const HEADER: usize = 12;

/// A pointer to the question's name, which follows the header (RFC 1035 §4.1.4).
pub const POINTER_TO_QUESTION: u16 = POINTER | HEADER as u16;

/// The two bits of a compression pointer.
pub const POINTER: u16 = 0xc000;

/// The longest message over UDP without EDNS (RFC 1035 §4.2.1).
pub const UDP_WITHOUT_EDNS: usize = 512;

/// The longest message over UDP that we send and accept with EDNS: what passes everywhere without
/// fragments (DNS flag day 2020).
pub const UDP_WITH_EDNS: u16 = 1232;

/// The third and fourth octet of the header.
pub mod flag {
    /// A response.
    pub const QR: u16 = 0x8000;
    /// The opcode's bits.
    pub const OPCODE: u16 = 0x7800;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired.
    pub const RD: u16 = 0x0100;
    /// Recursion available.
    pub const RA: u16 = 0x0080;
    /// Authentic data; in a query, that it is understood (RFC 6840 §5.7, §5.8).
    pub const AD: u16 = 0x0020;
    /// Checking disabled (RFC 4035 §3.2.2).
    pub const CD: u16 = 0x0010;
    /// In the TTL of OPT: DNSSEC records are welcome (RFC 3225).
    pub const DO: u16 = 0x8000;
}

/// Types of records (RR TYPEs and QTYPEs).
pub mod rrtype {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// A name server of the zone.
    pub const NS: u16 = 2;
    /// The start of a zone.
    pub const SOA: u16 = 6;
    /// The name of an address.
    pub const PTR: u16 = 12;
    /// Host information; stands in for ANY (RFC 8482).
    pub const HINFO: u16 = 13;
    /// Text.
    pub const TXT: u16 = 16;
    /// An IPv6 address (RFC 3596).
    pub const AAAA: u16 = 28;
    /// The place of a service (RFC 2782).
    pub const SRV: u16 = 33;
    /// EDNS (RFC 6891).
    pub const OPT: u16 = 41;
    /// The signature of a message (RFC 8945).
    pub const TSIG: u16 = 250;
    /// Incremental zone transfer (RFC 1995).
    pub const IXFR: u16 = 251;
    /// Zone transfer (RFC 5936).
    pub const AXFR: u16 = 252;
    /// All records, or some (RFC 8482).
    pub const ANY: u16 = 255;
}

/// The Internet class.
pub const CLASS_IN: u16 = 1;

/// Any class (RFC 1035 §3.2.5); that of the records that are about the message itself.
pub const CLASS_ANY: u16 = 255;

/// The class CHAOS, by which servers are asked about themselves.
pub const CLASS_CH: u16 = 3;

/// Options of OPT (EDNS0 Option Codes).
pub mod option {
    /// The server's identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// The network of the client (RFC 7871).
    pub const CLIENT_SUBNET: u16 = 8;
    /// A cookie (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// How long an idle connection stays (RFC 7828).
    pub const TCP_KEEPALIVE: u16 = 11;
    /// An extended error (RFC 8914).
    pub const EDE: u16 = 15;
    /// How far a table is known to be etcd's: for local use between nodes (RFC 6891 §9).
    pub const TABLE_PROOF: u16 = 65_353;
}

/// Extended DNS errors (RFC 8914 §4): their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtendedError {
    /// Answered from memory, since etcd is out of reach.
    StaleAnswer = 3,
    /// A failure is remembered.
    CachedError = 13,
    /// Nothing was read from etcd yet.
    NotReady = 14,
    /// The client may not ask.
    Prohibited = 18,
    /// A name is denied from memory, since etcd is out of reach.
    StaleNxdomainAnswer = 19,
    /// Outside of all zones here.
    NotAuthoritative = 20,
    /// Etcd has been out of reach for too long.
    NoReachableAuthority = 22,
    /// No other server answered, or too many queries wait for one.
    NetworkError = 23,
}

/// A response code (RFC 1035 §4.1.1, RFC 6891 §6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rcode(u8);

impl Rcode {
    /// No error.
    pub const NOERROR: Rcode = Rcode(0);
    /// The query is malformed.
    pub const FORMERR: Rcode = Rcode(1);
    /// The server cannot answer now.
    pub const SERVFAIL: Rcode = Rcode(2);
    /// The name does not exist.
    pub const NXDOMAIN: Rcode = Rcode(3);
    /// Not that kind of query.
    pub const NOTIMP: Rcode = Rcode(4);
    /// Not here.
    pub const REFUSED: Rcode = Rcode(5);
    /// No zone of that name here, or nothing for whom the message is signed by (RFC 8945 §5.2).
    pub const NOTAUTH: Rcode = Rcode(9);
    /// Not that version of EDNS.
    pub const BADVERS: Rcode = Rcode(16);
    /// The cookie is not good (RFC 7873 §5.4).
    pub const BADCOOKIE: Rcode = Rcode(23);

    /// A response code by its number.
    pub const fn new(value: u8) -> Rcode {
        Rcode(value)
    }

    /// Its number.
    pub const fn value(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Rcode::NOERROR => "NOERROR",
            Rcode::FORMERR => "FORMERR",
            Rcode::SERVFAIL => "SERVFAIL",
            Rcode::NXDOMAIN => "NXDOMAIN",
            Rcode::NOTIMP => "NOTIMP",
            Rcode::REFUSED => "REFUSED",
            Rcode::NOTAUTH => "NOTAUTH",
            Rcode::BADVERS => "BADVERS",
            Rcode::BADCOOKIE => "BADCOOKIE",
            Rcode(value) => return write!(f, "RCODE{value}"),
        };
        f.write_str(name)
    }
}

/// The octets at an offset; `None`: the message ends before.
pub(super) fn array_at<const N: usize>(message: &[u8], at: usize) -> Option<[u8; N]> {
    message.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The number of 16 bits at an offset.
pub(super) fn u16_at(message: &[u8], at: usize) -> Option<u16> {
    array_at(message, at).map(u16::from_be_bytes)
}

/// Returns where the name that begins here ends. Pointers are not followed: only the end matters.
pub(super) fn skip_name(message: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let length = *message.get(at)?;
        match length >> 6 {
            0b00 if length == 0 => return Some(at + 1),
            0b00 => at += 1 + usize::from(length),
            0b11 => {
                message.get(at + 1)?;
                return Some(at + 2);
            }
            _ => return None,
        }
        if at - start >= LONGEST_NAME {
            return None;
        }
    }
}
