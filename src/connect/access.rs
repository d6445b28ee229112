//! Where etcd is, and how this node and etcd come to trust each other.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::text::number;

/// etcd's client port, as registered with IANA.
pub const ETCD_PORT: u16 = 2379;

/// The settings of the way to etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectSettings {
    /// Its endpoints; one at least.
    pub endpoints: Vec<Endpoint>,
    /// Certificates and the user.
    pub access: Access,
    /// The time that one call to one endpoint may take.
    pub timeout: Duration,
}

/// The base URL of an etcd endpoint, with its port and without a final slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether it is to be reached by TLS.
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

/// A URL such as `http://10.0.0.1:2379`; a missing port is 2379, a missing scheme `http://`, as for etcdctl. The error says what is wrong, to be put
/// after the text.
impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Endpoint, &'static str> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        if !matches!(scheme, "http" | "https") {
            return Err("must be a URL such as http://10.0.0.1:2379");
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err("only host and port may follow the ://");
        }
        if let Some(inner) = authority.strip_prefix('[') {
            let (ip, port) = inner.split_once(']').ok_or("the ] of the IPv6 address is missing")?;
            let ip: Ipv6Addr = ip.parse().or(Err("what stands in [] is not an IPv6 address"))?;
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
        let is_named =
            |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        // Only an address is made of digits and dots, so one that does not parse is a slip of the pen.
        let is_numeric =
            host.chars().all(|character| character.is_ascii_digit() || character == '.');
        if host.is_empty() {
            return Err("the host is missing");
        }
        if !host.chars().all(is_named) {
            return Err("the host has characters that no host name has");
        }
        if is_numeric && host.parse::<Ipv4Addr>().is_err() {
            return Err("the host is not an IPv4 address");
        }
        Ok(Endpoint(format!("{scheme}://{host}:{port}")))
    }
}

impl Default for Endpoint {
    fn default() -> Endpoint {
        Endpoint(format!("http://localhost:{ETCD_PORT}"))
    }
}

fn port_number(text: &str) -> Result<u16, &'static str> {
    number(text).filter(|port| *port > 0).ok_or("the port is not a number from 1 to 65535")
}

/// The credentials that this node and etcd show each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// PEM file with the certificates of the authorities to trust; `None`: the system's.
    pub cacert: Option<PathBuf>,
    /// PEM files with the client certificate and its private key.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// The user of etcd; `None`: etcd asks for none.
    pub user: Option<User>,
}

/// A user of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The password, or where it is.
    pub password: Password,
}

/// A password, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Password {
    /// The password itself.
    Given(String),
    /// The first line of this file.
    File(PathBuf),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Password::Given(_) => f.write_str("Given(…)"),
            Password::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}
