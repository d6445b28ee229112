//! Zones that are transferred to other servers.

mod clients;
mod outgoing;
mod secondaries;
mod slow_readers;
mod zone;
