//! The MACs: HMAC with the hash functions that RFC 8945 §6 wants, or allows, of all implementations.

use std::fmt;
use std::str::FromStr;

use ring::hmac;

/// The fewest octets that a truncated MAC may have, whatever the hash function (§5.2.2.1).
const SHORTEST_MAC: usize = 10;

/// The algorithm of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl Algorithm {
    /// Its name at IANA ("TSIG Algorithm Names"), without the final dot.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::HmacSha512 => "hmac-sha512",
        }
    }

    /// Its name as a domain name on the wire, in lower case.
    pub(super) fn wire(self) -> &'static [u8] {
        match self {
            Algorithm::HmacSha256 => b"\x0bhmac-sha256\x00",
            Algorithm::HmacSha512 => b"\x0bhmac-sha512\x00",
        }
    }

    pub(super) fn hmac(self) -> hmac::Algorithm {
        match self {
            Algorithm::HmacSha256 => hmac::HMAC_SHA256,
            Algorithm::HmacSha512 => hmac::HMAC_SHA512,
        }
    }

    /// The octets of a whole MAC.
    pub(super) fn mac_len(self) -> usize {
        self.hmac().digest_algorithm().output_len()
    }

    /// Whether a MAC may be as long as this, whole or truncated (§5.2.2.1).
    pub(super) fn allows_mac_of(self, octets: usize) -> bool {
        (SHORTEST_MAC.max(self.mac_len() / 2)..=self.mac_len()).contains(&octets)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name, in any case, with the final dot or without. The error says which there are.
impl FromStr for Algorithm {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Algorithm, &'static str> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let known = [Algorithm::HmacSha256, Algorithm::HmacSha512];
        let found = known.into_iter().find(|it| it.name().eq_ignore_ascii_case(name));
        found.ok_or("the algorithm is not hmac-sha256 or hmac-sha512")
    }
}
