//! Zones that are transferred to other servers.

mod outgoing;
mod slow_readers;
mod zone;
