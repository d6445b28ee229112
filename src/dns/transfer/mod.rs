//! Zones on their way to other servers: whole (AXFR, RFC 5936), or what changed since a serial (IXFR,
//! RFC 1995).
//!
//! A transfer is of one revision of etcd, however long it takes: it walks a copy of the directory that
//! shares what did not change since. Each step writes one message at most, and is short.

mod changes;
mod message;
mod outgoing;
mod proof;
pub(super) mod request;
mod views;
mod walk;
mod zone_record;

pub use outgoing::{Transfer, TransferStep};
pub use request::asks_for_zone;
pub use views::Views;

#[cfg(test)]
mod tests;
