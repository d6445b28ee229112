//! The frame in which every tool runs: a server without sockets, and the ways out.
//!
//! The tools talk to etcd as a node does, by a client that waits in a [`Server`]. Here all that the
//! server does is to sleep, and to end the sleep when a signal comes.

use std::io;

use crate::cluster::Directory;
use crate::dns::Responder;
use crate::etcd::{Error, advised};
use crate::failure::Failure;
use crate::options::Options;
use crate::server::network::NetworkWatch;
use crate::server::signals::Signals;
use crate::server::{Server, Shared};

/// The reply of etcd, or its error as a failure. A signal that came meanwhile ended the call.
pub(super) fn heard<T>(place: &Shared, result: Result<T, Error>) -> Result<T, Failure> {
    match result {
        Err(_) if place.lock().is_stopping() => Err(stopped()),
        result => result.map_err(|error| Failure::new(advised(&error))),
    }
}

pub(super) fn stopped() -> Failure {
    Failure::new("stopped by a signal")
}

/// Prepares for a tool: a server that nobody can ask.
pub(super) fn open(options: &Options) -> Result<Shared, Failure> {
    let keyspace = options.node.keyspace.clone();
    let failed = |error| Failure::new(format!("cannot start: {error}"));
    let responder = Responder::new(&keyspace, options.ttl).map_err(io::Error::other);
    let (responder, signals) = (responder.map_err(failed)?, Signals::new().map_err(failed)?);
    signals.obey().map_err(failed)?;
    let directory = Directory::new(keyspace);
    let network = NetworkWatch::open();
    let server = Server::new(Vec::new(), Vec::new(), network, responder, directory, signals);
    Ok(Shared::new(server))
}
