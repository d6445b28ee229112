//! The answer to a signed query (RFC 8945): that of any query, signed in turn, or why it is not
//! believed.

use super::answer::{Circumstances, Decision, Responder, longest_reply};
use super::edns::Opt;
use super::exchange::{OutOfZone, Verdict};
use super::query::{Header, NoQuestion, Query};
use super::reply::cut_short;
use super::tsig::{ReplySigner, SignedRequest, TsigError};
use super::wire::Rcode;

impl Responder {
    /// The same as [`Responder::answer`], for a query with a TSIG record.
    #[cold]
    pub(super) fn answer_signed(
        &self,
        query: &[u8],
        header: Header,
        circumstances: &Circumstances<'_>,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let now = circumstances.asker.now;
        let Ok(Some(request)) = SignedRequest::read(query, &self.keys, now) else {
            return self.write_bare(header, Rcode::FORMERR, None, None, reply);
        };
        let message = &request.message;
        let refusal = match request.judgement {
            Ok(mut signer) => {
                let (reserved, is_signed) = (signer.room(), true);
                let circumstances = Circumstances { reserved, is_signed, ..*circumstances };
                let verdict = self.answer_unsigned(message, header, &circumstances, reply);
                if matches!(verdict, Verdict::Reply(_)) {
                    signer.sign(reply, now);
                }
                return verdict;
            }
            Err(refusal) => refusal,
        };
        // A key that is not ours may be one of those to whom the query is forwarded (§5.5).
        if refusal.error == TsigError::BadKey
            && self.out_of_zone == OutOfZone::Forward
            && self.answer_unsigned(message, header, circumstances, reply) == Verdict::Forward
        {
            return Verdict::Forward;
        }
        let rcode = Rcode::NOTAUTH;
        match Query::read(message, header) {
            Ok(query) => {
                let circumstances = Circumstances { reserved: refusal.room(), ..*circumstances };
                self.write(&query, &Decision::failure(rcode, None), &circumstances, reply);
            }
            Err(NoQuestion::Fault { question, edns, .. }) => {
                let opt = edns.map(|edns| Opt::bare(edns, rcode));
                self.write_bare(header, rcode, question, opt, reply);
            }
            Err(NoQuestion::Cookie(edns, _)) => {
                self.write_bare(header, rcode, None, Some(Opt::bare(edns, rcode)), reply);
            }
            Err(NoQuestion::Signed) => return Verdict::Silent,
        }
        // Names of key and algorithm as long as these are nobody's.
        let edns = Query::read(message, header).ok().and_then(|query| query.edns);
        if reply.len() + refusal.room() > longest_reply(circumstances.asker.transport, edns) {
            return self.write_bare(header, Rcode::FORMERR, None, None, reply);
        }
        refusal.append(reply);
        Verdict::Reply(rcode)
    }

    /// The reply to what was signed, without its signature.
    #[inline(never)]
    fn answer_unsigned(
        &self,
        message: &[u8],
        header: Header,
        circumstances: &Circumstances<'_>,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        self.answer_read(message, header, circumstances, reply)
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

    /// Cuts the whole reply to a query down to its question and OPT, and says that there is more; a signed
    /// one is signed anew.
    pub fn cut_short(&self, query: &[u8], now: u64, reply: &mut Vec<u8>) {
        cut_short(reply);
        if let Some((_, mut signer)) = self.unsign(query, now) {
            signer.sign(reply, now);
        }
    }
}
