//! Invariant 11: the serial of the zones only grows.

use std::cmp::Ordering;

use idetcd::cluster::{Directory, Freshness, compare_serials};

use super::{Checks, Invariant};
use crate::model::Time;
use crate::world::process::ProcessId;

impl Checks {
    /// The directory of a process changed.
    pub fn serial(&mut self, id: ProcessId, now: Time, directory: &Directory) {
        if directory.freshness() == Freshness::Empty {
            return;
        }
        let serial = directory.serial();
        let Some(standing) = self.standing_mut(id) else { return };
        let (node, before) = (standing.node, standing.serial.replace(serial));
        let order = before.map_or(Some(Ordering::Equal), |before| compare_serials(serial, before));
        if let (Some(before), None | Some(Ordering::Less)) = (before, order) {
            let text = format!("process {id} (n{node}) has the serial {serial}, and had {before}");
            self.violated(now, Invariant::Serial, text);
        }
    }

    /// All is well, so those who start now have the serial that a process has, which takes it some calls to write.
    pub(super) fn look_at_serial_base(&mut self, id: ProcessId, now: Time, directory: &Directory) {
        let (unstored, bound) = (directory.unstored_serial_base(), self.bounds.settled);
        let Some(standing) = self.standing_mut(id) else { return };
        if standing.takes_table {
            // No zone tells what etcd has; those who watch write it.
            return;
        }
        let Some(unstored) = unstored else {
            standing.unstored_since = None;
            return;
        };
        let base = unstored.base;
        let known = standing.unstored_since.filter(|(known, _)| *known == base);
        let (_, since) = *standing.unstored_since.insert(known.unwrap_or((base, now)));
        if now > since + bound {
            let text =
                format!("process {id} raised its serial by {base}, which etcd does not have");
            self.violated(now, Invariant::Serial, text);
        }
    }
}
