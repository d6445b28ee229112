//! Zones that are transferred to other servers.

mod incoming;
mod outgoing;
mod slow_readers;
mod zone;
