//! The client's part: a request is signed, and its reply, or each message of a stream of them, is
//! judged (RFC 8945 §5.1, §5.3.1, §5.4).

use std::fmt;
use std::sync::Arc;

use super::key::TsigKey;
use super::mac::{Digest, StreamPlace};
use super::record::{MalformedTsig, TsigError, TsigRecord};
use super::request::{append_signed, blank};

/// The most messages of a stream between two that are signed (§5.3.1).
const MOST_UNSIGNED: u32 = 99;

/// Signs a request at this time, in seconds since 1970. Its ID must not be changed afterwards but by a
/// forwarder. Returns what judges the reply.
pub fn sign_request(key: &Arc<TsigKey>, request: &mut Vec<u8>, now: u64) -> ReplyVerifier {
    let mac = append_signed(request, Digest::new(key, &[]), blank(key, now), StreamPlace::First);
    ReplyVerifier {
        key: key.clone(),
        digest: Digest::new(key, &mac),
        place: StreamPlace::First,
        unsigned: 0,
    }
}

/// The reason why a reply is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyFault {
    /// Its TSIG record is malformed, or not in its place.
    Malformed,
    /// It has none, and should have one.
    Unsigned,
    /// It is signed under another key.
    OtherKey,
    /// Its MAC is not that of the message.
    WrongMac,
    /// It is of another time, or the clocks are too far apart.
    WrongTime,
    /// The server refuses the request for this. Nobody vouches for that but where it is BADTIME.
    Refused(TsigError),
}

impl fmt::Display for ReplyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReplyFault::Malformed => "its TSIG record is malformed",
            ReplyFault::Unsigned => "it is not signed",
            ReplyFault::OtherKey => "it is signed under another key",
            ReplyFault::WrongMac => "its signature is wrong: are both secrets the same?",
            ReplyFault::WrongTime => "it was signed at another time: do both clocks agree?",
            ReplyFault::Refused(TsigError::BadKey) => "the key is not known there (BADKEY)",
            ReplyFault::Refused(TsigError::BadSig) => "the secret is another one there (BADSIG)",
            ReplyFault::Refused(TsigError::BadTime) => "the clock is another one there (BADTIME)",
            ReplyFault::Refused(TsigError::BadTrunc) => "a longer MAC is wanted there (BADTRUNC)",
        })
    }
}

/// Judges the replies to one request, in the order in which they came.
pub struct ReplyVerifier {
    key: Arc<TsigKey>,
    /// Over the MAC before, and the messages that came since.
    digest: Digest,
    place: StreamPlace,
    /// The messages since the last one that was signed.
    unsigned: u32,
}

impl ReplyVerifier {
    /// Judges the next message at this time, in seconds since 1970, and returns it without its TSIG record.
    /// One without is good for the time being, but for the first: see [`ReplyVerifier::is_settled`].
    ///
    /// # Errors
    /// When it is not to be trusted. A further one is none either, where they come on a stream; of
    /// datagrams the next one may be.
    pub fn verify(&mut self, message: &[u8], now: u64) -> Result<Vec<u8>, ReplyFault> {
        let split = TsigRecord::split(message).map_err(|MalformedTsig| ReplyFault::Malformed)?;
        let Some((bare, record)) = split else {
            if self.place == StreamPlace::First || self.unsigned >= MOST_UNSIGNED {
                return Err(ReplyFault::Unsigned);
            }
            self.unsigned += 1;
            self.digest.add_message(message, None);
            return Ok(message.to_vec());
        };
        let error = TsigError::new(record.error);
        if let Some(error @ (TsigError::BadKey | TsigError::BadSig)) = error
            && record.mac.is_empty()
        {
            return Err(ReplyFault::Refused(error));
        }
        if record.name != self.key.name.wire || record.algorithm != self.key.algorithm.wire() {
            return Err(ReplyFault::OtherKey);
        }
        if !self.key.algorithm.allows_mac_of(record.mac.len()) {
            return Err(ReplyFault::Malformed);
        }
        let mut digest = self.digest.clone();
        digest.add_message(&bare, Some(record.original_id));
        if !self.key.is_same(&digest.finish(&record, self.place), &record.mac) {
            return Err(ReplyFault::WrongMac);
        }
        if let Some(error) = error {
            return Err(ReplyFault::Refused(error));
        }
        if now.abs_diff(record.time) > u64::from(record.fudge) {
            return Err(ReplyFault::WrongTime);
        }
        self.digest = Digest::new(&self.key, &record.mac);
        self.place = StreamPlace::Further;
        self.unsigned = 0;
        Ok(bare)
    }

    /// Whether the last message was signed, and so all before it: what a stream must end with.
    pub fn is_settled(&self) -> bool {
        self.place == StreamPlace::Further && self.unsigned == 0
    }
}

impl fmt::Debug for ReplyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, place, unsigned, .. } = self;
        f.debug_struct("ReplyVerifier")
            .field("key", key)
            .field("place", place)
            .field("unsigned", unsigned)
            .finish()
    }
}
