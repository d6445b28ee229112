//! What zones told of the name that this node owns. It is not put into the directory, for the node itself follows
//! that name; but where its own watch is silent, it shows that something else stands in etcd.

use super::journal::PublishedNode;

/// The own name as it was told last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnAsTold {
    /// What is published there; `None`: nothing is.
    pub node: Option<PublishedNode>,
    /// The revision of etcd that this is at least of, once all came that was told with it.
    pub revision: i64,
}
