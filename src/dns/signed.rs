//! The answer to a signed query (RFC 8945): that of any query, signed in turn, or why it is not
//! believed.

use super::answer::longest_reply;
use super::edns::Opt;
use super::exchange::{Asker, Verdict};
use super::query::{Header, NoQuestion, Query};
use super::reply::cut_short;
use super::responder::Responder;
use super::stats::Counters;
use super::tsig::{ReplySigner, SignedRequest, TsigError};
use super::wire::Rcode;
use crate::cluster::Directory;

/// Who sent a message, as far as its signature tells.
#[derive(Debug)]
pub enum Sender {
    /// There are no keys: signatures are not looked at.
    Anybody,
    /// There are keys, and it is not signed.
    Unknown,
    /// Its signature is bad, or cannot be read: [`Responder::answer`] says how.
    Forged,
    /// Somebody who has one of the keys: this signs the reply.
    Signed(ReplySigner),
}

impl Responder {
    /// The same as [`Responder::answer`], for a query with a TSIG record.
    #[cold]
    #[inline(never)]
    pub(super) fn answer_signed(
        &self,
        (query, header): (&[u8], Header),
        asker: Asker,
        directory: &Directory,
        counters: &Counters,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let Ok(Some(request)) = SignedRequest::read(query, &self.keys, asker.now) else {
            return self.write_formerr(header, reply);
        };
        let message = &request.message;
        let refusal = match request.judgement {
            Ok(mut signer) => {
                let asker = asker.reserving(signer.room());
                let verdict = self.answer(message, asker, directory, counters, reply);
                if matches!(verdict, Verdict::Reply(_)) {
                    signer.sign(reply, asker.now);
                }
                return verdict;
            }
            Err(refusal) => refusal,
        };
        // A key that is not ours may be one of those to whom the query is forwarded (§5.5).
        if refusal.error == TsigError::BadKey
            && self.forwarding.is_some()
            && self.answer(message, asker, directory, counters, reply) == Verdict::Forward
        {
            return Verdict::Forward;
        }
        let rcode = Rcode::NOTAUTH;
        let mut edns = None;
        match Query::read(message, header) {
            Ok(query) => {
                edns = query.edns;
                let asker = asker.reserving(refusal.room());
                self.write_failure(&query, (rcode, None), asker, directory, reply);
            }
            Err(fault) => {
                let (question, edns) = match fault {
                    NoQuestion::Fault { question, edns, .. } => (question, edns),
                    NoQuestion::Cookie(edns, _) => (None, Some(edns)),
                    NoQuestion::Signed => return Verdict::Silent,
                };
                let opt = edns.map(|edns| Opt::bare(edns, rcode));
                self.write_bare(header, rcode, question, opt, reply);
            }
        }
        // Names of key and algorithm as long as these are nobody's.
        if reply.len() + refusal.room() > longest_reply(asker.transport, edns) {
            return self.write_formerr(header, reply);
        }
        refusal.append(reply);
        Verdict::Reply(rcode)
    }

    /// Clears `reply` and writes that a signature, or what is signed, is malformed.
    #[inline(never)]
    fn write_formerr(&self, header: Header, reply: &mut Vec<u8>) -> Verdict {
        self.write_bare(header, Rcode::FORMERR, None, None, reply)
    }

    /// Takes the signature off a query that is signed well, and returns what its reply is to be signed by.
    /// `None`: it is not.
    pub fn unsign(&self, query: &[u8], now: u64) -> Option<(Vec<u8>, ReplySigner)> {
        if self.keys.is_empty() {
            return None;
        }
        let request = SignedRequest::read(query, &self.keys, now).ok()??;
        request.judgement.ok().map(|signer| (request.message, signer))
    }

    /// Judges who sent a message that is no query.
    pub fn sender(&self, message: &[u8], now: u64) -> Sender {
        if self.keys.is_empty() {
            return Sender::Anybody;
        }
        match SignedRequest::read(message, &self.keys, now) {
            Ok(None) => Sender::Unknown,
            Ok(Some(SignedRequest { judgement: Ok(signer), .. })) => Sender::Signed(signer),
            Ok(Some(_)) | Err(_) => Sender::Forged,
        }
    }

    /// Cuts the whole reply to a query down to its question and OPT, and says that there is more; a signed
    /// one is signed anew.
    pub fn cut_short(&self, query: &[u8], now: u64, reply: &mut Vec<u8>) {
        cut_short(reply);
        if let Some((_, mut signer)) = self.unsign(query, now) {
            signer.sign(reply, now);
        }
    }
}
