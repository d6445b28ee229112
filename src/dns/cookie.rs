//! DNS cookies (RFC 7873): a client that shows a cookie of ours has been seen at its address before, and
//! gets as many replies as it asks for (§5.2.3).
//!
//! No cookie is required here: with none, or a wrong one, the query is answered all the same, with a
//! good one to show next time (§5.2.3, §5.2.4). Only a query that asks for nothing but a cookie is
//! told that the one it shows is not good (§5.4), and one of a wrong length is malformed (§5.2.2).
//!
//! The server's part follows RFC 9018 §4: version 1, three octets that are reserved, the time, and a
//! hash over all that, the client's part and its address. Times are compared in serial arithmetic. A
//! cookie is good for an hour and up to five minutes ahead of our clock; each reply has a new one,
//! which is more often than the half hour that §4.3 asks for.
//!
//! One thing differs: §4.4 fixes the hash, SipHash-2-4 under a secret that is shared, so that the
//! servers behind one anycast address know each other's cookies. The secret here is random in each
//! process, so nobody else can check the hash, whatever function makes it, and the standard library's
//! SipHash-1-3 does. A cookie of another process, or of an earlier life, is just replaced.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// The length of the client's part.
pub const CLIENT: usize = 8;
/// The length of ours.
pub const SERVER: usize = 16;

/// The age that a cookie may have, and how far it may be ahead of our clock, in seconds (RFC 9018 §4.3).
const OLDEST: u32 = 3600;
const AHEAD: u32 = 300;

/// The octets before the hash: version, reserved octets and time.
const HEAD: usize = 8;

const VERSION: u8 = 1;

/// The cookie in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's own part.
    pub client: [u8; CLIENT],
    /// The part that it got from a server.
    pub server: ServerPart,
}

/// The part of a cookie that a client got from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerPart {
    /// Nothing yet.
    Absent,
    /// Something, of another length than ours.
    Foreign,
    /// Something that may be ours.
    Whole([u8; SERVER]),
}

impl Request {
    /// Reads the option's data; `None` where its length is wrong (RFC 7873 §5.2.2).
    pub fn read(data: &[u8]) -> Option<Request> {
        let (client, rest) = data.split_first_chunk()?;
        let server = match (rest.len(), rest.try_into()) {
            (0, _) => ServerPart::Absent,
            (SERVER, Ok(whole)) => ServerPart::Whole(whole),
            (8..=32, _) => ServerPart::Foreign,
            _ => return None,
        };
        Some(Request { client: *client, server })
    }
}

/// The secret under which cookies are made and known again.
#[derive(Clone, Debug, Default)]
pub struct Secret {
    keys: RandomState,
}

impl Secret {
    /// The server's part for a client at this time, in seconds since 1970.
    pub fn server_part(&self, request: &Request, client: IpAddr, now: u32) -> [u8; SERVER] {
        let [a, b, c, d] = now.to_be_bytes();
        let head = [VERSION, 0, 0, 0, a, b, c, d];
        let mut cookie = [0; SERVER];
        cookie[..HEAD].copy_from_slice(&head);
        cookie[HEAD..].copy_from_slice(&self.hash(request, head, client));
        cookie
    }

    /// Whether the server part is one that the client was given not long ago.
    pub fn is_own(&self, request: &Request, client: IpAddr, now: u32) -> bool {
        let ServerPart::Whole(server) = request.server else { return false };
        let [head @ .., _, _, _, _, _, _, _, _] = server;
        let [version, _, _, _, made_at @ ..] = head;
        let made_at = u32::from_be_bytes(made_at);
        let age = now.wrapping_sub(made_at);
        let is_fresh = age <= OLDEST || age.wrapping_neg() <= AHEAD;
        // The reserved octets need not be zero, but are what the hash is over (RFC 9018 §4.2).
        version == VERSION && is_fresh && server[HEAD..] == self.hash(request, head, client)
    }

    /// `head` is what stands before the hash.
    fn hash(&self, request: &Request, head: [u8; HEAD], client: IpAddr) -> [u8; SERVER - HEAD] {
        let address = match client {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        // In one piece: the hasher takes its time for each.
        let mut input = [0; CLIENT + HEAD + 16];
        input[..CLIENT].copy_from_slice(&request.client);
        input[CLIENT..CLIENT + HEAD].copy_from_slice(&head);
        input[CLIENT + HEAD..].copy_from_slice(&address.octets());
        self.keys.hash_one(input).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_client_and_its_time() {
        let (secret, other) = (Secret::default(), Secret::default());
        let client = IpAddr::from([10, 0, 0, 1]);
        let blank = Request::read(&[7; 8]).expect("a client cookie");
        let now = 1_795_539_600;
        let server = ServerPart::Whole(secret.server_part(&blank, client, now));
        let request = Request { server, ..blank };
        assert!(
            secret.is_own(&request, client, now) && secret.is_own(&request, client, now + OLDEST)
        );
        assert!(secret.is_own(&request, client, now - AHEAD));
        assert!(!secret.is_own(&request, client, now + OLDEST + 1));
        assert!(!secret.is_own(&request, client, now - AHEAD - 1));
        assert!(!secret.is_own(&request, IpAddr::from([10, 0, 0, 2]), now));
        assert!(!secret.is_own(&Request { client: [8; 8], server }, client, now));
        // Reserved octets that are not zero are part of what the hash is over.
        let [a, b, c, d] = now.to_be_bytes();
        let head = [VERSION, 1, 2, 3, a, b, c, d];
        let odd = [head, secret.hash(&blank, head, client)].concat();
        let odd = ServerPart::Whole(odd.try_into().expect("16 octets"));
        assert!(secret.is_own(&Request { server: odd, ..blank }, client, now));
        assert!(!other.is_own(&request, client, now) && !secret.is_own(&blank, client, now));
    }

    #[test]
    fn the_length_tells_a_cookie() {
        for length in 0..48 {
            let is_good = matches!(length, 8 | 16..=40);
            assert_eq!(Request::read(&vec![1; length]).is_some(), is_good, "{length}");
        }
    }
}
