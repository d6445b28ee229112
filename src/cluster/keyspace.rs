//! The keys of etcd that belong to this cluster, and what they stand for.
//!
//! A key is the name itself, after a prefix where etcd is shared with others. The queue of those
//! who want a slot lies beside the slots: under the same beginning, so that one permission covers
//! both, but outside of their range, and unseen by nodes of the CoreDNS plugin.

use super::names::Names;
use super::pattern::{Pattern, SlotId};
use super::record::Record;

/// A range of keys: the first, and the first that is past it.
pub type KeyRange = (Vec<u8>, Vec<u8>);

/// The keys of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyspace {
    /// The beginning of every key; empty by default, as with the CoreDNS plugin.
    pub prefix: String,
    /// The names of which this node takes one.
    pub pattern: Pattern,
    /// The highest slot that this node may claim.
    pub limit: u32,
    /// Other names that are answered for.
    pub resolve: Vec<Names>,
}

impl Keyspace {
    /// The keys of a pattern alone.
    pub fn new(pattern: Pattern, limit: u32) -> Self {
        Keyspace { prefix: String::new(), pattern, limit, resolve: Vec::new() }
    }

    /// The key of a slot.
    pub fn key(&self, slot: SlotId) -> Vec<u8> {
        format!("{}{}", self.prefix, self.pattern.name(slot)).into_bytes()
    }

    /// The slot of a key, of the pattern that this node claims from.
    pub fn slot_of(&self, key: &[u8]) -> Option<SlotId> {
        self.pattern.slot_of(self.name_of(key)?)
    }

    /// The key of the drain of a slot.
    pub fn drain(&self, slot: SlotId) -> Vec<u8> {
        format!("{}{}", self.prefix, self.pattern.drain_name(slot)).into_bytes()
    }

    /// The key of the base of the serial.
    pub fn serial_base(&self) -> Vec<u8> {
        format!("{}{}", self.prefix, self.pattern.serial_base_name()).into_bytes()
    }

    /// The name in a key; `None` where the prefix is missing.
    pub fn name_of<'a>(&self, key: &'a [u8]) -> Option<&'a [u8]> {
        key.strip_prefix(self.prefix.as_bytes())
    }

    /// Everything that is answered for: the pattern to claim from, and then the others.
    pub fn names(&self) -> impl Iterator<Item = Names> + '_ {
        std::iter::once(Names::Numbered(self.pattern.clone())).chain(self.resolve.iter().cloned())
    }

    /// The ranges of keys to follow, in the order of [`Keyspace::names`].
    pub fn ranges(&self) -> Vec<KeyRange> {
        self.names().map(|names| self.keys_between(names.range())).collect()
    }

    /// The keys of the slots to claim from, and of their drains: the first of [`Keyspace::ranges`].
    pub fn slots(&self) -> KeyRange {
        self.keys_between(self.pattern.range())
    }

    /// The keys of all tickets: from their common beginning to what follows its last octet, `#`.
    pub fn queue(&self) -> KeyRange {
        self.keys_between((format!("{}#", self.pattern), format!("{}$", self.pattern)))
    }

    /// The key of this node's place in the queue. A node that crashes in a loop has one, not twenty.
    pub fn ticket(&self, record: &Record) -> Vec<u8> {
        format!("{}{}#{}", self.prefix, self.pattern, record.identity()).into_bytes()
    }

    fn keys_between(&self, (first, end): (String, String)) -> KeyRange {
        let key = |name| format!("{}{name}", self.prefix).into_bytes();
        (key(first), key(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_prefix_and_the_queue_lies_beside_the_slots() {
        let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a good pattern");
        let mut keyspace = Keyspace::new(pattern, 9);
        let slot = SlotId::new(7).expect("not zero");
        assert_eq!(keyspace.key(slot), b"worker7.tf.local.");
        keyspace.prefix = "/site/a/".to_owned();
        keyspace.resolve = vec![Names::parse("db.tf.local.", 9).expect("a name")];
        let key = keyspace.key(slot);
        assert_eq!(key, b"/site/a/worker7.tf.local.");
        assert_eq!(keyspace.slot_of(&key), Some(slot));
        assert_eq!(keyspace.slot_of(b"worker7.tf.local."), None);
        let ranges = keyspace.ranges();
        assert_eq!(ranges[0], (b"/site/a/worker1".to_vec(), b"/site/a/worker;".to_vec()));
        assert_eq!(
            ranges[1],
            (b"/site/a/db.tf.local.".to_vec(), b"/site/a/db.tf.local.\0".to_vec())
        );
        assert_eq!(keyspace.slots(), ranges[0]);
        let drain = keyspace.drain(slot);
        assert_eq!(drain, b"/site/a/worker:7.tf.local.");
        assert!(keyspace.key(SlotId::new(u32::MAX).expect("not 0")) < drain && drain < ranges[0].1);
        assert_eq!(keyspace.slot_of(&drain), None);
        let base = keyspace.serial_base();
        assert_eq!(base, b"/site/a/worker:serial.tf.local.");
        assert!(drain < base && base < ranges[0].1, "whoever follows the names is told of it");
        let record = Record { ipv4: Some([10, 0, 0, 5].into()), port: Some(53), ipv6: None };
        let ticket = keyspace.ticket(&record);
        assert_eq!(ticket, b"/site/a/worker{{.ID}}.tf.local.#10.0.0.5,53");
        let (first, end) = keyspace.queue();
        assert!(first < ticket && ticket < end);
        assert!(!(ranges[0].0 <= ticket && ticket < ranges[0].1));
    }
}
