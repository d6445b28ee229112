//! Texts that people write: patterns, plain names, networks, records. What is taken for one of them
//! holds what its documentation says, and what is not is told in one line with its column.

use std::net::IpAddr;
use std::sync::Arc;

use idetcd::cluster::{
    Directory, Keyspace, Names, Network, NodeId, Pattern, PublishedNode, Record, SlotId,
};

use super::input::Input;

/// Limits beyond which no option goes.
const LIMITS: [u32; 5] = [1, 9, 10, 1000, idetcd::cluster::pattern::MAX_LIMIT];

/// Octets: the limit, a slot, a name to look up with its length, and the text.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let limit = *input.choose(&LIMITS);
    let slot = input.u32();
    let length = usize::from(input.octet());
    let name = input.take(length);
    let octets = input.rest();
    record(octets);
    let Ok(text) = std::str::from_utf8(octets) else { return };
    network(text, name);
    match Pattern::parse(text, limit) {
        Ok(pattern) => numbered(&pattern, limit, slot, name),
        Err(error) => {
            let columns = 1..=text.chars().count() + 1;
            assert!(columns.contains(&error.column), "{text:?}: {error}");
            assert!(!error.to_string().contains(char::is_control), "{text:?}: {error:?}");
        }
    }
    if let Ok(names) = Names::parse(text, limit) {
        let again = Names::parse(&names.to_string(), limit);
        assert_eq!(again.as_ref(), Ok(&names), "the canonical spelling stands for the same");
        assert!(names.group().ends_with(names.zone()), "{names}");
        if let Names::Single(name) = &names {
            let (first, end) = names.range();
            assert!(first == *name && *name < end, "{names}");
        }
    }
}

fn numbered(pattern: &Pattern, limit: u32, slot: u32, name: &[u8]) {
    let canonical = pattern.to_string();
    assert_eq!(Pattern::parse(&canonical, limit).as_ref(), Ok(pattern), "{canonical}");
    let (first, end) = pattern.range();
    let within = |name: &[u8]| first.as_bytes() <= name && name < end.as_bytes();
    for number in [slot, 1, 9, 10, limit, u32::MAX] {
        let Some(id) = SlotId::new(number) else { continue };
        let name = pattern.name(id);
        let wanted = Some(id).filter(|_| can_stand(&name));
        assert!(number > limit || wanted.is_some(), "{canonical}: {name} does not fit");
        assert_eq!(pattern.slot_of(name.as_bytes()), wanted, "{canonical}: {name}");
        assert!(within(name.as_bytes()), "{canonical}: {name}");
        assert!(name.ends_with(pattern.zone()), "{canonical}: {name}");
        let (_, above) = name.split_once('.').unwrap_or_default();
        if pattern.slot_below(above.as_bytes()).is_some() {
            assert_eq!(pattern.slot_below(above.as_bytes()), Some(id), "{canonical}: {above}");
        }
    }
    if let Some(id) = pattern.slot_of(name) {
        assert_eq!(pattern.name(id).as_bytes(), name, "one spelling for each slot");
    }
    let keyspace = Keyspace::new(pattern.clone(), limit);
    let (first, end) = keyspace.queue();
    let ticket = keyspace.ticket(&Record::default());
    assert!(first <= ticket && ticket < end && !within(&ticket), "{canonical}");
    assert!(can_stand(&pattern.group()), "{canonical}");
    assert!(Directory::new(Arc::new(keyspace)).group(pattern.group().as_bytes()).is_some());
}

/// Whether a name can stand in a message (RFC 1035 §2.3.4).
fn can_stand(name: &str) -> bool {
    let Some(labels) = name.strip_suffix('.') else { panic!("{name} has no final dot") };
    labels.split('.').all(|label| (1..=63).contains(&label.len())) && name.len() < 255
}

fn network(text: &str, address: &[u8]) {
    let Ok(network) = text.parse::<Network>() else { return };
    assert!(network.contains(network.address), "{text}");
    let (first, prefix) = text.split_once('/').unwrap_or((text, "128"));
    let prefix = prefix.parse().expect("a number");
    assert_eq!(first.parse(), Ok(network.address), "{text}");
    assert_eq!(Network::around(network.address, prefix), network, "{text}");
    let address: Option<IpAddr> = match address.len() {
        4 => <[u8; 4]>::try_from(address).ok().map(IpAddr::from),
        _ => <[u8; 16]>::try_from(address).ok().map(IpAddr::from),
    };
    if let Some(address) = address {
        let is_within = Network::around(address, prefix) == network;
        assert_eq!(network.contains(address), is_within, "{text}: {address}");
    }
}

fn record(octets: &[u8]) {
    let node_id = NodeId::of(octets);
    if let (Ok(record), Some(node_id)) = (Record::parse(octets), &node_id) {
        for is_ready in [false, true] {
            let value = record.value(Some(node_id), is_ready).into_bytes();
            let read = PublishedNode::parse(&value, 0);
            assert_eq!(read.map(|node| (node.record, node.is_ready)), Ok((record, is_ready)));
            assert_eq!(NodeId::of(&value).as_ref(), Some(node_id));
        }
    }
    match Record::parse(octets) {
        Ok(record) => check_record(&record),
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
}

/// A record that was read is written as one that reads the same.
pub fn check_record(record: &Record) {
    assert!(record.ipv4.is_some() || record.ipv6.is_some());
    assert_eq!(Record::parse(record.to_json().as_bytes()).as_ref(), Ok(record));
    assert!(!record.to_string().contains(char::is_control));
    assert!(!record.identity().contains(char::is_whitespace));
}
