//! A directory with all that makes zones hard, changed at random.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::cluster::testing::Chance;
use crate::cluster::{Directory, Entry, Keyspace, Names, NodePlace, Pattern, SlotId, fingerprint};
use crate::dns::Responder;

/// The names that are followed besides the pattern: one of the group's own name, one in the zone, a zone
/// of its own, one below a node, one whose names are the pattern's as well, and one in another zone.
const RESOLVE: [&str; 6] = [
    "ps.tf.local.",
    "db.tf.local.",
    "{{.ID}}.n.",
    "x{{.ID}}.worker1.tf.local.",
    "worker1{{.ID}}.tf.local.",
    "ps{{.ID}}.tf.local.",
];

/// The same without the names that are those of groups as well.
const UNAMBIGUOUS: [&str; 4] =
    ["db.tf.local.", "{{.ID}}.n.", "x{{.ID}}.worker1.tf.local.", "ps{{.ID}}.tf.local."];

pub(super) const ZONES: [&str; 6] = [
    "tf.local.",
    "n.",
    "worker1.tf.local.",
    "10.in-addr.arpa.",
    "77.10.in-addr.arpa.",
    "d.f.ip6.arpa.",
];

/// Values of drains.
const REASONS: [&str; 5] = [
    "{}",
    r#"{"reason":"disk 3"}"#,
    r#"{"reason":"a=b; "c""}"#,
    r#"{"reason":"a\nb\n \\ \u001b[2J"}"#,
    "no drain",
];

/// Slots of each pattern that are used.
const SLOTS: u32 = 24;

pub(super) struct Scene {
    pub(super) directory: Directory,
    pub(super) responder: Responder,
    /// The keys as etcd has them, with their values and leases.
    keys: BTreeMap<Vec<u8>, (Option<Vec<u8>>, i64)>,
    pub(super) revision: i64,
    pub(super) chance: Chance,
}

fn keyspace(resolve: &[&str]) -> Keyspace {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", SLOTS).expect("a good pattern");
    let resolve = resolve.iter().map(|text| Names::parse(text, SLOTS).expect(text)).collect();
    Keyspace { resolve, ..Keyspace::new(pattern, SLOTS) }
}

pub(super) fn responder(keyspace: &Keyspace) -> Responder {
    let networks = ["10.0.0.0/8", "10.77.0.0/16", "fd00::/8"];
    let networks: Vec<_> = networks.iter().map(|text| text.parse().expect(text)).collect();
    Responder::new(keyspace, 5)
        .expect("zones")
        .with_reverse(&networks)
        .expect("zones")
        .with_transferable(vec!["192.0.2.0/24".parse().expect("a network")])
}

impl Scene {
    pub(super) fn new(seed: u64) -> Scene {
        Scene::of(&RESOLVE, seed)
    }

    /// One in which no name is a group's and could be a node's.
    pub(super) fn unambiguous(seed: u64) -> Scene {
        Scene::of(&UNAMBIGUOUS, seed)
    }

    /// One that follows these names beside the pattern.
    pub(super) fn of(resolve: &[&str], seed: u64) -> Scene {
        let keyspace = keyspace(resolve);
        let responder = responder(&keyspace);
        let mut directory = Directory::new(Arc::new(keyspace));
        directory.keep_journal();
        let (snapshot, revision) = (directory.emptied(), 1);
        directory.replace(snapshot, revision);
        let chance = Chance(seed);
        Scene { directory, responder, keys: BTreeMap::new(), revision, chance }
    }

    /// Some node's name, or the key of a drain.
    fn draw_key(&mut self) -> Vec<u8> {
        let keyspace = self.directory.keyspace().clone();
        let all: Vec<Names> = keyspace.names().collect();
        let names = &all[self.chance.below(all.len() as u32) as usize];
        let slot = SlotId::new(1 + self.chance.below(SLOTS)).expect("not 0");
        match names.pattern().filter(|_| self.chance.below(4) == 0) {
            Some(pattern) => pattern.drain_name(slot).into_bytes(),
            None => names.name(slot).into_bytes(),
        }
    }

    fn draw_value(&mut self) -> Option<Vec<u8>> {
        let number = self.chance.below(12);
        let ipv4 = ["10.0.0", "10.77.0", "192.0.2"][self.chance.below(3) as usize];
        let port = ["", r#","port":"53""#, r#","port":"1053""#][self.chance.below(3) as usize];
        let ready = ["", r#","ready":false"#][usize::from(self.chance.below(6) == 0)];
        let more = [
            "",
            "",
            r#","meta":{"rack":"a7","x":"y=z"}"#,
            r#","services":{"http/tcp":"80","dns/udp":"53","tcp/tcp":"7"}"#,
            r#","meta":{"rack":"b8"},"services":{"http/tcp":"8080"},"revision":"7""#,
        ][self.chance.below(5) as usize];
        let ready = format!("{ready}{more}");
        let text = match self.chance.below(10) {
            0..3 => return None,
            3 => "no record".to_owned(),
            4..7 => format!(r#"{{"ipv4":"{ipv4}.{number}"{port}{ready}}}"#),
            _ => format!(r#"{{"ipv4":"{ipv4}.{number}","ipv6":"fd00::{number}"{port}{ready}}}"#),
        };
        Some(text.into_bytes())
    }

    /// Changes some key in etcd. The directory is told by [`Scene::tell`].
    pub(super) fn change(&mut self) -> (Vec<u8>, i64) {
        let (key, mut value) = (self.draw_key(), self.draw_value());
        // A colon is in no name, but in the key of a drain.
        if key.contains(&b':') {
            let reason = REASONS[self.chance.below(REASONS.len() as u32) as usize];
            value = value.map(|_| reason.as_bytes().to_vec());
        }
        self.revision += 1;
        let lease = i64::from(self.chance.below(2));
        self.keys.insert(key.clone(), (value, lease));
        (key, self.revision)
    }

    /// Tells the directory what a key is since a revision, which is the last at which it changed.
    pub(super) fn tell(&mut self, (key, mod_revision): &(Vec<u8>, i64)) {
        let (value, lease) = &self.keys[key];
        let value = value.as_deref();
        let fingerprint = fingerprint(*lease, value);
        for range in 0..self.directory.ranges().len() {
            let names = &self.directory.ranges()[range].names;
            let (first, end) = names.range();
            if (first.as_bytes()..end.as_bytes()).contains(&key.as_slice()) {
                let entry = Entry { key, value, mod_revision: *mod_revision, fingerprint };
                self.directory.apply(range, entry);
            }
        }
    }

    /// So many changes, all of which are told.
    pub(super) fn pass(&mut self, changes: usize) {
        for _ in 0..changes {
            let change = self.change();
            self.tell(&change);
        }
        self.directory.advance(self.revision);
    }

    /// All names that may have records, whatever their zone.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = ZONES.map(str::to_owned).into();
        for (range, slots) in self.directory.ranges().iter().enumerate() {
            names.push(slots.names.group());
            for number in 1..=SLOTS {
                let place = NodePlace { range, slot: SlotId::new(number).expect("not 0") };
                names.push(slots.names.name(place.slot));
            }
            let owners: Vec<String> = names.split_off(names.len() - SLOTS as usize - 1);
            for owner in owners {
                for labels in
                    ["_http._tcp.", "_dns._udp.", "_none._tcp.", "_tcp._tcp.", "_tcp.", "_udp."]
                {
                    names.push(format!("{labels}{owner}"));
                }
                names.push(owner);
            }
        }
        let ipv4 = ["10.0.0", "10.77.0", "192.0.2"].into_iter();
        let ipv4 = ipv4.flat_map(|net| (0..12).map(move |number| format!("{net}.{number}")));
        for address in ipv4.chain((0..12).map(|number| format!("fd00::{number}"))) {
            let address: IpAddr = address.parse().expect("an address");
            let mut name = Vec::new();
            crate::dns::reverse::push_reverse_name(address, &mut name);
            names.push(String::from_utf8(name).expect("text"));
        }
        names.sort();
        names.dedup();
        names
    }
}
