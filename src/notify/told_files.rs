//! The files of all who are told, as whoever waits for them sees them.

use std::os::fd::OwnedFd;
use std::time::Instant;

use super::files::KeptFile;
use super::identity::Identity;
use super::notifier::Notifier;
use crate::cluster::SlotId;

impl Notifier {
    /// The slot that this node had in an earlier life, where a file remembers it.
    pub fn remembered(&self) -> Option<SlotId> {
        self.id_file.as_ref().and_then(|file| file.remembered)
    }

    pub(super) fn write_name(&mut self, identity: Option<&Identity>, now: Instant) {
        if let Some(file) = &mut self.name_file {
            file.keep(identity.map(|identity| format!("{}\n", identity.name)), now);
        }
    }

    /// A way to hear that a file is as it was last wanted to be; `None`: all are, as far as that can be
    /// known soon.
    pub fn unsettled_file(&self) -> Option<OwnedFd> {
        let metrics = self.metrics.as_ref().map(|metrics| &metrics.file);
        let list = self.list.as_ref().and_then(|list| list.file.as_ref());
        let id_file = self.id_file.as_ref().map(|id_file| &id_file.file);
        let others = metrics.into_iter().chain(list).chain(id_file).chain(self.listing.files());
        let others = others.filter(|_| self.is_closing);
        self.name_file.iter().chain(others).find_map(KeptFile::unsettled)
    }

    /// Hears what became of the files.
    pub fn hear_of_files(&mut self, now: Instant) {
        self.files().for_each(|file| file.run(now));
    }

    /// Waits no longer for files that are not as they are wanted.
    pub fn give_up_on_files(&mut self) {
        self.files().for_each(KeptFile::give_up);
    }

    pub(super) fn files(&mut self) -> impl Iterator<Item = &mut KeptFile> {
        let metrics = self.metrics.as_mut().map(|metrics| &mut metrics.file);
        let list = self.list.as_mut().and_then(|list| list.file.as_mut());
        let id_file = self.id_file.as_mut().map(|id_file| &mut id_file.file);
        let lists = self.listing.files_mut();
        self.name_file.iter_mut().chain(list).chain(metrics).chain(id_file).chain(lists)
    }
}
