//! The directives that have pages served by HTTP: `health`, `ready`, `prometheus`.

use std::net::{IpAddr, Ipv4Addr};

use super::blocks::Directive;
use super::place::{CorefileError, Placed, wrong};

/// Where pages are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpAddress {
    /// The address; `None`: all of this host.
    pub ip: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

/// Where a directive has them served if it does not say, as CoreDNS does.
fn usual(name: &str) -> Option<HttpAddress> {
    Some(match name {
        "health" => HttpAddress { ip: None, port: 8080 },
        "ready" => HttpAddress { ip: None, port: 8181 },
        "prometheus" => HttpAddress { ip: Some(Ipv4Addr::LOCALHOST.into()), port: 9153 },
        _ => return None,
    })
}

/// Reads such a directive; `None`: it is another one.
pub(super) fn read(directive: &Directive) -> Option<Result<Placed<HttpAddress>, CorefileError>> {
    let (name, place) = (directive.name.text.as_str(), &directive.name.place);
    let usual = usual(name)?;
    let [word] = &directive.arguments[..] else {
        if let Some(second) = directive.arguments.get(1) {
            return Some(wrong(&second.place, format!("{name}: one address is all it takes")));
        }
        return Some(Ok(Placed { value: usual, place: place.clone() }));
    };
    Some(match address(&word.text) {
        Some(value) => Ok(Placed { value, place: word.place.clone() }),
        None => {
            let text = word.text.as_str();
            wrong(
                &word.place,
                format!("{name}: {text:?} is not an address; write one such as :9153"),
            )
        }
    })
}

/// An address as Go writes it: `:9153`, `localhost:9153`, `10.0.0.1:9153`, `[::1]:9153`.
fn address(text: &str) -> Option<HttpAddress> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let ip = match (host, bare) {
        ("", _) => None,
        ("localhost", _) => Some(Ipv4Addr::LOCALHOST.into()),
        (_, Some(ip)) => Some(IpAddr::V6(ip.parse().ok()?)),
        (ip, None) => Some(IpAddr::V4(ip.parse().ok()?)),
    };
    Some(HttpAddress { ip, port })
}
