//! Watches: streams of changes, each from a member as far as that stands.

use idetcd::etcd::WatchReply;

/// A stream of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub u64);

/// What comes next on the stream of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchOutput {
    /// Changes of one of the ranges, or a fragment of them.
    Reply(WatchReply),
    /// Nothing yet: nothing changed, or the member is frozen, cut off or behind.
    Nothing,
    /// A range wanted changes that are forgotten: history begins at this revision. The stream is over.
    Compacted(i64),
    /// The stream is over, with what is told of that.
    Ended(String),
}
