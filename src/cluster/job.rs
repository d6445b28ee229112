//! A job: nodes that start their programs together, and its keys in etcd.
//!
//! They lie beside the slots and the queue, under the same beginning, so that one permission covers all of
//! them, but outside of both ranges. `%` goes on after the pattern where the queue has `#`:
//!
//! | key | what it says | hangs on |
//! | --- | --- | --- |
//! | `PATTERN%JOB` | the list of the members, once that is fixed | nothing |
//! | `PATTERN%JOB%member%SLOT` | this node waits for a list | its lease |
//! | `PATTERN%JOB%joined%REVISION%SLOT` | it starts by the list of this revision | its lease; nothing once its program is done |
//!
//! Numbers have ten and twenty digits, so that keys are in the order of numbers.

use std::fmt;
use std::str::FromStr;

use super::keyspace::{KeyRange, Keyspace};
use super::pattern::SlotId;

/// The longest name of a job, in characters: it stands in every key.
const LONGEST_JOB_NAME: usize = 64;

/// The name of a job: at most 64 ASCII letters, digits and `-`, `_`, `.`; none at all by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobName(String);

impl FromStr for JobName {
    type Err = String;

    fn from_str(text: &str) -> Result<JobName, String> {
        let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        let is_name = (1..=LONGEST_JOB_NAME).contains(&text.len()) && text.bytes().all(is_allowed);
        let why = || format!("give 1 to {LONGEST_JOB_NAME} letters, digits, and - _ . alone");
        is_name.then(|| JobName(text.to_owned())).ok_or_else(why)
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The keys of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobKeys {
    list: String,
}

impl JobKeys {
    /// The keys of a job of the nodes that take their names from there.
    pub fn new(keyspace: &Keyspace, name: &JobName) -> JobKeys {
        JobKeys { list: format!("{}{}%{name}", keyspace.prefix, keyspace.pattern) }
    }

    /// The key of the list.
    pub fn list(&self) -> Vec<u8> {
        self.list.clone().into_bytes()
    }

    /// The key by which a node says that it waits for a list.
    pub fn member(&self, slot: SlotId) -> Vec<u8> {
        format!("{}%member%{:010}", self.list, slot.get()).into_bytes()
    }

    /// All of those.
    pub fn members(&self) -> KeyRange {
        self.below("member")
    }

    /// The key by which a node says that it starts by the list of this revision.
    pub fn joined(&self, revision: i64, slot: SlotId) -> Vec<u8> {
        format!("{}%joined%{revision:020}%{:010}", self.list, slot.get()).into_bytes()
    }

    /// All of those of a list.
    pub fn joined_of(&self, revision: i64) -> KeyRange {
        self.below(&format!("joined%{revision:020}"))
    }

    /// All of those of all lists.
    pub fn all_joined(&self) -> KeyRange {
        self.below("joined")
    }

    /// The slot in a key of these ranges.
    pub fn slot_of(&self, key: &[u8]) -> Option<SlotId> {
        let digits = key.rsplit(|octet| *octet == b'%').next()?;
        std::str::from_utf8(digits).ok()?.parse().ok().and_then(SlotId::new)
    }

    /// `&` follows `%`.
    fn below(&self, word: &str) -> KeyRange {
        let key = |end| format!("{}%{word}{end}", self.list).into_bytes();
        (key('%'), key('&'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Pattern, Record};

    fn keys(name: &str) -> (Keyspace, JobKeys) {
        let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a good pattern");
        let keyspace = Keyspace { prefix: "/a/".to_owned(), ..Keyspace::new(pattern, 9) };
        let name = name.parse().unwrap_or_default();
        let keys = JobKeys::new(&keyspace, &name);
        (keyspace, keys)
    }

    #[test]
    fn the_keys_of_a_job_lie_beside_the_slots_and_the_queue_and_apart_from_other_jobs() {
        let slot = SlotId::new(7).expect("not zero");
        let within = |key: &[u8], (first, end): &KeyRange| first[..] <= *key && *key < end[..];
        for name in ["", "a", "a-b", "member", "joined"] {
            let (keyspace, keys) = keys(name);
            let own = [keys.list(), keys.member(slot), keys.joined(7, slot)];
            for key in &own {
                assert!(key.starts_with(b"/a/worker{{.ID}}.tf.local.%"));
                assert!(!within(key, &keyspace.slots()) && !within(key, &keyspace.queue()));
            }
            let ranges = [keys.members(), keys.joined_of(7), keys.all_joined()];
            for (range, wanted) in ranges.iter().zip([[1, 0], [0, 1], [0, 1]]) {
                let found = [1, 2].map(|of| usize::from(within(&own[of], range)));
                assert_eq!(found, wanted);
                assert!(!within(&own[0], range));
                for other in ["", "a", "a.b", "member", "x"].into_iter().filter(|it| *it != name) {
                    let (_, other) = self::keys(other);
                    let others = [other.list(), other.member(slot), other.joined(7, slot)];
                    assert!(others.iter().all(|key| !within(key, range)), "{name} {others:?}");
                }
            }
            assert!(!within(&keys.joined(8, slot), &ranges[1]));
            assert!(own[1..].iter().all(|key| keys.slot_of(key) == Some(slot)));
        }
        let (keyspace, keys) = keys("a");
        let record = Record { port: Some(53), ..Record::default() };
        assert_ne!(keyspace.ticket(&record), keys.list());
        let slot = |number| SlotId::new(number).expect("not zero");
        assert!(keys.member(slot(9)) < keys.member(slot(10)));
    }

    #[test]
    fn names_of_jobs_are_short_and_plain() {
        let long = "x".repeat(64);
        for name in ["a", "Train-7_b.2", &long] {
            assert_eq!(name.parse::<JobName>().map(|name| name.to_string()).as_deref(), Ok(name));
        }
        let longer = "x".repeat(65);
        for name in ["", "a%b", "a b", "a/b", "é", "a\n", "a#", &longer] {
            assert!(name.parse::<JobName>().is_err(), "{name:?}");
        }
    }
}
