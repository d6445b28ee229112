//! Since when the own name is known to be etcd's, where all others are taken from another node.
//!
//! The node follows its own name in etcd itself, and a watch that tells nothing proves nothing: it may be cut off, or
//! etcd be another one since. What the other node tells of the name does, where it is what is known here. Pure.

use std::time::Instant;

use crate::cluster::{Directory, SlotId};

/// The proof of the own name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnProof {
    /// The name, the revision that put it there, and when it was etcd's last.
    own: Option<(SlotId, i64, Instant)>,
}

impl OwnProof {
    /// Looks at the own name, as it is now: one that was put or read since the last look is etcd's.
    pub(super) fn look(&mut self, directory: &Directory, now: Instant) {
        let seen = self.own.map(|(slot, revision, _)| (slot, revision));
        let own = directory.own_version();
        if own != seen {
            self.own = own.map(|(slot, revision)| (slot, revision, now));
        }
    }

    /// Since when the whole directory is, where all others are since `proven_at`, as it was told.
    pub(super) fn and(&mut self, directory: &Directory, proven_at: Instant) -> Instant {
        let Some((_, _, own_at)) = &mut self.own else { return proven_at };
        if directory.is_own_as_told() {
            *own_at = (*own_at).max(proven_at);
        }
        proven_at.min(*own_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    use crate::cluster::{Entry, Keyspace, NodePlace, Pattern, SnapshotBuilder, TransferredChange};

    fn put(directory: &mut Directory, revision: i64) {
        directory.apply(
            0,
            Entry {
                key: b"w1.tf.local.",
                value: Some(br#"{"ipv4":"10.0.0.1"}"#),
                mod_revision: revision,
                fingerprint: 8,
            },
        );
    }

    #[test]
    fn a_name_that_is_told_otherwise_is_proven_until_it_was_told_alike_or_put_last() {
        let pattern = Pattern::parse("w{{.ID}}.tf.local.", 9).expect("a good pattern");
        let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, 9)));
        let mut proof = OwnProof::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        proof.look(&directory, start);
        assert_eq!(proof.and(&directory, at(1)), at(1), "there is none");

        directory.set_own(SlotId::new(1));
        put(&mut directory, 5);
        let snapshot = SnapshotBuilder::new(&directory);
        directory.replace_transferred(snapshot.finish(), 4, 4);
        proof.look(&directory, at(2));
        proof.look(&directory, at(3));
        assert_eq!(proof.and(&directory, at(1)), at(1));
        assert_eq!(proof.and(&directory, at(4)), at(2), "it is not there yet");

        let told = |last: u8| TransferredChange {
            ipv4: Some(Some([10, 0, 0, last].into())),
            ..TransferredChange::default()
        };
        directory.change_transferred(NodePlace::FIRST, &told(1));
        assert_eq!(proof.and(&directory, at(5)), at(5));
        directory.change_transferred(NodePlace::FIRST, &told(2));
        proof.look(&directory, at(6));
        assert_eq!(proof.and(&directory, at(7)), at(5), "it is another's");
        put(&mut directory, 9);
        proof.look(&directory, at(8));
        assert_eq!(proof.and(&directory, at(9)), at(8));
    }
}
