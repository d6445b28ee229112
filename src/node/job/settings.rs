//! What the operator wants of a job.

use std::time::Duration;

use crate::cluster::JobName;

/// What is to be done when a member of a list that was started is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPeerLost {
    /// End the programs of the others.
    End,
    /// Nothing.
    Keep,
}

/// A job that this node is to take part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSettings {
    /// Its name.
    pub name: JobName,
    /// The number of nodes with which it starts, from 1.
    pub least: usize,
    /// The number that is not waited for beyond, at least that.
    pub most: usize,
    /// What the loss of a member means to the others.
    pub on_peer_lost: OnPeerLost,
    /// How long it may take from the start of the node: shortly before, it looks who is missing.
    pub timeout: Option<Duration>,
}
