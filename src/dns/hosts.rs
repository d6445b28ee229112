//! Names and addresses in the format of `hosts(5)`, answered before other servers are asked.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::content::Content;
use super::reverse::{self, ReverseName};
use super::wire::{LONGEST_LABEL, LONGEST_NAME, Rcode, rrtype};

/// The addresses of a name, and the names of an address, that are kept: a reply does not hold many, and lists of what
/// is to be blocked have a hundred thousand names at one address.
const MOST_OF_ONE: usize = 64;

/// The hosts of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostsTable {
    /// By name, in lower case with the final dot.
    addresses: BTreeMap<Vec<u8>, Vec<IpAddr>>,
    /// By address: the first name of each line.
    names: BTreeMap<IpAddr, Vec<Vec<u8>>>,
}

impl HostsTable {
    /// Reads a text, and returns the names that are left out as well: those that are answered for otherwise. Lines that
    /// are none, and names that are no domain names, are passed over, as the system does.
    pub fn parse(
        text: &str,
        is_left_out: &dyn Fn(&[u8]) -> bool,
    ) -> (HostsTable, BTreeSet<Vec<u8>>) {
        let (mut table, mut left_out) = (HostsTable::default(), BTreeSet::new());
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else {
                continue;
            };
            let (out, kept) = words.filter_map(name_of).partition(|name| is_left_out(name));
            left_out.extend::<Vec<_>>(out);
            for (number, name) in Vec::into_iter(kept).enumerate() {
                if number == 0 {
                    add(table.names.entry(address).or_default(), name.clone());
                }
                add(table.addresses.entry(name).or_default(), address);
            }
        }
        (table, left_out)
    }

    /// The number of names.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// What a name, in lower case with the final dot, stands for; `None`: it is not here.
    pub(super) fn content(&self, name: &[u8], qtype: u16) -> Option<(Rcode, Content<'_>)> {
        let addresses = self.addresses.get(name).map(Vec::as_slice);
        let names = match reverse::read(name) {
            Some(ReverseName::Address(address)) => self.names.get(&address).map(Vec::as_slice),
            Some(ReverseName::Above) | None => None,
        };
        let content = match (qtype, addresses, names) {
            (_, None, None) => return None,
            (rrtype::ANY, ..) => Content::Hinfo,
            (rrtype::A | rrtype::AAAA, Some(addresses), _) => Content::Addresses(addresses, qtype),
            (rrtype::PTR, _, Some(names)) => Content::HostNames(names),
            _ => Content::Empty,
        };
        Some((Rcode::NOERROR, content))
    }
}

fn add<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if all.len() < MOST_OF_ONE && !all.contains(&one) {
        all.push(one);
    }
}

/// A name in lower case with the final dot; `None`: it is no domain name.
fn name_of(word: &str) -> Option<Vec<u8>> {
    let name = word.strip_suffix('.').unwrap_or(word).to_ascii_lowercase();
    let is_label = |label: &str| {
        let is_plain = label.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
        (1..=LONGEST_LABEL).contains(&label.len()) && is_plain
    };
    // On the wire it has two octets more than in text without the final dot.
    let fits = name.len() + 2 <= LONGEST_NAME && name.split('.').all(is_label);
    fits.then(|| [name.as_bytes(), b"."].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# a comment
127.0.0.1 localhost
10.0.0.7\tPrinter.example printer # the one upstairs
fd00::7   printer.example.
10.0.0.8 nas.example
10.0.0.7 other.example
here is nothing
10.0.0.9
10.0.0.10 a..b bad\\name good.example
";

    fn all_of(text: &str) -> HostsTable {
        HostsTable::parse(text, &|_| false).0
    }

    #[test]
    fn an_address_keeps_few_of_its_names_and_the_names_all_have_it() {
        let lines: String = (0..1000).map(|it| format!("0.0.0.0 x{it}.example\n")).collect();
        let table = all_of(&lines);
        assert_eq!(table.len(), 1000);
        let found = table.content(b"0.0.0.0.in-addr.arpa.", rrtype::PTR);
        assert!(
            matches!(found, Some((_, Content::HostNames(names))) if names.len() == MOST_OF_ONE)
        );
        let found = table.content(b"x999.example.", rrtype::A);
        assert!(
            matches!(found, Some((_, Content::Addresses(addresses, _))) if addresses.len() == 1)
        );
    }

    #[test]
    fn names_have_addresses_and_addresses_names() {
        let table = all_of(TEXT);
        let found = |name: &str, qtype| match table.content(name.as_bytes(), qtype) {
            None => "not here".to_owned(),
            Some((_, Content::Empty)) => "nothing".to_owned(),
            Some((_, Content::Hinfo)) => "HINFO".to_owned(),
            Some((_, Content::Addresses(addresses, qtype))) => {
                let is_asked = |ip: &&IpAddr| ip.is_ipv4() == (qtype == rrtype::A);
                addresses
                    .iter()
                    .filter(is_asked)
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            Some((_, Content::HostNames(names))) => {
                names.iter().map(|name| String::from_utf8_lossy(name)).collect::<Vec<_>>().join(" ")
            }
            Some(_) => "something else".to_owned(),
        };
        let rows = [
            ("printer.example.", rrtype::A, "10.0.0.7"),
            ("printer.example.", rrtype::AAAA, "fd00::7"),
            ("printer.example.", rrtype::TXT, "nothing"),
            ("printer.example.", rrtype::ANY, "HINFO"),
            ("printer.", rrtype::A, "10.0.0.7"),
            ("printer.", rrtype::AAAA, ""),
            ("good.example.", rrtype::A, "10.0.0.10"),
            ("localhost.", rrtype::A, "127.0.0.1"),
            ("example.", rrtype::A, "not here"),
            ("x.printer.example.", rrtype::A, "not here"),
            ("7.0.0.10.in-addr.arpa.", rrtype::PTR, "printer.example. other.example."),
            ("7.0.0.10.in-addr.arpa.", rrtype::A, "nothing"),
            ("9.0.0.10.in-addr.arpa.", rrtype::PTR, "not here"),
            ("0.10.in-addr.arpa.", rrtype::PTR, "not here"),
        ];
        for (name, qtype, wanted) in rows {
            assert_eq!(found(name, qtype), wanted, "{name} {qtype}");
        }
        assert_eq!((table.len(), table.is_empty()), (6, false));
        assert!(all_of(&"x\n".repeat(9)).is_empty());
    }
}
