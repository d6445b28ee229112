//! A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::text::number;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    /// The first of them.
    pub address: IpAddr,
    /// The number of bits that count.
    prefix: u8,
}

// Why a text is no network.
const NOT_AN_ADDRESS: &str = "not an address; write 10.0.0.0/8, fd00::/8 or 10.0.0.5";
const NOT_A_PREFIX: &str =
    "what follows the / is not a number of bits, 0 to 32 for IPv4, 0 to 128 for IPv6";
const BITS_LEFT: &str = "the address goes on after the bits that count; write";

fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    }
}

fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl Network {
    /// Whether an address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let is_alike = self.address.is_ipv4() == address.is_ipv4();
        is_alike && (bits(self.address).0 ^ bits(address).0) & mask(self.prefix) == 0
    }

    /// The number of bits that count.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The network of an address that has so many bits.
    pub fn around(address: IpAddr, prefix: u8) -> Network {
        let (all, longest) = bits(address);
        let prefix = prefix.min(longest);
        let kept = all & mask(prefix);
        let address = match address {
            IpAddr::V4(_) => IpAddr::V4(((kept >> 96) as u32).into()),
            IpAddr::V6(_) => IpAddr::V6(kept.into()),
        };
        Network { address, prefix }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NOT_AN_ADDRESS)?;
        let longest = bits(address).1;
        let prefix = prefix.map_or(Some(longest), number).filter(|prefix| *prefix <= longest);
        let network = Network::around(address, prefix.ok_or(NOT_A_PREFIX)?);
        if network.address != address {
            return Err(format!("{BITS_LEFT} {network}, or {address} for it alone"));
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_belong_to_networks() {
        let table = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fd00::1", true),
            ("::/0", "10.0.0.1", false),
            ("fd00:1::/32", "fd00:1:2::3", true),
            ("fd00:1::/32", "fd00:2::", false),
            ("10.0.0.5", "10.0.0.5", true),
            ("10.0.0.5/32", "10.0.0.4", false),
            ("::1", "::1", true),
        ];
        for (network, address, wanted) in table {
            let network: Network = network.parse().expect(network);
            assert_eq!(network.contains(address.parse().expect(address)), wanted, "{address}");
        }
    }

    #[test]
    fn what_is_no_network_is_told() {
        let table = [
            ("", NOT_AN_ADDRESS),
            ("10.0.0", NOT_AN_ADDRESS),
            ("10.0.0.0/33", NOT_A_PREFIX),
            ("10.0.0.0/", NOT_A_PREFIX),
            ("10.0.0.0/+8", NOT_A_PREFIX),
            ("::/129", NOT_A_PREFIX),
            ("10.0.0.1/8", &format!("{BITS_LEFT} 10.0.0.0/8, or 10.0.0.1 for it alone")),
            ("fd00::1/64", &format!("{BITS_LEFT} fd00::/64, or fd00::1 for it alone")),
        ];
        for (text, wanted) in table {
            assert_eq!(text.parse::<Network>(), Err(wanted.to_owned()), "{text}");
        }
    }
}
