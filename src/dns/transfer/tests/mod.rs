//! Transfers read back with simple-dns, as an independent reader.

mod changed;
mod round_trip;
mod scene;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use simple_dns::Packet;
use simple_dns::rdata::RData;

use super::*;
use crate::cluster::Directory;
use crate::dns::wire::{CLASS_IN, rrtype};
use crate::dns::{Asker, Counters, Responder, Transport, Verdict};
use scene::Scene;

/// Owner and type, and the data of each such record.
type Contents = BTreeMap<(String, u16), BTreeSet<String>>;

fn asker(transport: Transport) -> Asker {
    Asker::new([192, 0, 2, 1].into(), transport, 1_795_539_600)
}

/// A query as octets: one question, and what follows it, in the sections with these counts.
fn query(name: &str, qtype: u16, counts: [u8; 3], rest: &[u8]) -> Vec<u8> {
    let [answers, authority, additional] = counts;
    let mut query = vec![0xab, 0xcd, 0, 0, 0, 1, 0, answers, 0, authority, 0, additional];
    crate::dns::reply::push_name_by(&mut query, |text| text.extend_from_slice(name.as_bytes()));
    query.extend(qtype.to_be_bytes());
    query.extend(CLASS_IN.to_be_bytes());
    query.extend(rest);
    query
}

/// A query for what changed since a serial.
fn query_since(name: &str, serial: u32) -> Vec<u8> {
    let data = [&[0, 0][..], &serial.to_be_bytes(), &[0; 16]].concat();
    let length = u16::try_from(data.len()).expect("short").to_be_bytes();
    let soa = [&[0, 0, 6, 0, 1, 0, 0, 0, 0][..], &length, &data].concat();
    query(name, rrtype::IXFR, [0, 1, 0], &soa)
}

/// The messages of the transfer that a query asks for; or the one reply of its refusal.
fn messages(responder: &Responder, directory: &Directory, query: &[u8]) -> Vec<Vec<u8>> {
    let asker = asker(Transport::Tcp);
    let mut message = Vec::new();
    let verdict = responder.answer(query, asker, directory, &Counters::default(), &mut message);
    if verdict != Verdict::Transfer {
        return vec![message];
    }
    let view = Views::default().current(directory).expect("a view");
    let mut transfer = responder.transfer(query, asker, directory, view).expect("a transfer");
    let mut messages = Vec::new();
    loop {
        let step = transfer.step(responder, 0, &mut message);
        assert!(message.len() <= 0x4000, "{} octets", message.len());
        if step != TransferStep::Nothing {
            messages.push(message.clone());
        }
        if step == TransferStep::Last {
            return messages;
        }
    }
}

fn name_of(name: &simple_dns::Name<'_>) -> String {
    format!("{name}.")
}

/// The answers of a message, in order: owner, type and data.
fn answers(message: &[u8]) -> Vec<(String, u16, String)> {
    let packet = Packet::parse(message).expect("well formed");
    let answer = |record: &simple_dns::ResourceRecord<'_>| {
        let (rrtype, data) = match &record.rdata {
            RData::A(a) => (rrtype::A, std::net::Ipv4Addr::from(a.address).to_string()),
            RData::AAAA(a) => (rrtype::AAAA, std::net::Ipv6Addr::from(a.address).to_string()),
            RData::SRV(srv) => (rrtype::SRV, format!("{} {}", srv.port, name_of(&srv.target))),
            RData::PTR(ptr) => (rrtype::PTR, name_of(&ptr.0)),
            RData::NS(ns) => (rrtype::NS, name_of(&ns.0)),
            RData::TXT(txt) => {
                let text = String::try_from(txt.clone()).expect("UTF-8");
                (rrtype::TXT, text)
            }
            RData::SOA(soa) => (rrtype::SOA, soa.serial.to_string()),
            other => panic!("{other:?}"),
        };
        (name_of(&record.name), rrtype, data)
    };
    packet.answers.iter().map(answer).collect()
}

fn all_answers(messages: &[Vec<u8>]) -> Vec<(String, u16, String)> {
    messages.iter().flat_map(|message| answers(message)).collect()
}

/// A whole zone as it is transferred, without the SOA at the end.
fn zone(responder: &Responder, directory: &Directory, name: &str) -> Contents {
    let query = query(name, rrtype::AXFR, [0; 3], &[]);
    let mut records = all_answers(&messages(responder, directory, &query));
    let (first, last) = (records.first().cloned(), records.pop());
    assert_eq!(first, last, "{name}");
    assert_eq!(
        first.map(|(owner, rrtype, _)| (owner, rrtype)),
        Some((name.to_owned(), rrtype::SOA))
    );
    let count = records.len();
    let mut contents = Contents::new();
    for (owner, rrtype, data) in records {
        contents.entry((owner, rrtype)).or_default().insert(data);
    }
    assert_eq!(contents.values().map(BTreeSet::len).sum::<usize>(), count, "{name}: each once");
    contents
}
