//! Whose table is believed: where the cluster has a key, that of a server which signs under it (TSIG, RFC 8945).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::dns::tsig::{ReplyFault, ReplyVerifier, TsigKey, sign_request};

/// The most servers of which it is remembered that they are not believed.
const MOST_DISTRUSTED: usize = 256;

/// By what servers are believed.
#[derive(Debug, Default)]
pub struct TableTrust {
    key: Option<Arc<TsigKey>>,
    /// Those that are not, and why, as it was said.
    distrusted: BTreeMap<SocketAddr, ReplyFault>,
}

impl TableTrust {
    /// Believes those who sign under this key; without one, everybody who is asked.
    pub fn new(key: Option<Arc<TsigKey>>) -> TableTrust {
        TableTrust { key, distrusted: BTreeMap::new() }
    }

    /// What signs the requests on one connection, and judges the replies.
    pub(super) fn guard(&self) -> LinkGuard {
        LinkGuard { key: self.key.clone(), verifier: None }
    }

    /// Takes note that a server is not believed. Returns whether that, or the reason, is news.
    pub(super) fn distrust(&mut self, server: SocketAddr, fault: ReplyFault) -> bool {
        if self.distrusted.len() >= MOST_DISTRUSTED {
            self.distrusted.clear();
        }
        self.distrusted.insert(server, fault) != Some(fault)
    }

    /// Takes note that a server is believed.
    pub(super) fn trust(&mut self, server: SocketAddr) {
        self.distrusted.remove(&server);
    }
}

/// What signs the requests on one connection, and judges the replies to the latest.
#[derive(Debug)]
pub(super) struct LinkGuard {
    key: Option<Arc<TsigKey>>,
    verifier: Option<ReplyVerifier>,
}

impl LinkGuard {
    /// Signs a request at this time, in seconds since 1970.
    pub(super) fn sign(&mut self, request: &mut Vec<u8>, unix_time: u64) {
        self.verifier = self.key.as_ref().map(|key| sign_request(key, request, unix_time));
    }

    /// Judges the next message of the reply, and returns it without its signature; `None`: it is as it came.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub(super) fn judge(
        &mut self,
        message: &[u8],
        unix_time: u64,
    ) -> Result<Option<Vec<u8>>, ReplyFault> {
        self.verifier.as_mut().map(|verifier| verifier.verify(message, unix_time)).transpose()
    }

    /// Judges a reply that came whole: its last message must be signed, and so vouch for those before it (§5.3.1).
    ///
    /// # Errors
    /// When nobody vouches for it.
    pub(super) fn judge_end(&self) -> Result<(), ReplyFault> {
        match &self.verifier {
            Some(verifier) if !verifier.is_settled() => Err(ReplyFault::Unsigned),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::tsig::{Algorithm, SignedRequest, TsigKeys};

    fn key(secret: &[u8]) -> TsigKey {
        TsigKey::new("k".parse().expect("a name"), Algorithm::HmacSha256, secret)
    }

    const NOW: u64 = 1_795_539_600;
    const REQUEST: &[u8] = b"\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    const REPLY: &[u8] = b"\x00\x01\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00";

    #[test]
    fn a_reply_is_believed_once_its_last_message_is_signed() {
        let mut guard = TableTrust::new(Some(Arc::new(key(b"secret")))).guard();
        let mut request = REQUEST.to_vec();
        guard.sign(&mut request, NOW);
        assert!(guard.judge_end().is_err(), "nothing came");
        let keys = TsigKeys::new(vec![key(b"secret")]);
        let read = SignedRequest::read(&request, &keys, NOW).expect("well formed");
        let mut signer = read.expect("signed").judgement.expect("good");
        let mut next = |is_signed: bool| {
            let mut message = REPLY.to_vec();
            if is_signed {
                signer.sign(&mut message, NOW);
            }
            message
        };
        assert_eq!(guard.judge(&next(false), NOW), Err(ReplyFault::Unsigned), "the first is");
        assert_eq!(guard.judge(&next(true), NOW), Ok(Some(REPLY.to_vec())));
        assert_eq!(guard.judge_end(), Ok(()));
        assert_eq!(guard.judge(&next(false), NOW), Ok(Some(REPLY.to_vec())));
        assert_eq!(guard.judge_end(), Err(ReplyFault::Unsigned), "nobody vouches for it");
        // The next request has a reply of its own.
        guard.sign(&mut REQUEST.to_vec(), NOW);
        assert_eq!(guard.judge(&next(true), NOW), Err(ReplyFault::WrongMac));
    }

    #[test]
    fn without_a_key_everything_is_as_it_is() {
        let mut guard = TableTrust::default().guard();
        let mut request = REQUEST.to_vec();
        guard.sign(&mut request, NOW);
        assert_eq!(request, REQUEST);
        assert_eq!(guard.judge(REPLY, NOW), Ok(None));
        assert_eq!(guard.judge_end(), Ok(()));
    }

    #[test]
    fn why_a_server_is_not_believed_is_news_once() {
        let mut trust = TableTrust::default();
        let server = |number: u16| SocketAddr::from(([10, 0, 0, 1], number));
        assert!(trust.distrust(server(1), ReplyFault::Unsigned));
        assert!(!trust.distrust(server(1), ReplyFault::Unsigned));
        assert!(trust.distrust(server(2), ReplyFault::Unsigned));
        assert!(trust.distrust(server(1), ReplyFault::WrongMac));
        trust.trust(server(1));
        assert!(trust.distrust(server(1), ReplyFault::WrongMac));
        for number in 0..2000 {
            trust.distrust(server(number), ReplyFault::WrongTime);
        }
        assert!(trust.distrusted.len() <= MOST_DISTRUSTED);
    }
}
