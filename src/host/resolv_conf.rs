//! The system's files about names: `hosts(5)` and `resolv.conf(5)`.
//!
//! They are read in one go and anew each time: they are small, local, and change.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use super::file_mark::FileMark;
use crate::text::{excerpt, number};

/// The file with the names that the system knows without asking.
pub const HOSTS: &str = "/etc/hosts";

/// The file in which the system's name servers are written down.
pub const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The most of a word that is logged, in characters: an address and an interface are shorter.
const LONGEST_SHOWN: usize = 64;

/// The port of DNS (RFC 1035 §4.2).
pub const DNS_PORT: u16 = 53;

/// As many name servers as stub resolvers ask (`resolv.conf(5)`, `MAXNS`).
const MOST_NAME_SERVERS: usize = 3;

/// The content of a `resolv.conf(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// The name servers, in order; none where none is named.
    pub servers: Vec<SocketAddr>,
    /// Those that are not asked, and why, a sentence each.
    pub skipped: Vec<String>,
    search: Vec<String>,
    /// Names with fewer dots are tried with the search list first.
    ndots: usize,
}

fn read(path: &Path) -> io::Result<String> {
    std::fs::read(path).map(|octets| String::from_utf8_lossy(&octets).into_owned())
}

/// The words of each line, without comments.
fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().map(|line| {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        line.split_ascii_whitespace().collect()
    })
}

/// How `/etc/hosts` looks now; `None`: it cannot be looked at.
pub fn hosts_mark() -> Option<FileMark> {
    FileMark::of(Path::new(HOSTS)).ok()
}

/// The addresses that `/etc/hosts` gives a name, IPv4 first.
pub fn hosts(host: &str) -> Vec<IpAddr> {
    // One that cannot be read says nothing.
    in_hosts(&read(Path::new(HOSTS)).unwrap_or_default(), host)
}

fn in_hosts(text: &str, host: &str) -> Vec<IpAddr> {
    let host = host.trim_end_matches('.');
    let mut addresses: Vec<IpAddr> = lines(text)
        .filter(|words| words.iter().skip(1).any(|name| name.eq_ignore_ascii_case(host)))
        .filter_map(|words| words.first()?.parse().ok())
        .collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses
}

impl ResolvConf {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> io::Result<ResolvConf> {
        read(path).map(|text| ResolvConf::parse(&text))
    }

    /// Reads the system's own; one that cannot be read says nothing.
    pub fn of_the_system() -> ResolvConf {
        ResolvConf::parse(&read(Path::new(RESOLV_CONF)).unwrap_or_default())
    }

    fn parse(text: &str) -> ResolvConf {
        let (servers, skipped) = (Vec::new(), Vec::new());
        let mut found = ResolvConf { servers, skipped, search: Vec::new(), ndots: 1 };
        for words in lines(text) {
            match words.as_slice() {
                ["nameserver", address, ..] => found.add(address),
                ["search" | "domain", domains @ ..] => {
                    found.search = domains.iter().map(|domain| (*domain).to_owned()).collect();
                }
                ["options", options @ ..] => {
                    let ndots = options.iter().filter_map(|option| option.strip_prefix("ndots:"));
                    let given = ndots.filter_map(number).next_back();
                    found.ndots = given.unwrap_or(found.ndots);
                }
                _ => {}
            }
        }
        found
    }

    fn add(&mut self, server: &str) {
        let word = excerpt(server, LONGEST_SHOWN);
        let skipped = match server.parse() {
            Ok(ip) if self.servers.len() < MOST_NAME_SERVERS => {
                return self.servers.push(SocketAddr::new(ip, DNS_PORT));
            }
            Ok(_) => format!("{word} is not asked: only the first {MOST_NAME_SERVERS} are"),
            // With an interface behind it, as link-local addresses need.
            Err(_) if server.contains('%') => format!(
                "\"{word}\" is not asked: addresses with an interface are not understood; name one \
                 without"
            ),
            Err(_) => format!("\"{word}\" is not asked: it is no address"),
        };
        self.skipped.push(format!("nameserver {skipped}"));
    }

    /// The names to ask for when a host is meant, in order.
    pub fn candidates(&self, host: &str) -> Vec<String> {
        if host.ends_with('.') {
            return vec![host.trim_end_matches('.').to_owned()];
        }
        let domains = self.search.iter().map(|domain| domain.trim_matches('.'));
        let mut names: Vec<String> = domains.map(|domain| format!("{host}.{domain}")).collect();
        let dots = host.bytes().filter(|octet| *octet == b'.').count();
        names.insert(if dots >= self.ndots { 0 } else { names.len() }, host.to_owned());
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_by_any_of_their_names() {
        let text = "127.0.0.1 localhost\n::5 ETCD.example etcd # etcd2\n10.0.0.5\tetcd\nx etcd\n";
        for (host, wanted) in [
            ("etcd", "[10.0.0.5, ::5]"),
            ("etcd.EXAMPLE.", "[::5]"),
            ("etcd2", "[]"),
            ("10.0.0.5", "[]"),
        ] {
            assert_eq!(format!("{:?}", in_hosts(text, host)), wanted, "{host}");
        }
    }

    #[test]
    fn the_search_list_is_used_as_resolv_conf_says() {
        let text = "# x\nsearch a.example b.example.\nnameserver 10.0.0.1\nnameserver fd00::1 ; y\n\
                    nameserver nonsense\nnameserver fe80::1%eth0\nnameserver 10.0.0.3\nnameserver 10.0.0.4\noptions ndots:2 x\n";
        let found = ResolvConf::parse(text);
        let servers: Vec<String> = found.servers.iter().map(SocketAddr::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[fd00::1]:53", "10.0.0.3:53"]);
        let wanted = [
            "nameserver \"nonsense\" is not asked: it is no address",
            "nameserver \"fe80::1%eth0\" is not asked: addresses with an interface are not",
            "nameserver 10.0.0.4 is not asked: only the first 3 are",
        ];
        assert_eq!(found.skipped.len(), wanted.len(), "{:?}", found.skipped);
        for (said, wanted) in found.skipped.iter().zip(wanted) {
            assert!(said.starts_with(wanted), "{said}");
        }
        assert_eq!(found.candidates("etcd"), ["etcd.a.example", "etcd.b.example", "etcd"]);
        assert_eq!(found.candidates("a.b.c"), ["a.b.c", "a.b.c.a.example", "a.b.c.b.example"]);
        assert_eq!(found.candidates("etcd."), ["etcd"]);
        let empty = ResolvConf::parse("");
        assert_eq!((empty.servers.len(), empty.candidates("etcd")), (0, vec!["etcd".to_owned()]));
    }
}
