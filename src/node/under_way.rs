//! All names on their way, kept while contact with etcd is lost: see [`super::read_everything`].

use super::Host;
use super::full_sync::FullSync;
use crate::etcd::{Error, ErrorKind, Etcd, Status};

/// How often in a row a page may fail: then all is read anew, from pages that are small.
const MOST_FAILURES: u32 = 8;

/// All names on their way, and what is to be known of etcd's history for them.
#[derive(Debug)]
pub(super) struct SyncUnderWay {
    pub(super) sync: FullSync,
    /// The state of etcd before the first page.
    pub(super) status: Option<Status>,
    /// How often the page that is missing failed.
    failures: u32,
}

impl SyncUnderWay {
    /// Nothing was read yet.
    pub(super) fn new(sync: FullSync, status: Option<Status>) -> SyncUnderWay {
        SyncUnderWay { sync, status, failures: 0 }
    }

    /// Reads the next page. Returns whether there may be more.
    ///
    /// # Errors
    /// Those of [`FullSync::read_page`].
    pub(super) fn read_page(
        &mut self,
        client: &mut impl Etcd,
        host: &impl Host,
    ) -> Result<bool, Error> {
        let result = self.sync.read_page(client, host);
        self.failures = if result.is_ok() { 0 } else { self.failures + 1 };
        result
    }

    /// Whether the error left it as it was, and the page that is missing may come yet: no reply came, or the
    /// member spoke of itself.
    pub(super) fn can_go_on_after(&self, error: &Error) -> bool {
        let is_silence = error.is_unavailable() && error.kind != ErrorKind::Malformed;
        is_silence && self.failures < MOST_FAILURES
    }
}
