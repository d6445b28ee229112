//! Directories to ask: small, empty, large, out of date, and with names as long as they can be.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use idetcd::cluster::{Directory, Entry, Freshness, Keyspace, Names, Pattern, Record, SlotId};
use idetcd::dns::{Counters, Forwarding, Responder};

/// The TTL of all answers, in seconds.
pub const TTL: u32 = 5;

/// A directory and who answers from it.
pub struct Scene {
    pub directory: Directory,
    pub responder: Responder,
    /// Whether names outside of its zones are left to other servers.
    pub forwards: bool,
    pub counters: Counters,
}

thread_local! {
    /// Made once: a directory of a thousand nodes takes longer than many queries.
    static SCENES: Vec<Scene> = scenes();
}

/// Runs with one of the scenes.
pub fn with<T>(number: u8, run: impl FnOnce(&Scene) -> T) -> T {
    SCENES.with(|scenes| run(&scenes[usize::from(number) % scenes.len()]))
}

fn scenes() -> Vec<Scene> {
    let long = format!("{0}.{0}.{0}.{1}{{{{.ID}}}}.z.", "l".repeat(63), "l".repeat(57));
    let mut empty = scene("worker{{.ID}}.tf.local.", &[], &[]);
    empty.directory = empty.directory.emptied();
    let mut stale = small();
    stale.directory.mark(Freshness::Stale);
    let mut expired = small();
    expired.directory.mark(Freshness::Expired);
    let mut closed = small();
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().expect("a network"));
    closed.responder = closed.responder.with_allowed(networks.to_vec());
    let mut forwarding = small();
    forwarding.forwards = true;
    forwarding.responder = forwarding.responder.with_forwarding(Some(Forwarding::of_all_names()));
    let many: Vec<u32> = (1..=1000).collect();
    let pattern = "worker{{.ID}}.tf.local.";
    vec![
        small(),
        empty,
        stale,
        expired,
        closed,
        scene(pattern, &[], &many),
        scene(&long, &[], &[1, 9, 10, 123_456_789]),
        shared(),
        scene("{{.ID}}.z.", &["{{.ID}}.0.10.in-addr.arpa.", "a.{{.ID}}.z."], &[1, 2, 7]),
        forwarding,
    ]
}

/// A few nodes, and what `--resolve` can add: another pattern and plain names in and out of the zone.
fn small() -> Scene {
    let resolve = [
        "ps{{printf \"%03d\" .ID}}.tf.local.",
        "x.w{{.ID}}.tf.local.",
        "db.example.com.",
        "registry.tf.local.",
    ];
    scene("worker{{.ID}}.tf.local.", &resolve, &[1, 2, 3, 5, 4_000_000_000])
}

/// Nodes at one address, told apart by their ports, and names that lie in two ranges.
fn shared() -> Scene {
    let resolve = ["worker1{{.ID}}.tf.local.", "worker12.tf.local."];
    let mut scene = scene("worker{{.ID}}.tf.local.", &resolve, &[]);
    for (range, key, port) in [
        (0, "worker1.tf.local.", 53),
        (0, "worker2.tf.local.", 54),
        (0, "worker12.tf.local.", 55),
        (1, "worker12.tf.local.", 55),
        (2, "worker12.tf.local.", 55),
    ] {
        let ipv4 = Some(Ipv4Addr::from([10, 0, 0, 1]));
        let value = Record { ipv4, ipv6: None, port: Some(port) }.to_json();
        let value = Some(value.as_bytes());
        scene
            .directory
            .apply(range, Entry { key: key.as_bytes(), value, mod_revision: 9, fingerprint: 0 });
    }
    scene
}

/// The directory holds these slots of each pattern, and each plain name.
fn scene(pattern: &str, resolve: &[&str], slots: &[u32]) -> Scene {
    let limit = 5;
    let pattern = Pattern::parse(pattern, limit).expect("a good pattern");
    let resolve = resolve.iter().map(|text| Names::parse(text, limit).expect("good names"));
    let keyspace = Keyspace { resolve: resolve.collect(), ..Keyspace::new(pattern, limit) };
    let responder = Responder::new(&keyspace, TTL).expect("zones");
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    let names: Vec<_> = directory.keyspace().names().collect();
    for (range, names) in names.iter().enumerate() {
        let keys = match names {
            Names::Single(name) => vec![(0, name.clone())],
            Names::Numbered(pattern) => slots
                .iter()
                .filter_map(|slot| Some((*slot, pattern.name(SlotId::new(*slot)?))))
                .collect(),
        };
        for (slot, key) in keys {
            let value = value(range, slot);
            let entry =
                Entry { key: key.as_bytes(), value: Some(&value), mod_revision: 7, fingerprint: 0 };
            snapshot.apply(range, entry);
        }
    }
    directory.replace(snapshot, (1 << 32) + 42);
    directory.set_own(SlotId::new(2));
    let mut counters = Counters::default();
    for number in 0..20 {
        counters.count((number < 17).then(|| idetcd::dns::Rcode::new(number)));
    }
    Scene { directory, responder, forwards: false, counters }
}

/// A record: both addresses, or one of them, with a port or without; no two have the same address.
fn value(range: usize, slot: u32) -> Vec<u8> {
    let range = u8::try_from(range).expect("few ranges");
    let [_, _, a, b] = slot.to_be_bytes();
    let ipv4 = Some(Ipv4Addr::from([10, range, a, b])).filter(|_| slot % 4 != 3);
    let number = u128::from(range) << 32 | u128::from(slot);
    let ipv6 = Some(Ipv6Addr::from((0xfd00 << 112) | number)).filter(|_| slot % 4 != 2);
    let port = u16::try_from(slot % 65_536).ok().filter(|_| !slot.is_multiple_of(4));
    Record { ipv4, ipv6, port }.to_json().into_bytes()
}
