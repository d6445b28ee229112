//! Options that are addresses: what to publish, where to listen, where etcd is.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use getopts::Matches;

use super::wrong;

use crate::cluster::AddressChoice;
use crate::connect::Endpoint;
use crate::failure::Failure;
use crate::host::resolv_conf::DNS_PORT;
use crate::server::listen::Listen;

pub(super) fn address<A>(matches: &Matches, option: &str) -> Result<AddressChoice<A>, Failure>
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

pub(super) fn listen(texts: &[String]) -> Result<Vec<Listen>, Failure> {
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

pub(super) fn endpoints(texts: &[String]) -> Result<Vec<Endpoint>, Failure> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')) {
        let endpoint: Endpoint = match text.trim().parse() {
            Ok(endpoint) => endpoint,
            Err(reason) => return wrong("endpoints", format!("{text:?}: {reason}")),
        };
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    if endpoints.is_empty() {
        endpoints.push(Endpoint::default());
    }
    Ok(endpoints)
}
