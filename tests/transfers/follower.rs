//! A server in this process that takes the table of all names from others.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use idetcd::cluster::{Directory, Keyspace, Pattern, SlotId};
use idetcd::dns::Responder;
use idetcd::dns::tsig::TsigKeys;
use idetcd::node::{Host, TableServer, TableState};
use idetcd::server::network::NetworkWatch;
use idetcd::server::signals::Signals;
use idetcd::server::table::{TableLimits, TableTrust};
use idetcd::server::udp::UdpListener;
use idetcd::server::{Server, Shared};
use support::{Etcd, PATIENCE};

/// Of the pattern of all of them.
pub const LIMIT: u32 = 400;

/// A server that nobody can ask, with a table to be taken.
pub fn follower(limits: TableLimits) -> Shared {
    follower_on(Vec::new(), limits, TsigKeys::default())
}

/// The same that listens, and believes who signs under the first of these keys.
pub fn follower_on(listeners: Vec<UdpListener>, limits: TableLimits, keys: TsigKeys) -> Shared {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", LIMIT).expect("a good pattern");
    let keyspace = Arc::new(Keyspace::new(pattern, LIMIT));
    let trust = TableTrust::new(keys.first().cloned());
    let responder = Responder::new(&keyspace, 5).expect("zones").with_keys(keys);
    let signals = Signals::new().expect("a wakeup");
    let (network, directory) = (NetworkWatch::open(), Directory::new(keyspace));
    let server = Server::new(listeners, Vec::new(), network, responder, directory, signals);
    Shared::new(server.with_table_limits(limits).with_table_trust(trust))
}

pub fn limits(max_lag: u64) -> TableLimits {
    TableLimits { max_lag: Duration::from_secs(max_lag), max_stale: Duration::from_secs(3600) }
}

pub fn servers(addresses: &[SocketAddr]) -> Vec<TableServer> {
    let slots = (1..).filter_map(SlotId::new);
    slots.zip(addresses).map(|(slot, address)| TableServer { slot, address: *address }).collect()
}

/// Waits in the server until something is so.
pub fn wait_until(follower: &Shared, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: {:?}", follower.table());
        follower.sleep_until(follower.now() + Duration::from_millis(20));
    }
}

pub fn wait_for_table(follower: &Shared) {
    let is_followed = || matches!(follower.table(), TableState::Followed { .. });
    wait_until(follower, "a table", is_followed);
}

/// The names with their addresses, as the follower has them.
pub fn known(follower: &Shared) -> BTreeSet<String> {
    follower.directory(|directory| {
        directory.records().map(|(name, record)| format!("{name} {record}")).collect()
    })
}

/// The same as etcd has them.
fn in_etcd(etcd: &Etcd) -> BTreeSet<String> {
    let names = etcd.keys().into_iter().filter(|(key, _)| key.starts_with("worker"));
    let names = names.filter(|(key, _)| !key.contains(['#', ':', '{', '!']));
    names
        .map(|(key, value)| {
            let record = idetcd::cluster::Record::parse(value.as_bytes()).expect("a record");
            format!("{key} {record}")
        })
        .collect()
}

pub fn wait_for_names_of(follower: &Shared, etcd: &Etcd) {
    let wanted = in_etcd(etcd);
    wait_until(follower, "the names of etcd", || known(follower) == wanted);
}

/// A NOTIFY for the zone.
pub const NOTIFY: &[u8] =
    b"\x12\x34\x24\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02TF\x05local\x00\x00\x06\x00\x01";

/// Lets an address say something to a server in this process, and returns the reply.
pub fn tell(follower: &Shared, from: IpAddr, to: SocketAddr, message: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((from, 0)).expect("bound");
    socket.set_nonblocking(true).expect("set");
    socket.send_to(message, to).expect("sent");
    let mut reply = [0; 512];
    let mut length = 0;
    wait_until(follower, "a reply", || {
        length = socket.recv(&mut reply).unwrap_or_default();
        length > 0
    });
    assert_eq!((&reply[..2], reply[2] & 0xf8), (&message[..2], 0xa0), "a reply to a NOTIFY");
    reply[..length].to_vec()
}
