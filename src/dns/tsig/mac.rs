//! What a MAC is over (RFC 8945 §4.3, §5.3).

use ring::hmac;

use super::key::TsigKey;
use super::record::TsigRecord;

/// The place of a message, which says how much of its TSIG record is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamPlace {
    /// A request, a reply, or the first message of a stream of replies: all of it.
    First,
    /// A further message of a stream: the times (§5.3.1).
    Further,
}

/// A MAC that goes on over several parts.
#[derive(Clone)]
pub(super) struct Digest(hmac::Context);

impl Digest {
    /// A new one. `previous` is the MAC of the request, or of the message before in a stream, as it was sent;
    /// empty: there is none.
    pub(super) fn new(key: &TsigKey, previous: &[u8]) -> Digest {
        let mut context = hmac::Context::with_key(&key.secret);
        if !previous.is_empty() {
            context.update(&u16::try_from(previous.len()).unwrap_or(u16::MAX).to_be_bytes());
            context.update(previous);
        }
        Digest(context)
    }

    /// Adds a message, without its TSIG record. `id` is the one that it is signed with; `None`: its own.
    pub(super) fn add_message(&mut self, message: &[u8], id: Option<u16>) {
        let (own, rest) = message.split_at(message.len().min(2));
        match id {
            Some(id) => self.0.update(&id.to_be_bytes()),
            None => self.0.update(own),
        }
        self.0.update(rest);
    }

    /// Adds what is signed of the record, and returns the whole MAC.
    pub(super) fn finish(mut self, record: &TsigRecord, place: StreamPlace) -> Vec<u8> {
        match place {
            StreamPlace::First => self.0.update(&record.variables()),
            StreamPlace::Further => self.0.update(&record.timers()),
        }
        self.0.sign().as_ref().to_vec()
    }
}
