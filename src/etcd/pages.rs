//! Large ranges, read a page at a time, and keys whose values are too large to be read.

use super::{
    Error, ErrorKind, Etcd, KeyValue, Op, Range, RangeReply, ResponseHeader, Txn, TxnReply,
};

/// The most keys read at a time. Between two pages the caller can do other things, so a page bounds how long
/// those wait.
const PAGE: i64 = 1000;

/// Keys of the first page. How large the values are is not known yet, and etcd may need more time than a
/// request has to make a reply of all of them.
const FIRST_PAGE: i64 = 128;

/// How many times fewer keys a page has after one whose reply was too large, or late.
const SHRINK_FACTOR: i64 = 4;

/// How many times more keys a page has at the most after a small one that came promptly.
const MOST_GROWTH: u32 = 16;

/// Octets of keys and values that a page may grow to by what the one before had.
const SMALL: usize = 8 * 1024 * 1024;

/// The keys of a range, page by page, all of them at the revision of the first page.
///
/// Where others put large values between them, pages are as small as is necessary, down to one key. A value
/// that is too large even alone is left out: see [`crate::etcd::LARGE_VALUE`].
#[derive(Debug)]
pub struct Pages {
    range: Range,
    /// That of the first page, with the revision that is read at.
    header: Option<ResponseHeader>,
    /// The number of keys from the next page on; `None`: that is not known.
    left: Option<usize>,
    /// Whether the value of the next key alone is too large.
    leaves_value: bool,
    is_done: bool,
}

impl Pages {
    /// Nothing is read yet. The keys come in the order of keys.
    pub fn new(range: Range) -> Pages {
        let range = Range { limit: FIRST_PAGE, ..range };
        Pages { range, header: None, left: None, leaves_value: false, is_done: false }
    }

    /// Reads the next page, which is empty where it has to be tried with fewer keys; `None`: that was all.
    /// If it fails, it can be called again.
    ///
    /// # Errors
    /// See [`Error`]; [`ErrorKind::Malformed`] also if another cluster answers than before, or one to which another
    /// backup was restored meanwhile.
    pub fn next(&mut self, client: &mut impl Etcd) -> Result<Option<Vec<KeyValue>>, Error> {
        if self.is_done {
            return Ok(None);
        }
        let keys_only = self.range.keys_only || self.leaves_value;
        let reply = match client.range(&Range { keys_only, ..self.range.clone() }) {
            Err(error) if error.is_too_large() && self.shrink() => return Ok(Some(Vec::new())),
            Err(error) if error.kind == ErrorKind::TimedOut => {
                // etcd may need longer for so many than is waited.
                let fewer = (self.range.limit / SHRINK_FACTOR).max(FIRST_PAGE);
                self.range.limit = self.range.limit.min(fewer);
                return Err(error);
            }
            reply => reply?,
        };
        let is_first = self.range.revision == 0;
        if is_first {
            self.range.revision = reply.header.revision;
        }
        let at_revision = ResponseHeader { revision: self.range.revision, ..reply.header };
        let first = self.header.get_or_insert(at_revision);
        if first.cluster_id != reply.header.cluster_id {
            let what = "it is of another cluster than the page before";
            return Err(Error::new(ErrorKind::Malformed, client.endpoint(), what));
        }
        let leaves_value = std::mem::take(&mut self.leaves_value);
        if leaves_value && is_first {
            // Another value may have been there than the one that is too large.
            return Ok(Some(Vec::new()));
        }
        // As of one revision they do not change.
        if self.left.is_some_and(|left| left != reply.count) {
            let what = "it is of another history than the page before";
            return Err(Error::new(ErrorKind::Malformed, client.endpoint(), what));
        }
        self.left = Some(reply.count.saturating_sub(reply.kvs.len()));
        match reply.kvs.last().filter(|_| reply.more) {
            Some(last) => self.range.key = [&last.key[..], &[0]].concat(),
            None => self.is_done = true,
        }
        if leaves_value {
            return Ok(Some(reply.kvs.into_iter().map(KeyValue::with_large_value).collect()));
        }
        self.grow(&reply.kvs, client.timeout_mut().room());
        Ok(Some(reply.kvs))
    }

    /// Lets the next page have less; `false`: it cannot.
    fn shrink(&mut self) -> bool {
        if self.leaves_value || (self.range.limit == 1 && self.range.keys_only) {
            return false;
        }
        self.leaves_value = self.range.limit == 1;
        self.range.limit = (self.range.limit / SHRINK_FACTOR).max(1);
        true
    }

    /// Lets the next page have as many times more keys as there is room for in its octets and its time.
    fn grow(&mut self, kvs: &[KeyValue], room: u32) {
        let octets: usize = kvs.iter().map(|kv| kv.key.len() + kv.value.len()).sum();
        let by_octets = u32::try_from(SMALL / octets.max(1)).unwrap_or(u32::MAX);
        let growth = by_octets.min(room).clamp(1, MOST_GROWTH);
        self.range.limit = self.range.limit.saturating_mul(i64::from(growth)).min(PAGE);
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

    /// How many keys the range has from the next page on; `None`: none was read yet.
    pub fn left(&self) -> Option<usize> {
        self.left
    }

    /// The header of the first page, with the revision that all of them are read at; `None`: none was
    /// read yet.
    pub fn header(&self) -> Option<ResponseHeader> {
        self.header
    }
}

/// Reads some keys as they are now, by one call where none of their values is too large, else one after the other. There is
/// a reply for each, in their order.
///
/// # Errors
/// See [`Error`].
pub fn read_keys(client: &mut impl Etcd, keys: Vec<Vec<u8>>) -> Result<Vec<RangeReply>, Error> {
    let success = keys.iter().map(|key| Op::Range(Range::new(key.clone(), None))).collect();
    let count = keys.len();
    let replies: Vec<RangeReply> = match client.txn(&Txn { success, ..Txn::default() }) {
        Err(error) if error.is_too_large() => {
            keys.into_iter().map(|key| read_key(client, key)).collect::<Result<_, _>>()?
        }
        reply => {
            let TxnReply { header, ranges, .. } = reply?;
            ranges.into_iter().map(|range| RangeReply { header, ..range }).collect()
        }
    };
    if replies.len() != count {
        return Err(Error::new(ErrorKind::Malformed, client.endpoint(), "it is not of all keys"));
    }
    Ok(replies)
}

/// Reads one key as it is now. A value that is too large is left out: see [`crate::etcd::LARGE_VALUE`].
///
/// # Errors
/// See [`Error`].
pub fn read_key(client: &mut impl Etcd, key: Vec<u8>) -> Result<RangeReply, Error> {
    let range = Range::new(key, None);
    match client.range(&range) {
        Err(error) if error.is_too_large() => {
            let reply = client.range(&Range { keys_only: true, ..range })?;
            let kvs = reply.kvs.into_iter().map(KeyValue::with_large_value).collect();
            Ok(RangeReply { kvs, ..reply })
        }
        reply => reply,
    }
}
