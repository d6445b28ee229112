//! Reverse names: `5.0.0.10.in-addr.arpa.` (RFC 1035 §3.5) and 32 nibbles before `ip6.arpa.`
//! (RFC 3596 §2.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a reverse name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReverseName {
    /// This address.
    Address(IpAddr),
    /// All addresses that begin in the same way: no record is there, but below it may be some.
    Above,
}

/// Reads a name in lower case with the final dot. `None`: no address has it, or a name below it.
pub fn read(name: &[u8]) -> Option<ReverseName> {
    if let Some(labels) = name.strip_suffix(b".in-addr.arpa.") {
        let octets = fill(labels, |label| {
            let text = std::str::from_utf8(label).ok()?;
            let is_plain = text.len() == 1 || !text.starts_with('0');
            let is_digits = text.bytes().all(|octet| octet.is_ascii_digit());
            text.parse().ok().filter(|_: &u8| is_plain && is_digits)
        })?;
        return Some(octets.map_or(ReverseName::Above, |octets: [u8; 4]| {
            ReverseName::Address(Ipv4Addr::from(octets).into())
        }));
    }
    let nibbles = fill(name.strip_suffix(b".ip6.arpa.")?, |label| match label {
        [digit] => char::from(*digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok()),
        _ => None,
    })?;
    Some(nibbles.map_or(ReverseName::Above, |nibbles: [u8; 32]| {
        let number =
            nibbles.iter().fold(0, |number: u128, nibble| number << 4 | u128::from(*nibble));
        ReverseName::Address(Ipv6Addr::from(number).into())
    }))
}

/// Appends the reverse name of an address, as text with the final dot.
pub(super) fn push_reverse_name(address: IpAddr, text: &mut Vec<u8>) {
    match address {
        IpAddr::V4(ip) => {
            for octet in ip.octets().into_iter().rev() {
                // Up to three digits.
                let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit);
                let first = if octet >= 100 { 0 } else { 2 - usize::from(octet >= 10) };
                text.extend_from_slice(digits.get(first..).unwrap_or_default());
                text.push(b'.');
            }
            text.extend_from_slice(b"in-addr.arpa.");
        }
        IpAddr::V6(ip) => {
            for octet in ip.octets().into_iter().rev() {
                for nibble in [octet & 0xf, octet >> 4] {
                    let digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                    text.extend_from_slice(&[digit, b'.']);
                }
            }
            text.extend_from_slice(b"ip6.arpa.");
        }
    }
}

/// The address of a reverse name in lower case with the final dot. `None` for what is none, and for
/// the names above: only a full address has a PTR record.
pub fn address(name: &[u8]) -> Option<IpAddr> {
    match read(name)? {
        ReverseName::Address(address) => Some(address),
        ReverseName::Above => None,
    }
}

/// Reads the labels from the last, which is the first part of the address; `Some(None)`: there are fewer than
/// an address has.
fn fill<const N: usize>(
    labels: &[u8],
    read: impl Fn(&[u8]) -> Option<u8>,
) -> Option<Option<[u8; N]>> {
    let mut parts = [0; N];
    let mut count = 0;
    for label in labels.rsplit(|octet| *octet == b'.') {
        *parts.get_mut(count)? = read(label)?;
        count += 1;
    }
    Some((count == N).then_some(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_addresses_are_read() {
        let six = "5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.";
        let longer = format!("0.{six}");
        let table = [
            ("5.0.0.10.in-addr.arpa.", Some("10.0.0.5")),
            ("255.255.255.255.in-addr.arpa.", Some("255.255.255.255")),
            (six, Some("fd00::5")),
            ("0.0.10.in-addr.arpa.", None),
            ("1.5.0.0.10.in-addr.arpa.", None),
            ("256.0.0.10.in-addr.arpa.", None),
            ("05.0.0.10.in-addr.arpa.", None),
            ("+5.0.0.10.in-addr.arpa.", None),
            ("in-addr.arpa.", None),
            (&six[2..], None),
            (&longer, None),
            ("worker1.tf.local.", None),
            (".", None),
        ];
        for (name, wanted) in table {
            let found = address(name.as_bytes()).map(|address| address.to_string());
            assert_eq!(found.as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn the_reverse_name_of_an_address_is_read_as_that() {
        let addresses = ["10.0.0.5", "255.100.99.0", "fd00::5", "2001:db8:89ab:cdef::f00"];
        for address in addresses.map(|text| text.parse::<IpAddr>().expect("an address")) {
            let mut name = Vec::new();
            push_reverse_name(address, &mut name);
            assert_eq!(super::address(&name), Some(address));
        }
    }

    #[test]
    fn names_above_addresses_are_told_from_names_of_none() {
        let table = [
            ("0.10.in-addr.arpa.", true),
            ("0.0.10.in-addr.arpa.", true),
            ("d.f.ip6.arpa.", true),
            ("00.10.in-addr.arpa.", false),
            ("256.10.in-addr.arpa.", false),
            ("x.10.in-addr.arpa.", false),
            (".10.in-addr.arpa.", false),
            ("1.5.0.0.10.in-addr.arpa.", false),
            ("df.ip6.arpa.", false),
            ("g.f.ip6.arpa.", false),
            ("in-addr.arpa.", false),
        ];
        for (name, wanted) in table {
            assert_eq!(read(name.as_bytes()) == Some(ReverseName::Above), wanted, "{name}");
        }
    }
}
