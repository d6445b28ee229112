//! How far the table behind a reply is known to be etcd's present one, in an EDNS option for local use
//! (RFC 6891 §9). A request asks for it by an option without data. So whoever takes a table from another
//! node knows of it what that node knows: nothing else in DNS says how old an answer is, or has more than
//! 32 bits of etcd's revision.
//!
//! ```text
//! octets 0 to 7: the revision of etcd; 8 to 11: ms since that was proven; 12 to 15: the number of the reading
//! ```
//! All in network order. The longest time of all stands for no proof.

use std::time::{Duration, Instant};

use super::wire::array_at;
use crate::cluster::Directory;

/// The octets of the option in a reply.
pub(super) const TABLE_PROOF: usize = 16;

/// Stands for the age of a proof that there is not.
const NOT_PROVEN: u32 = u32::MAX;

/// What a server tells of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableProof {
    /// The revision of etcd that the table stands at.
    pub revision: i64,
    /// How long ago it was asked for what turned out to be the same, in whole ms, rounded up; `None`: it is
    /// not known to be etcd's.
    pub age: Option<Duration>,
    /// How often the server read all names anew. Tables of one number, at one server, differ by changes that
    /// followed each other; of two numbers nothing is certain, even where the serial is the same.
    pub reading: u32,
}

impl TableProof {
    /// What is to be told of a directory. The time must not be from before it was asked for: else it would
    /// be made younger than it is.
    pub fn of(directory: &Directory, now: Instant) -> TableProof {
        let age = directory.proven_at().map(|at| now.saturating_duration_since(at));
        TableProof { revision: directory.revision(), age, reading: directory.reading() }
    }

    /// What is to be told of a copy of a directory as it was at its revision, which may have been made before
    /// the directory was last known to be etcd's.
    pub fn of_copy(copy: &Directory, directory: &Directory, now: Instant) -> TableProof {
        let is_same =
            (copy.revision(), copy.reading()) == (directory.revision(), directory.reading());
        TableProof::of(if is_same { directory } else { copy }, now)
    }

    /// The data of the option.
    pub(super) fn octets(&self) -> [u8; TABLE_PROOF] {
        let age = self.age.map_or(NOT_PROVEN, |age| {
            let ms = age.as_nanos().div_ceil(1_000_000);
            u32::try_from(ms).unwrap_or(NOT_PROVEN)
        });
        let mut octets = [0; TABLE_PROOF];
        octets[..8].copy_from_slice(&self.revision.to_be_bytes());
        octets[8..12].copy_from_slice(&age.to_be_bytes());
        octets[12..].copy_from_slice(&self.reading.to_be_bytes());
        octets
    }

    /// Reads the data of the option; `None`: it is malformed.
    pub(super) fn read(data: &[u8]) -> Option<TableProof> {
        if data.len() != TABLE_PROOF {
            return None;
        }
        let age = array_at(data, 8).map(u32::from_be_bytes)?;
        Some(TableProof {
            revision: array_at(data, 0).map(i64::from_be_bytes)?,
            age: (age != NOT_PROVEN).then(|| Duration::from_millis(age.into())),
            reading: array_at(data, 12).map(u32::from_be_bytes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Freshness;

    #[test]
    fn only_a_directory_that_is_in_step_has_a_proof() {
        let pattern = crate::cluster::Pattern::parse("w{{.ID}}.tf.local.", 5).expect("a pattern");
        let keyspace = crate::cluster::Keyspace::new(pattern, 5);
        let mut directory = Directory::new(std::sync::Arc::new(keyspace));
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let proof = |directory: &Directory| TableProof::of(directory, now + second);
        directory.prove(now);
        assert_eq!(proof(&directory).age, None, "nothing was read");
        let snapshot = directory.emptied();
        directory.replace(snapshot, 1 << 33);
        assert_eq!(proof(&directory), TableProof { revision: 1 << 33, age: None, reading: 1 });
        directory.prove(now);
        assert_eq!(proof(&directory).age, Some(second));
        directory.mark(Freshness::Stale);
        assert_eq!(proof(&directory).age, None);
    }

    #[test]
    fn a_proof_is_read_as_it_was_written_and_no_younger() {
        let longest = Duration::from_millis(u32::MAX.into());
        let table = [
            (Some(Duration::ZERO), Some(0)),
            (Some(Duration::from_nanos(1)), Some(1)),
            (Some(Duration::from_micros(1500)), Some(2)),
            (Some(longest - Duration::from_millis(1)), Some(u32::MAX - 1)),
            (Some(longest), None),
            (Some(Duration::MAX), None),
            (None, None),
        ];
        for (age, wanted) in table {
            for revision in [0, 1, 1 << 40, i64::MAX] {
                let proof = TableProof { revision, age, reading: 7 };
                let octets = proof.octets();
                let age = wanted.map(|ms: u32| Duration::from_millis(ms.into()));
                assert_eq!(TableProof::read(&octets), Some(TableProof { age, ..proof }));
                assert_eq!(TableProof::read(&octets[1..]), None);
                assert_eq!(TableProof::read(&[&octets[..], &[0]].concat()), None);
            }
        }
    }
}
