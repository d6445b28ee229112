//! Zones that are transferred to other servers, by whom that is signed, and who is told of changes.

mod clients;
mod details;
mod follower;
mod incoming;
mod incoming_signed;
mod keys;
mod notify;
mod outgoing;
mod secondaries;
mod slow_readers;
mod tsig;
mod watchers;
mod zone;
