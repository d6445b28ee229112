//! The attributes that follow in a message of netlink (`netlink(7)`), and what is in them.

use std::net::IpAddr;

/// The octets of the header of an attribute.
pub(super) const ATTRIBUTE_START: usize = 4;

/// The attributes in these octets, as far as they are whole: their kinds and values.
pub(super) fn attributes(octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    /// Whether a value is of attributes itself, and in which order of octets it is.
    const NESTED_OR_ORDER: u16 = 0xc000;
    let mut rest = octets;
    std::iter::from_fn(move || {
        let (length, kind) = (usize::from(u16_at(rest, 0)?), u16_at(rest, 2)?);
        let value = rest.get(ATTRIBUTE_START..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind & !NESTED_OR_ORDER, value))
    })
}

/// A text that ends with a zero.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|octet| *octet == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

pub(super) fn ip(value: &[u8]) -> Option<IpAddr> {
    let ipv4 = <[u8; 4]>::try_from(value).map(IpAddr::from);
    ipv4.or_else(|_| <[u8; 16]>::try_from(value).map(IpAddr::from)).ok()
}

/// The next multiple of four: everything begins at one.
pub(super) fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

pub(super) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at.checked_add(2)?)?.try_into().ok().map(u16::from_ne_bytes)
}

pub(super) fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_ne_bytes)
}
