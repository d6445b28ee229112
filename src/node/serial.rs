//! The base of the serial, written into etcd by whoever had to raise it (see [`crate::cluster::SerialBase`]).

use std::time::Duration;

use super::session::Session;
use super::{Host, Result, SessionError};
use crate::etcd::{Compare, Equal, Etcd, LeaseId, Op, Txn};

/// The time between two attempts that etcd refuses.
pub(super) const REFUSAL_PAUSE: Duration = Duration::from_secs(2);

impl<H: Host, E: Etcd> Session<H, E> {
    /// Writes the base of the serial, where it is more than etcd has. All that found the same restore do so:
    /// the first of them is heard of by the others, or what it wrote is raised by one that knows more.
    pub(super) fn keep_serial_base(&mut self) -> Result<()> {
        let Some(unstored) = self.host.directory(|directory| directory.unstored_serial_base())
        else {
            return Ok(());
        };
        let now = self.host.now();
        if !self.has_seen_names(self.serial_asked_at)
            || self.serial_refused_until.is_some_and(|until| now < until)
        {
            return Ok(());
        }
        let key = self.settings.keyspace.serial_base();
        let value = unstored.base.to_string().into_bytes();
        let txn = Txn {
            compare: vec![Compare { key: key.clone(), to: Equal::ModRevision(unstored.replaces) }],
            success: vec![Op::Put { key, value, lease: LeaseId(0) }],
            failure: Vec::new(),
        };
        let base = unstored.base;
        match self.ask(|client| client.txn(&txn)) {
            Err(SessionError::Etcd(error)) if error.is_permission_denied() => {
                log::warn!(
                    "the serial of the zones goes on from {base} here, but not on nodes that start later: {error}"
                );
                // Not before everything is read anew.
                self.serial_asked_at = i64::MAX;
            }
            // Of etcd's own, as while it has no room, that passes; the names are followed meanwhile.
            Err(SessionError::Etcd(error)) if error.is_refusal() => {
                log::debug!("etcd does not take the base of the serial: {error}");
                self.serial_refused_until = Some(now + REFUSAL_PAUSE);
            }
            reply => {
                let reply = reply?;
                self.serial_asked_at = reply.header.revision;
                if reply.succeeded {
                    log::info!(
                        "etcd's revision went back: the serial of the zones goes on from {base} more"
                    );
                }
            }
        }
        Ok(())
    }
}
