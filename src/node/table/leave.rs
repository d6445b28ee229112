//! The end of taking the table: all names are followed in etcd again.

use super::{Before, TableStage, TableUse};
use crate::cluster::Directory;
use crate::etcd::Etcd;
use crate::node::Host;
use crate::node::session::Session;

impl<H: Host, E: Etcd> Session<H, E> {
    /// Follows all names in etcd for a while: no node has had a table for long.
    pub(super) fn give_up_table(&mut self) {
        let now = self.host.now();
        let since = self.table.lost.as_ref().map_or(now, |lost| lost.since);
        log::warn!(
            "no node has had a table of all names for {:.1} s: following them in etcd until one has",
            now.saturating_duration_since(since).as_secs_f64()
        );
        let servers = std::mem::take(&mut self.table.servers);
        let before = std::mem::take(&mut self.table.before);
        let has_table = self.has_table();
        self.leave_table();
        if !has_table {
            // None ever came.
            let Before { history, turn, missing } = before;
            (self.history, self.turn, self.missing) = (history, turn, missing);
        }
        self.table.servers = servers;
        self.table.retry_later(now, self.random.fraction());
    }

    /// Gives up a trial, unless the table has come.
    pub(in crate::node) fn end_trial(&mut self) {
        if self.table.stage == TableStage::Tried && !self.has_table() {
            self.host.take_table(&[]);
            self.table.stage = TableStage::Unused;
            self.table.retry_later(self.host.now(), self.random.fraction());
        }
    }

    /// Leaves it where the name is lost: what a claim needs to know is read from etcd. Returns whether it did.
    pub(in crate::node) fn leave_table_if_nameless(&mut self) -> bool {
        let is_nameless = self.membership.held().is_none();
        let leaves = is_nameless && self.table.is_asked_for();
        if is_nameless {
            self.leave_table();
        }
        leaves
    }

    /// Takes the table from nobody any more, as if it had never been tried. Where it came, everything is to be read,
    /// and what is known is as of when it was last known to be etcd's.
    pub(in crate::node) fn leave_table(&mut self) {
        let has_table = self.has_table();
        let TableUse { stage, proven_at, has_seen_restore, .. } = std::mem::take(&mut self.table);
        if stage == TableStage::Unused {
            return;
        }
        let proven_at = self.host.directory(|directory| directory.proven_at()).or(proven_at);
        self.host.take_table(&[]);
        if !has_table {
            return;
        }
        self.history = None;
        self.contact.followed_until(proven_at);
        self.call_stale();
        if has_seen_restore {
            self.host.directory(Directory::end_history);
        }
    }
}
