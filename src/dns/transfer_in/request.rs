//! Asking for a zone.

use crate::dns::reply::push_name_by;
use crate::dns::wire::{CLASS_IN, POINTER_TO_QUESTION, UDP_WITH_EDNS, option, rrtype};

/// The data of the SOA by which a serial is told: no names, and no times (RFC 1995 §3).
const SOA_DATA: usize = 22;

/// What is asked of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferRequest {
    /// The whole zone (AXFR).
    Whole,
    /// What changed since this serial (IXFR).
    Since(u32),
    /// The SOA alone.
    Soa,
}

impl TransferRequest {
    /// The type of the question.
    pub(super) fn qtype(self) -> u16 {
        match self {
            TransferRequest::Whole => rrtype::AXFR,
            TransferRequest::Since(_) => rrtype::IXFR,
            TransferRequest::Soa => rrtype::SOA,
        }
    }

    /// The message that asks this of a zone, whose name has the final dot. It asks as well how far the table is
    /// known to be etcd's.
    pub fn message(self, id: u16, zone: &str) -> Vec<u8> {
        let authorities = u8::from(matches!(self, TransferRequest::Since(_)));
        let mut message = id.to_be_bytes().to_vec();
        message.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, authorities, 0, 1]);
        push_name_by(&mut message, |text| text.extend_from_slice(zone.as_bytes()));
        push_all(&mut message, [self.qtype(), CLASS_IN]);
        if let TransferRequest::Since(serial) = self {
            push_all(&mut message, [POINTER_TO_QUESTION, rrtype::SOA, CLASS_IN, 0, 0]);
            push_all(&mut message, [SOA_DATA as u16, 0]);
            message.extend_from_slice(&serial.to_be_bytes());
            message.extend_from_slice(&[0; 16]);
        }
        // OPT with the one option.
        message.push(0);
        push_all(&mut message, [rrtype::OPT, UDP_WITH_EDNS, 0, 0, 4, option::TABLE_PROOF, 0]);
        message
    }
}

fn push_all<const N: usize>(message: &mut Vec<u8>, numbers: [u16; N]) {
    message.extend(numbers.into_iter().flat_map(u16::to_be_bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::query::{Header, Query};

    #[test]
    fn requests_are_read_as_what_they_ask() {
        let requests = [
            (TransferRequest::Whole, rrtype::AXFR),
            (TransferRequest::Since(0xfeed_0001), rrtype::IXFR),
            (TransferRequest::Soa, rrtype::SOA),
        ];
        for (request, qtype) in requests {
            for zone in ["tf.local.", "."] {
                let message = request.message(0xabcd, zone);
                let header = Header::read(&message).expect("a query");
                let query = Query::read(&message, header).expect("well formed");
                assert_eq!((header.id, query.question.qtype), (0xabcd, qtype));
                assert_eq!(query.question.name().as_bytes(), zone.as_bytes());
                assert!(query.edns.expect("OPT").wants_table_proof);
            }
        }
        let message = TransferRequest::Since(0xfeed_0001).message(1, "tf.local.");
        let packet = simple_dns::Packet::parse(&message).expect("well formed");
        let soa = &packet.name_servers[0];
        assert_eq!(soa.name.to_string(), "tf.local");
        let simple_dns::rdata::RData::SOA(soa) = &soa.rdata else { panic!("no SOA") };
        assert_eq!(soa.serial, 0xfeed_0001_u32);
    }
}
