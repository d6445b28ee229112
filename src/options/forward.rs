//! Where queries for other names go, by zone: `--forward`, and what a Corefile says of it.

use std::net::IpAddr;
use std::path::PathBuf;

use getopts::Matches;

use super::configuration::socket_address;
use super::values::{size, wrong};
use crate::cluster::{Keyspace, ReverseNetwork};
use crate::corefile::{Corefile, CorefileError, ForwardDirective, Placed, ServedZone};
use crate::failure::Failure;
use crate::host::resolv_conf::RESOLV_CONF;
use crate::server::forward::{ForwardRoute, ForwardSettings, ForwardTo};

/// The word for the system's own file in `--forward`.
const SYSTEMS_OWN: &str = "resolv.conf";

/// All names.
const ROOT: &str = ".";

/// The zones whose names are never forwarded, for they are answered for here.
struct OwnZones(Vec<ServedZone>);

impl OwnZones {
    fn new(keyspace: &Keyspace, reverse: &[ReverseNetwork]) -> OwnZones {
        let names = keyspace.names().map(|names| ServedZone::new(names.zone()));
        let reverse = reverse.iter().map(|network| ServedZone::new(&network.zone()));
        OwnZones(names.chain(reverse).collect())
    }

    /// Says why no name of a zone is forwarded, if that is so.
    fn check(&self, zone: &str) -> Result<(), String> {
        match self.0.iter().find(|own| own.contains(zone)) {
            Some(own) => Err(format!(
                "{zone}: names in {} are answered for here, and none is forwarded; leave it out",
                own.as_str()
            )),
            None => Ok(()),
        }
    }
}

/// Where queries for other names go, and how.
pub(super) fn settings(
    matches: &Matches,
    file: Option<&Corefile>,
    keyspace: &Keyspace,
    reverse: &[ReverseNetwork],
) -> Result<ForwardSettings, Failure> {
    let routes = routes(matches, file, keyspace, reverse)?;
    let without = ["cache", "forward-ecs"].into_iter().find(|it| matches.opt_present(it));
    if let Some(option) = without.filter(|_| routes.is_empty()) {
        return wrong(option, "means nothing without --forward; give that as well");
    }
    Ok(ForwardSettings {
        routes,
        passes_client_subnet: matches.opt_present("forward-ecs"),
        cache: size(matches, "cache")?,
    })
}

/// The servers by zone, each zone once, in the order given.
fn routes(
    matches: &Matches,
    file: Option<&Corefile>,
    keyspace: &Keyspace,
    reverse: &[ReverseNetwork],
) -> Result<Vec<ForwardRoute>, Failure> {
    let own = OwnZones::new(keyspace, reverse);
    let given = matches.opt_strs("forward");
    let mut routes = Vec::new();
    for argument in &given {
        // Who stands behind the comma is a server of the same zone.
        let mut zone = ROOT.to_owned();
        for word in argument.split(',').map(str::trim) {
            let parts = zone_and_server(word).or_else(|why| wrong("forward", why))?;
            let server = match parts {
                Some((name, server)) => {
                    zone = name;
                    server
                }
                None => word,
            };
            let added = own.check(&zone).and_then(|()| add(&mut routes, &zone, server));
            added.or_else(|why| wrong("forward", why))?;
        }
    }
    let written = file.filter(|_| given.is_empty()).into_iter().flat_map(|file| &file.forward);
    for ForwardDirective { name, from, to, .. } in written {
        let at = |place, why| CorefileError::at(place, format!("{name}: {why}"));
        let zone = reverse_zone(from.value.as_str()).map_err(|why| at(&from.place, why))?;
        let zone = zone.unwrap_or_else(|| from.value.as_str().to_owned());
        own.check(&zone).map_err(|why| at(&from.place, why))?;
        for upstream in to {
            add(&mut routes, &zone, &upstream.value).map_err(|why| at(&upstream.place, why))?;
        }
    }
    Ok(routes)
}

/// The parts of `ZONE=SERVER`; `None`: the word is none, though a path may have the sign as well.
///
/// # Errors
/// When the zone is a network without a zone of reverse names.
fn zone_and_server(word: &str) -> Result<Option<(String, &str)>, String> {
    let Some((name, server)) = word.split_once('=') else { return Ok(None) };
    let zone = ServedZone::parse(name).filter(|_| !name.contains('/'));
    let zone = zone.map(|zone| zone.as_str().to_owned());
    Ok(reverse_zone(name)?.or(zone).map(|zone| (zone, server)))
}

/// The zone of the reverse names of a network; `None`: the text is no network.
///
/// # Errors
/// When its reverse names are not one zone, or address and number of bits do not fit.
fn reverse_zone(text: &str) -> Result<Option<String>, String> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if let Ok(ip) = text.parse::<IpAddr>() {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        return Err(format!(
            "{text:?}: an address is no zone; write {text}/{bits} for its reverse name, or its network"
        ));
    }
    if !is_network(text) {
        return Ok(None);
    }
    match text.parse::<ReverseNetwork>() {
        Ok(network) => Ok(Some(network.zone())),
        Err(why) => Err(format!("{text:?}: {why}")),
    }
}

/// Whether a text is meant for a network, right or wrong: an address stands before its slash.
fn is_network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok())
}

/// What is wrong with the servers of a directive, each looked at alone.
pub(super) fn wrong_servers(directive: &ForwardDirective) -> Vec<CorefileError> {
    let wrong = directive.to.iter().filter_map(|Placed { value, place }| {
        let why = with_server(None, value).err()?;
        Some(CorefileError::at(place, format!("{}: {why}", directive.name)))
    });
    wrong.collect()
}

/// Adds one more word to the servers of a zone, or says why it cannot.
fn add(routes: &mut Vec<ForwardRoute>, zone: &str, word: &str) -> Result<(), String> {
    let place = routes.iter_mut().find(|route| route.zone == zone);
    let to = with_server(place.as_ref().map(|route| &route.to), word)?;
    match place {
        Some(route) => route.to = to,
        None => routes.push(ForwardRoute { zone: zone.to_owned(), to }),
    }
    Ok(())
}

fn with_server(before: Option<&ForwardTo>, word: &str) -> Result<ForwardTo, String> {
    let alone = "a file that names servers must be given alone";
    let file: Option<PathBuf> = match word {
        SYSTEMS_OWN => Some(RESOLV_CONF.into()),
        // An address has no slash, and a path has one.
        path if path.contains('/') && !is_network(path) => Some(path.into()),
        _ => None,
    };
    let mut servers = match (before, file) {
        (None, Some(path)) => return Ok(ForwardTo::ResolvConf(path)),
        (Some(_), Some(_)) => return Err(format!("{word:?}: {alone}")),
        (Some(ForwardTo::ResolvConf(path)), None) => {
            return Err(format!("{:?}: {alone}", path.display().to_string()));
        }
        (Some(ForwardTo::Servers(servers)), None) => servers.clone(),
        (None, None) => Vec::new(),
    };
    let Some(server) = socket_address(word) else {
        let remedy = "write 10.0.0.1, 10.0.0.1:53, [fd00::1]:53 or";
        let zones = if word.contains('=') { ", after ZONE= with the name of a zone" } else { "" };
        return Err(format!("{word:?} is not an address; {remedy} {SYSTEMS_OWN}{zones}"));
    };
    if server.ip().is_unspecified() || server.ip().is_multicast() || server.port() == 0 {
        return Err(format!("{word} is not the address of a server"));
    }
    if !servers.contains(&server) {
        servers.push(server);
    }
    Ok(ForwardTo::Servers(servers))
}

#[cfg(test)]
#[path = "forward_tests.rs"]
mod tests;
