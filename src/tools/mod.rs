//! The operator's tools around a name: list, wait, check, release.
//!
//! They talk to etcd as a node does, by a client that waits in a [`Server`]. Here that server has no
//! sockets, so all that it does is to sleep, and to end the sleep when a signal comes.

mod check;
mod endpoints;
mod holder;
mod list;
mod local;
mod probe;
mod release;
mod report;
mod snapshot;
mod table;
mod tf_config;
mod wait;

use std::io;

use crate::cluster::Directory;
use crate::dns::Responder;
use crate::etcd::{Error, advised};
use crate::failure::Failure;
use crate::options::{Options, Tool};
use crate::server::signals::Signals;
use crate::server::{Server, Shared};
pub use table::print;

/// Runs a tool to its end.
///
/// # Errors
/// When it did not do what it was asked for.
pub fn run(tool: &Tool, options: &Options) -> Result<(), Failure> {
    let place = waiting_place(options)?;
    match tool {
        Tool::List(list) => list::run(list, options, &place),
        Tool::Wait(wait) => wait::run(wait, options, &place),
        Tool::Check => check::run(options, &place),
        Tool::Release(release) => release::run(release, options, &place),
    }
}

/// What etcd said, unless a signal came meanwhile: that ends every call.
fn heard<T>(place: &Shared, result: Result<T, Error>) -> Result<T, Failure> {
    match result {
        Err(_) if place.lock().is_stopping() => Err(stopped()),
        result => result.map_err(|error| Failure::new(advised(&error))),
    }
}

/// A signal ended the tool.
fn stopped() -> Failure {
    Failure::new("stopped by a signal")
}

/// A server that nobody can ask.
fn waiting_place(options: &Options) -> Result<Shared, Failure> {
    let keyspace = options.node.keyspace.clone();
    let responder = Responder::new(&keyspace, options.ttl).map_err(io::Error::other);
    let server = responder.and_then(|responder| {
        let signals = Signals::new()?;
        signals.obey()?;
        Ok(Server::new(Vec::new(), Vec::new(), responder, Directory::new(keyspace), signals))
    });
    let failed = |error| Failure::new(format!("cannot start: {error}"));
    server.map(Shared::new).map_err(failed)
}
