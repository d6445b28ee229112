//! DNS cookies (RFC 7873): a client that shows a cookie of ours has been seen at its address before.
//!
//! The layout of the server's part is that of RFC 9018 §4: version, reserved, time, hash. The hash is
//! the standard library's SipHash under keys that are random in each process, so a cookie of another
//! process, or of an earlier life, is just replaced.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

/// The length of the client's part.
pub const CLIENT: usize = 8;
/// The length of ours.
pub const SERVER: usize = 16;

/// How old a cookie may be, and how far ahead of our clock, in seconds (RFC 9018 §4.3).
const OLDEST: u32 = 3600;
const AHEAD: u32 = 300;

const VERSION: u8 = 1;

/// What a client showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The client's own part.
    pub client: [u8; CLIENT],
    /// What it got from us, if it has something of that length.
    pub server: Option<[u8; SERVER]>,
}

impl Shown {
    /// Reads the option's data; `None` where its length is wrong (RFC 7873 §5.2.2).
    pub fn read(data: &[u8]) -> Option<Shown> {
        let (client, rest) = data.split_first_chunk()?;
        if !matches!(rest.len(), 0 | 8..=32) {
            return None;
        }
        Some(Shown { client: *client, server: rest.try_into().ok() })
    }
}

/// Makes cookies and knows its own.
#[derive(Clone, Debug, Default)]
pub struct Baker {
    secret: RandomState,
}

impl Baker {
    /// The server's part for a client at this time, in seconds since 1970.
    pub fn bake(&self, shown: &Shown, client: IpAddr, now: u32) -> [u8; SERVER] {
        let mut cookie = [0; SERVER];
        let (head, hash) = cookie.split_at_mut(8);
        head[0] = VERSION;
        head[4..].copy_from_slice(&now.to_be_bytes());
        hash.copy_from_slice(&self.hash(shown, client, now).to_be_bytes());
        cookie
    }

    /// Whether the client shows what it was given not long ago.
    pub fn is_own(&self, shown: &Shown, client: IpAddr, now: u32) -> bool {
        let Some(server) = shown.server else { return false };
        let [_, _, _, _, a, b, c, d, ..] = server;
        let baked_at = u32::from_be_bytes([a, b, c, d]);
        let age = now.wrapping_sub(baked_at);
        let is_fresh = age <= OLDEST || age.wrapping_neg() <= AHEAD;
        is_fresh && server == self.bake(shown, client, baked_at)
    }

    fn hash(&self, shown: &Shown, client: IpAddr, at: u32) -> u64 {
        self.secret.hash_one((shown.client, VERSION, at, client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_its_client_and_its_time() {
        let (baker, other) = (Baker::default(), Baker::default());
        let client = IpAddr::from([10, 0, 0, 1]);
        let blank = Shown::read(&[7; 8]).expect("a client cookie");
        let now = 1_795_539_600;
        let server = Some(baker.bake(&blank, client, now));
        let shown = Shown { server, ..blank };
        assert!(baker.is_own(&shown, client, now) && baker.is_own(&shown, client, now + OLDEST));
        assert!(baker.is_own(&shown, client, now - AHEAD));
        assert!(!baker.is_own(&shown, client, now + OLDEST + 1));
        assert!(!baker.is_own(&shown, client, now - AHEAD - 1));
        assert!(!baker.is_own(&shown, IpAddr::from([10, 0, 0, 2]), now));
        assert!(!baker.is_own(&Shown { client: [8; 8], server }, client, now));
        assert!(!other.is_own(&shown, client, now) && !baker.is_own(&blank, client, now));
    }

    #[test]
    fn the_length_tells_a_cookie() {
        for length in 0..48 {
            let is_good = matches!(length, 8 | 16..=40);
            assert_eq!(Shown::read(&vec![1; length]).is_some(), is_good, "{length}");
        }
    }
}
