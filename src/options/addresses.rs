//! Options that are addresses: what to publish, where to listen, where etcd is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use getopts::Matches;

use super::numbers::digits;
use super::{UsageError, wrong};
use crate::cluster::AddressChoice;

pub(super) const DNS_PORT: u16 = 53;
const ETCD_PORT: u16 = 2379;

/// The base URL of an etcd endpoint, with its port and without a final slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is to be reached by TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// Whether it must work: a host without IPv6 may skip the default `[::]:53`.
    pub required: bool,
}

impl Listen {
    /// All addresses of the host, whether it has IPv6 or not.
    pub(super) fn everywhere(port: u16) -> [Listen; 2] {
        let any = |ip: IpAddr, required| Listen { address: SocketAddr::new(ip, port), required };
        [any(Ipv4Addr::UNSPECIFIED.into(), true), any(Ipv6Addr::UNSPECIFIED.into(), false)]
    }
}

pub(super) fn address<A>(matches: &Matches, option: &str) -> Result<AddressChoice<A>, UsageError>
where
    A: FromStr + Copy + Into<IpAddr>,
{
    let Some(text) = matches.opt_str(option) else { return Ok(AddressChoice::Discover) };
    if text == "none" {
        return Ok(AddressChoice::Omit);
    }
    let family = if option == "ipv4" { "an IPv4 address" } else { "an IPv6 address" };
    let Ok(address) = text.parse::<A>() else {
        return wrong(option, format!("{text:?} is not {family}, nor none"));
    };
    let ip: IpAddr = address.into();
    if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return wrong(option, format!("{text} is not the address of a node; give {family} of it"));
    }
    Ok(AddressChoice::Fixed(address))
}

/// An address with or without a port; that of DNS where it is missing.
pub(super) fn socket_address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let with_default = || Some(SocketAddr::new(bare.parse().ok()?, DNS_PORT));
    text.parse().ok().or_else(with_default)
}

pub(super) fn listen(texts: &[String]) -> Result<Vec<Listen>, UsageError> {
    if texts.is_empty() {
        return Ok(Listen::everywhere(DNS_PORT).to_vec());
    }
    let mut listens: Vec<Listen> = Vec::new();
    for text in texts {
        let Some(address) = socket_address(text) else {
            return wrong(
                "listen",
                format!(
                    "{text:?} is not an address; write 127.0.0.1, 127.0.0.1:1053 or [::1]:1053"
                ),
            );
        };
        if address.port() != 0 && listens.iter().any(|listen| listen.address == address) {
            return wrong("listen", format!("{address} is given twice; once is enough"));
        }
        listens.push(Listen { address, required: true });
    }
    Ok(listens)
}

pub(super) fn endpoints(texts: &[String]) -> Result<Vec<Endpoint>, UsageError> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')) {
        let endpoint = match endpoint(text.trim()) {
            Ok(endpoint) => endpoint,
            Err(reason) => return wrong("endpoints", format!("{text:?}: {reason}")),
        };
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    if endpoints.is_empty() {
        endpoints.push(Endpoint(format!("http://localhost:{ETCD_PORT}")));
    }
    Ok(endpoints)
}

pub(super) fn endpoint(text: &str) -> Result<Endpoint, &'static str> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme @ ("http" | "https"), rest)) => (scheme, rest),
        _ => return Err("must be a URL such as http://10.0.0.1:2379"),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("only host and port may follow the ://");
    }
    if let Some(inner) = authority.strip_prefix('[') {
        let Some((ip, port)) = inner.split_once(']') else {
            return Err("the ] of the IPv6 address is missing");
        };
        let Ok(ip) = ip.parse::<Ipv6Addr>() else {
            return Err("what stands in [] is not an IPv6 address");
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => ETCD_PORT,
            Some(port) => port_number(port)?,
            None => return Err("only :PORT may follow the IPv6 address"),
        };
        return Ok(Endpoint(format!("{scheme}://[{ip}]:{port}")));
    }
    let (host, port) = match authority.split_once(':') {
        None => (authority, ETCD_PORT),
        Some((_, rest)) if rest.contains(':') => {
            return Err("an IPv6 address stands in brackets: http://[fd00::1]:2379");
        }
        Some((host, port)) => (host, port_number(port)?),
    };
    if host.is_empty() {
        return Err("the host is missing");
    }
    let is_named = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    if !host.bytes().all(is_named) {
        return Err("the host has characters that no host name has");
    }
    // Only an address is made of digits and dots, so one that does not parse is a slip of the pen.
    let is_numeric = host.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
    if is_numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err("the host is not an IPv4 address");
    }
    Ok(Endpoint(format!("{scheme}://{host}:{port}")))
}

fn port_number(text: &str) -> Result<u16, &'static str> {
    let port = digits(text).and_then(|digits| digits.parse().ok()).filter(|port| *port > 0);
    port.ok_or("the port is not a number from 1 to 65535")
}
