//! Reverse names: `5.0.0.10.in-addr.arpa.` (RFC 1035 §3.5) and 32 nibbles before `ip6.arpa.`
//! (RFC 3596 §2.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address of a reverse name in lower case with the final dot. `None` for what is none, and for
/// the names above: only a full address has a PTR record.
pub fn address(name: &[u8]) -> Option<IpAddr> {
    let labels =
        |zone: &str| name.strip_suffix(zone.as_bytes()).map(|rest| rest.split(|o| *o == b'.'));
    if let Some(labels) = labels(".in-addr.arpa.") {
        let mut octets = [0; 4];
        fill(&mut octets, labels, |label| {
            let text = std::str::from_utf8(label).ok()?;
            let is_plain = text.len() == 1 || !text.starts_with('0');
            let is_digits = text.bytes().all(|octet| octet.is_ascii_digit());
            text.parse().ok().filter(|_: &u8| is_plain && is_digits)
        })?;
        return Some(Ipv4Addr::from(octets).into());
    }
    let mut nibbles = [0; 32];
    fill(&mut nibbles, labels(".ip6.arpa.")?, |label| match label {
        [digit] => char::from(*digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok()),
        _ => None,
    })?;
    let number = nibbles.iter().fold(0, |number: u128, nibble| number << 4 | u128::from(*nibble));
    Some(Ipv6Addr::from(number).into())
}

/// Fills from the end: the labels of reverse names are in reverse.
fn fill<'a>(
    places: &mut [u8],
    mut labels: impl Iterator<Item = &'a [u8]>,
    read: impl Fn(&[u8]) -> Option<u8>,
) -> Option<()> {
    for place in places.iter_mut().rev() {
        *place = read(labels.next()?)?;
    }
    labels.next().is_none().then_some(())
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
}
