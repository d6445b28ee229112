//! Large ranges, read a page at a time.

use super::{Error, ErrorKind, Etcd, KeyValue, Range, ResponseHeader};

/// Keys read at a time. Between two pages the caller can do other things, so a page bounds how long
/// those wait.
const PAGE: i64 = 500;

/// The keys of a range, page by page, all of them at the revision of the first page.
#[derive(Debug)]
pub struct Pages {
    range: Range,
    /// That of the first page, with the revision that is read at.
    header: Option<ResponseHeader>,
    is_done: bool,
}

impl Pages {
    /// Nothing is read yet. The keys come in the order of keys.
    pub fn new(range: Range) -> Pages {
        Pages { range: Range { limit: PAGE, ..range }, header: None, is_done: false }
    }

    /// Reads the next page; `None`: that was all. If it fails, it can be called again.
    ///
    /// # Errors
    /// See [`Error`]; [`ErrorKind::Malformed`] also if another cluster answers than before.
    pub fn next(&mut self, client: &mut impl Etcd) -> Result<Option<Vec<KeyValue>>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let reply = client.range(&self.range)?;
        if self.range.revision == 0 {
            self.range.revision = reply.header.revision;
        }
        let at_revision = ResponseHeader { revision: self.range.revision, ..reply.header };
        let first = self.header.get_or_insert(at_revision);
        if first.cluster_id != reply.header.cluster_id {
            let what = "it is of another cluster than the page before";
            return Err(Error::new(ErrorKind::Malformed, client.endpoint(), what));
        }
        match reply.kvs.last().filter(|_| reply.more) {
            Some(last) => self.range.key = [&last.key[..], &[0]].concat(),
            None => self.is_done = true,
        }
        Ok(Some(reply.kvs))
    }

    /// Reads a range whole, and hands each page on. Returns the header of the first, with the revision that
    /// was read at.
    ///
    /// # Errors
    /// Those of [`Pages::next`]. What was handed on until then is not all.
    pub fn read_all(
        client: &mut impl Etcd,
        range: Range,
        mut each: impl FnMut(Vec<KeyValue>),
    ) -> Result<ResponseHeader, Error> {
        let mut pages = Pages::new(range);
        while let Some(kvs) = pages.next(client)? {
            each(kvs);
        }
        Ok(pages.header.unwrap_or_default())
    }

    /// The header of the first page, with the revision that all of them are read at; `None`: none was
    /// read yet.
    pub fn header(&self) -> Option<ResponseHeader> {
        self.header
    }
}
