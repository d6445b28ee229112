//! A plain writer of transfers.

use crate::cluster::testing::Chance;
use crate::dns::transfer_in::request::TransferRequest;
use crate::dns::wire::{CLASS_IN, rrtype};

/// A record in the Internet class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    pub(super) owner: String,
    pub(super) rrtype: u16,
    pub(super) data: Vec<u8>,
}

pub(super) fn soa(zone: &str, serial: u32) -> Record {
    let mut data = wire("ns.tf.local.");
    data.extend(wire("hostmaster.tf.local."));
    data.extend(serial.to_be_bytes());
    data.extend([0; 16]);
    Record { owner: zone.to_owned(), rrtype: rrtype::SOA, data }
}

pub(super) fn a(owner: &str, last: u8) -> Record {
    Record { owner: owner.to_owned(), rrtype: rrtype::A, data: vec![10, 0, 0, last] }
}

pub(super) fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut octets: Vec<u8> =
        labels.flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    octets.push(0);
    octets
}

/// A transfer that is to be written.
pub(super) struct Stream {
    pub(super) zone: String,
    pub(super) request: TransferRequest,
    pub(super) id: u16,
    pub(super) flags: u16,
    pub(super) class: u16,
    /// Of each message.
    pub(super) additional: Vec<Vec<u8>>,
}

impl Stream {
    pub(super) fn new(zone: &str, request: TransferRequest) -> Stream {
        Stream {
            zone: zone.to_owned(),
            request,
            id: super::ID,
            flags: 0x8400,
            class: CLASS_IN,
            additional: Vec::new(),
        }
    }

    /// One message.
    pub(super) fn message(&self, records: &[Record], has_question: bool) -> Vec<u8> {
        let mut message = [self.id, self.flags].map(u16::to_be_bytes).concat();
        let counts =
            [u16::from(has_question), records.len() as u16, 0, self.additional.len() as u16];
        message.extend(counts.map(u16::to_be_bytes).concat());
        if has_question {
            message.extend(wire(&self.zone));
            message.extend([self.request.qtype(), CLASS_IN].map(u16::to_be_bytes).concat());
        }
        for Record { owner, rrtype, data } in records {
            match owner.strip_suffix(&self.zone).filter(|_| has_question) {
                Some(above) => {
                    let mut labels = wire(above);
                    labels.pop();
                    message.extend(labels);
                    message.extend([0xc0, 12]);
                }
                None => message.extend(wire(owner)),
            }
            message.extend(
                [*rrtype, self.class, 0, 5, data.len() as u16].map(u16::to_be_bytes).concat(),
            );
            message.extend(data);
        }
        message.extend(self.additional.concat());
        message
    }

    /// Messages with all these records, cut anywhere.
    pub(super) fn messages(&self, mut records: &[Record], chance: &mut Chance) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while !records.is_empty() {
            let most = [1, 3, 50][chance.below(3) as usize].min(records.len());
            let (now, later) = records.split_at(1 + chance.below(most as u32) as usize);
            let has_question = messages.is_empty() || chance.below(2) == 0;
            messages.push(self.message(now, has_question));
            records = later;
        }
        messages
    }
}
