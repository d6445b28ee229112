//! A range of addresses whose reverse names are a zone: `10.77.0.0/16` is `77.10.in-addr.arpa.`

use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::FromStr;

use super::network::Network;

/// A network that ends where a label of its reverse names does (RFC 1035 §3.5, RFC 3596 §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReverseNetwork(Network);

// Why a network is none.
const NO_OCTET: &str =
    "a reverse zone of IPv4 ends with an octet; write a network of /8, /16, /24 or /32, or several";
const NO_NIBBLE: &str = "a reverse zone of IPv6 ends with a nibble; write a number of bits, 4 to 128, \
                         that is a multiple of 4";

impl ReverseNetwork {
    /// Whether an address belongs to it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(address)
    }

    /// The name of its zone, in lower case with the final dot.
    pub fn zone(&self) -> String {
        let mut name = String::new();
        let bits = usize::from(self.0.prefix());
        // Writing into a string does not fail.
        match self.0.address {
            IpAddr::V4(ip) => {
                for octet in ip.octets().iter().take(bits / 8).rev() {
                    let _ = write!(name, "{octet}.");
                }
                name + "in-addr.arpa."
            }
            IpAddr::V6(ip) => {
                let nibbles = ip.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 0xf]);
                let counted: Vec<u8> = nibbles.take(bits / 4).collect();
                for nibble in counted.iter().rev() {
                    let _ = write!(name, "{nibble:x}.");
                }
                name + "ip6.arpa."
            }
        }
    }
}

impl FromStr for ReverseNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network: Network = text.parse()?;
        let (label, error) = match network.address {
            IpAddr::V4(_) => (8, NO_OCTET),
            IpAddr::V6(_) => (4, NO_NIBBLE),
        };
        let is_whole = network.prefix() > 0 && network.prefix().is_multiple_of(label);
        if is_whole { Ok(ReverseNetwork(network)) } else { Err(error.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_a_zone_of_reverse_names_or_is_refused() {
        let table = [
            ("10.77.0.0/16", Ok("77.10.in-addr.arpa.")),
            ("10.0.0.0/8", Ok("10.in-addr.arpa.")),
            ("192.0.2.0/24", Ok("2.0.192.in-addr.arpa.")),
            ("192.0.2.5", Ok("5.2.0.192.in-addr.arpa.")),
            ("fd77::/48", Ok("0.0.0.0.0.0.0.0.7.7.d.f.ip6.arpa.")),
            ("f000::/4", Ok("f.ip6.arpa.")),
            ("0.0.0.0/0", Err(NO_OCTET)),
            ("10.64.0.0/12", Err(NO_OCTET)),
            ("::/0", Err(NO_NIBBLE)),
            (
                "fd00::1/8",
                Err(
                    "the address goes on after the bits that count; write fd00::/8, or fd00::1 for it alone",
                ),
            ),
            ("fc00::/7", Err(NO_NIBBLE)),
            ("here", Err("not an address; write 10.0.0.0/8, fd00::/8 or 10.0.0.5")),
        ];
        for (text, wanted) in table {
            let zone = text.parse::<ReverseNetwork>().map(|network| network.zone());
            assert_eq!(zone, wanted.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
    }
}
