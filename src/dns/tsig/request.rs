//! The server's part: a signed request is judged (RFC 8945 §5.2), and its reply signed (§5.3).

use std::sync::Arc;

use super::FUDGE;
use super::key::{TsigKey, TsigKeys};
use super::mac::{Digest, StreamPlace};
use super::record::{MalformedTsig, TsigError, TsigRecord};

/// The octets of the time that a reply to a message of another time tells.
const TIME_LEN: usize = 6;

/// A request that came with a TSIG record.
#[derive(Debug)]
pub struct SignedRequest {
    /// The request without it.
    pub message: Vec<u8>,
    /// What its reply is signed by, or why it is refused.
    pub judgement: Result<ReplySigner, TsigRefusal>,
}

impl SignedRequest {
    /// Judges a request at this time, in seconds since 1970. `None`: it has no TSIG record.
    ///
    /// # Errors
    /// When the record is malformed, or not in its place: FORMERR.
    pub fn read(
        request: &[u8],
        keys: &TsigKeys,
        now: u64,
    ) -> Result<Option<SignedRequest>, MalformedTsig> {
        let Some((message, record)) = TsigRecord::split(request)? else { return Ok(None) };
        let Some(key) = keys.find(&record.name, &record.algorithm) else {
            let judgement = Err(TsigRefusal::unsigned(TsigError::BadKey, &record));
            return Ok(Some(SignedRequest { message, judgement }));
        };
        if !key.algorithm.allows_mac_of(record.mac.len()) {
            return Err(MalformedTsig);
        }
        let mut digest = Digest::new(key, &[]);
        digest.add_message(&message, Some(record.original_id));
        let mac = digest.finish(&record, StreamPlace::First);
        let judgement = if !key.is_same(&mac, &record.mac) {
            Err(TsigRefusal::unsigned(TsigError::BadSig, &record))
        } else {
            let signer = ReplySigner {
                key: key.clone(),
                previous: record.mac.clone(),
                place: StreamPlace::First,
            };
            if now.abs_diff(record.time) > u64::from(record.fudge) {
                Err(TsigRefusal { signer: Some(signer), ..TsigRefusal::bad_time(&record, now) })
            } else {
                Ok(signer)
            }
        };
        Ok(Some(SignedRequest { message, judgement }))
    }
}

/// Signs the reply to a request, or each message of a stream of them.
#[derive(Clone, Debug)]
pub struct ReplySigner {
    key: Arc<TsigKey>,
    /// The MAC of the request, and then that of the message before.
    previous: Vec<u8>,
    place: StreamPlace,
}

impl ReplySigner {
    /// The key of the request.
    pub fn key(&self) -> &Arc<TsigKey> {
        &self.key
    }

    /// The octets that a signature adds.
    pub fn room(&self) -> usize {
        let record = blank(&self.key, 0);
        record.len() + self.key.algorithm.mac_len()
    }

    /// Signs the next message at this time, in seconds since 1970.
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) {
        self.sign_as(message, blank(&self.key, now));
    }

    fn sign_as(&mut self, message: &mut Vec<u8>, record: TsigRecord) {
        let digest = Digest::new(&self.key, &self.previous);
        self.previous = append_signed(message, digest, record, self.place);
        self.place = StreamPlace::Further;
    }
}

/// A refusal of a request, which is told in the TSIG record of a reply with NOTAUTH.
#[derive(Debug)]
pub struct TsigRefusal {
    /// Why.
    pub error: TsigError,
    record: TsigRecord,
    /// `None`: the reply is not signed, for its key is not known, or is not the sender's (§5.2.1, §5.2.2).
    signer: Option<ReplySigner>,
}

impl TsigRefusal {
    /// Names key, algorithm and time as the request does.
    fn unsigned(error: TsigError, request: &TsigRecord) -> TsigRefusal {
        let (mac, other) = (Vec::new(), Vec::new());
        let record = TsigRecord { mac, other, error: error as u16, ..request.clone() };
        TsigRefusal { error, record, signer: None }
    }

    /// The client's own time, so that it takes the signature for one of now, and ours beside it (§5.2.3).
    fn bad_time(request: &TsigRecord, now: u64) -> TsigRefusal {
        let mut refusal = TsigRefusal::unsigned(TsigError::BadTime, request);
        let [_, _, time @ ..] = now.to_be_bytes();
        refusal.record.other = time.to_vec();
        refusal
    }

    /// The octets that [`TsigRefusal::append`] adds.
    pub fn room(&self) -> usize {
        self.signer.as_ref().map_or(self.record.len(), |signer| signer.room() + TIME_LEN)
    }

    /// Appends the record to the reply that says NOTAUTH.
    pub fn append(self, reply: &mut Vec<u8>) {
        match self.signer {
            Some(mut signer) => signer.sign_as(reply, self.record),
            None => self.record.append(reply),
        }
    }
}

/// A record without a MAC and an ID.
pub(super) fn blank(key: &TsigKey, now: u64) -> TsigRecord {
    TsigRecord {
        name: key.name.wire.clone(),
        algorithm: key.algorithm.wire().to_vec(),
        time: now,
        fudge: FUDGE,
        mac: Vec::new(),
        original_id: 0,
        error: 0,
        other: Vec::new(),
    }
}

/// Signs a message with this record. Returns the MAC.
pub(super) fn append_signed(
    message: &mut Vec<u8>,
    mut digest: Digest,
    mut record: TsigRecord,
    place: StreamPlace,
) -> Vec<u8> {
    digest.add_message(message, None);
    record.mac = digest.finish(&record, place);
    record.append(message);
    record.mac
}
