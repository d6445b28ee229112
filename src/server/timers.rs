//! Work at set times beside the service, such as running hooks and writing metrics.

use std::time::Instant;

use crate::cluster::Directory;
use crate::dns::Counters;
use crate::node::TableServer;
use crate::node::network::HostNetwork;

/// Work to be done at certain times, and when a signal came or the machine resumed from suspend.
/// [`super::Server::wait`] runs it.
pub trait Timer: Send {
    /// When to run it next at the latest; `None`: not before such a moment.
    fn next(&self) -> Option<Instant>;

    /// Does what is due, which may be nothing. No query is answered meanwhile: it must not block.
    fn run(&mut self, now: Instant, view: View<'_>);
}

/// A table that is taken from another node.
#[derive(Clone, Copy, Debug)]
pub struct FollowedTable {
    /// The node; `None`: another one is being looked for.
    pub server: Option<TableServer>,
    /// When it was last known to be what etcd held.
    pub proven_at: Instant,
}

/// The part of the server that a timer sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The names that are answered for.
    pub directory: &'a Directory,
    /// Replies counted by kind.
    pub counters: &'a Counters,
    /// This host's network.
    pub network: &'a HostNetwork,
    /// The table, where it is another node's.
    pub table: Option<FollowedTable>,
}
