//! The answer to a query: the reply that says what is decided on it.

use super::cookie::Request;
use super::decision::Decision;
use super::edns::{Edns, Opt, longest_datagram};
use super::exchange::{Asker, Transport, Verdict};
use super::query::{Header, Name, NoQuestion, Query};
use super::records::RecordContext;
use super::reply::{Full, Reply};
use super::responder::Responder;
use super::stats::Counters;
use super::transfer::request;
use super::tsig::SignedRequest;
use super::wire::{CLASS_CH, ExtendedError, Rcode, UDP_WITH_EDNS, UDP_WITHOUT_EDNS};
use crate::cluster::Directory;

impl Responder {
    /// Clears `reply` and writes the reply into it, if there is one to send.
    pub fn answer(
        &self,
        message: &[u8],
        asker: Asker,
        directory: &Directory,
        counters: &Counters,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let Some(header) = Header::read(message) else { return Verdict::Silent };
        let query = match Query::read_inlined(message, header) {
            Ok(query) => query,
            Err(fault) => {
                let (rcode, question, opt) = match fault {
                    NoQuestion::Signed => {
                        let query = (message, header);
                        return self.answer_signed(query, asker, directory, counters, reply);
                    }
                    NoQuestion::Fault { rcode, question, edns } => {
                        (rcode, question, edns.map(|edns| Opt::bare(edns, rcode)))
                    }
                    NoQuestion::Cookie(edns, cookie) => {
                        let Decision { rcode, error, .. } = self.confirm(cookie, asker);
                        (rcode, None, Some(self.opt(edns, (rcode, error), asker, directory)))
                    }
                };
                return self.write_bare(header, rcode, question, opt, reply);
            }
        };
        let mut name = Name::default();
        query.question.read_name(&mut name);
        let is_transfer = request::is_transfer(&query);
        let may_ask =
            self.allows(asker.address) || (is_transfer && request::is_node(asker, directory));
        let decision = if !may_ask {
            Some(Decision::failure(Rcode::REFUSED, Some(ExtendedError::Prohibited)))
        } else if is_transfer {
            let refusal = self.refuse_transfer(&query, message, name.as_bytes(), asker, directory);
            if refusal.is_none() {
                return Verdict::Transfer;
            }
            refusal
        } else {
            self.decide(&query, name.as_bytes(), directory, counters, asker.address)
        };
        let Some(decision) = decision else { return Verdict::Forward };
        self.write(&query, &decision, asker, directory, counters, reply);
        Verdict::Reply(decision.rcode)
    }

    /// Clears `reply` and writes that a query that was to be forwarded cannot be answered; signs that, if the
    /// query is signed.
    pub fn fail(
        &self,
        query: &[u8],
        error: ExtendedError,
        asker: Asker,
        directory: &Directory,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let Some(header) = Header::read(query) else { return Verdict::Silent };
        let signed = SignedRequest::read(query, &self.keys, asker.now).ok().flatten();
        let query = signed.as_ref().map_or(query, |request| &request.message);
        let Ok(query) = Query::read(query, header) else { return Verdict::Silent };
        let told = (Rcode::SERVFAIL, Some(error));
        let verdict = self.write_failure(&query, told, asker, directory, reply);
        if let Some(SignedRequest { judgement: Ok(mut signer), .. }) = signed {
            signer.sign(reply, asker.now);
        }
        verdict
    }

    /// Clears `reply` and writes one that says nothing but this.
    #[cold]
    #[inline(never)]
    pub(super) fn write_failure(
        &self,
        query: &Query<'_>,
        (rcode, error): (Rcode, Option<ExtendedError>),
        asker: Asker,
        directory: &Directory,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let decision = Decision::failure(rcode, error);
        self.write(query, &decision, asker, directory, &Counters::default(), reply);
        Verdict::Reply(rcode)
    }

    /// Clears `reply` and writes what was decided. A part of [`Responder::answer`], which each query would
    /// pay for handing it on.
    #[inline(always)]
    fn write(
        &self,
        query: &Query<'_>,
        decision: &Decision<'_>,
        asker: Asker,
        directory: &Directory,
        counters: &Counters,
        reply: &mut Vec<u8>,
    ) {
        let Query { header, question, edns } = query;
        let reserved = asker.reserved();
        let longest = longest_reply(asker.transport, *edns).saturating_sub(reserved);
        let room = longest.saturating_sub(question.end());
        let told = (decision.rcode, decision.error);
        let opt = edns.map(|edns| self.opt(edns, told, asker, directory).within(room));
        let limit = longest.saturating_sub(opt.as_ref().map_or(0, Opt::len));
        let flags = decision.flags | self.recursion_available();
        let wire = Some(question.wire);
        let mut written = Reply::start(reply, limit, *header, flags, decision.rcode, wire);
        written.class = question.qclass;
        // What is told of the server itself is as of now.
        written.ttl = if question.qclass == CLASS_CH { 0 } else { self.ttl };
        let rotation = usize::try_from(counters.queries).unwrap_or_default();
        let context = RecordContext { question, directory, rotation };
        if decision.content.write(context, &mut written) == Err(Full) {
            written.truncate(question.wire.len());
        }
        if let Some(opt) = opt {
            written.append_opt(|octets| opt.write(octets));
        }
    }

    /// Clears `reply` and writes one that has no records but OPT.
    #[inline(always)]
    pub(super) fn write_bare(
        &self,
        header: Header,
        rcode: Rcode,
        question: Option<&[u8]>,
        opt: Option<Opt>,
        reply: &mut Vec<u8>,
    ) -> Verdict {
        let flags = self.recursion_available();
        let mut written = Reply::start(reply, UDP_WITHOUT_EDNS, header, flags, rcode, question);
        if let Some(opt) = opt {
            written.append_opt(|octets| opt.write(octets));
        }
        Verdict::Reply(rcode)
    }

    /// The OPT record of a reply that says this.
    pub(super) fn opt(
        &self,
        edns: Edns,
        (rcode, error): (Rcode, Option<ExtendedError>),
        asker: Asker,
        directory: &Directory,
    ) -> Opt {
        let bake = |cookie: Request| {
            (cookie.client, self.secret.server_part(&cookie, asker.address, asker.now as u32))
        };
        Opt {
            name: if edns.wants_nsid { directory.own_name() } else { None },
            cookie: edns.cookie.map(bake),
            error,
            ..Opt::bare(edns, rcode)
        }
    }
}

/// Returns the most octets that a reply of ours may have.
pub(super) fn longest_reply(transport: Transport, edns: Option<Edns>) -> usize {
    match transport {
        Transport::Tcp => usize::from(u16::MAX),
        Transport::Udp => longest_datagram(edns).min(usize::from(UDP_WITH_EDNS)),
    }
}

#[cfg(test)]
#[path = "answer_tests/mod.rs"]
mod tests;
