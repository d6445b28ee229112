//! Addresses: what to publish, where to listen, where etcd is, where queries for other names go.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use getopts::Matches;

use super::values::wrong;
use crate::cluster::AddressChoice;
use crate::failure::Failure;
use crate::host::resolv_conf::{DNS_PORT, RESOLV_CONF};
use crate::server::forward::ForwardTo;
use crate::server::listen::Listen;

/// The word for the system's own file in `--forward`.
const SYSTEMS_OWN: &str = "resolv.conf";

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
fn socket_address(text: &str) -> Option<SocketAddr> {
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
            let remedy = "write 127.0.0.1, 127.0.0.1:1053 or [::1]:1053";
            return wrong("listen", format!("{text:?} is not an address; {remedy}"));
        };
        if address.port() != 0 && listens.iter().any(|listen| listen.address == address) {
            return wrong("listen", format!("{address} is given twice; once is enough"));
        }
        listens.push(Listen { address, required: true });
    }
    Ok(listens)
}

/// Adds one more word to the servers so far, or says why it cannot.
pub(super) fn forward(forward: Option<ForwardTo>, word: &str) -> Result<ForwardTo, String> {
    let alone = "a file that names servers must be given alone";
    let mut servers = match (forward, file_of_servers(word)) {
        (None, Some(path)) => return Ok(ForwardTo::ResolvConf(path)),
        (Some(_), Some(_)) => return Err(format!("{word:?}: {alone}")),
        (Some(ForwardTo::ResolvConf(path)), None) => {
            return Err(format!("{:?}: {alone}", path.display().to_string()));
        }
        (Some(ForwardTo::Servers(servers)), None) => servers,
        (None, None) => Vec::new(),
    };
    let Some(server) = socket_address(word) else {
        let remedy = "write 10.0.0.1, 10.0.0.1:53, [fd00::1]:53 or";
        return Err(format!("{word:?} is not an address; {remedy} {SYSTEMS_OWN}"));
    };
    if server.ip().is_unspecified() || server.ip().is_multicast() || server.port() == 0 {
        return Err(format!("{word} is not the address of a server"));
    }
    if !servers.contains(&server) {
        servers.push(server);
    }
    Ok(ForwardTo::Servers(servers))
}

/// The file that is meant: a path has a slash, and an address none.
fn file_of_servers(word: &str) -> Option<PathBuf> {
    match word {
        SYSTEMS_OWN => Some(RESOLV_CONF.into()),
        path if path.contains('/') => Some(path.into()),
        _ => None,
    }
}
