//! Replies read back with simple-dns, as an independent reader.

mod chaos;
mod cookies;
mod edns;
mod malformed;
mod names;
mod negative;
mod reverse;
mod signed;
mod standing;
mod truncation;

use std::net::IpAddr;
use std::sync::Arc;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Packet};

use super::*;
use crate::cluster::{Entry, Freshness, Keyspace, Names, Pattern};
use crate::dns::Forwarding;
use crate::dns::wire::{CLASS_IN, flag, option, rrtype};

const TTL: u32 = 5;

fn directory() -> Directory {
    filled("worker{{.ID}}.tf.local.", &["worker3.tf.local."])
}

fn filled(pattern: &str, keys: &[&str]) -> Directory {
    let pattern = Pattern::parse(pattern, 5).expect("a good pattern");
    let resolve = vec![Names::parse("db.example.com.", 5).expect("a name")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    for range in 0..2 {
        for key in keys {
            let value = br#"{"ipv4":"10.0.0.3","ipv6":"fd00::3"}"#;
            let entry =
                Entry { key: key.as_bytes(), value: Some(value), mod_revision: 7, fingerprint: 0 };
            snapshot.apply(range, entry);
        }
        let four = br#"{"ipv4":"10.0.0.4"}"#;
        let entry =
            Entry { key: b"worker4.tf.local.", value: Some(four), mod_revision: 7, fingerprint: 0 };
        snapshot.apply(range, entry);
    }
    directory.replace(snapshot, (1 << 32) + 42);
    directory
}

/// Three nodes, the third without a port, and one more pattern.
fn cluster() -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
    let resolve = vec![Names::parse("{{.ID}}.n.", 5).expect("a pattern")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
    let mut directory = Directory::new(Arc::new(keyspace));
    let mut snapshot = directory.emptied();
    let nodes = [
        (0, "worker1.tf.local.", r#"{"ipv4":"10.0.0.1","ipv6":"fd00::1","port":"53"}"#),
        (0, "worker2.tf.local.", r#"{"ipv4":"10.0.0.2","port":"1053"}"#),
        (0, "worker4.tf.local.", r#"{"ipv4":"10.0.0.2","ipv6":"fd00::4"}"#),
        (1, "7.n.", r#"{"ipv6":"fd00::7","port":"53"}"#),
    ];
    for (range, key, value) in nodes {
        let value = Some(value.as_bytes());
        snapshot
            .apply(range, Entry { key: key.as_bytes(), value, mod_revision: 7, fingerprint: 0 });
    }
    directory.replace(snapshot, 42);
    directory.set_own(crate::cluster::SlotId::new(2));
    directory
}

fn reply_to(query: &[u8], directory: &Directory) -> Option<Vec<u8>> {
    reply_over(Transport::Udp, query, directory)
}

fn reply_over(transport: Transport, query: &[u8], directory: &Directory) -> Option<Vec<u8>> {
    let responder = Responder::new(directory.keyspace(), TTL).expect("zones");
    let mut reply = Vec::new();
    let asker = Asker::new(IpAddr::from([192, 0, 2, 1]), transport, 1_795_539_600);
    match responder.answer(query, asker, directory, &Counters::default(), &mut reply) {
        Verdict::Silent | Verdict::Forward | Verdict::Transfer => None,
        Verdict::Reply(_) => Some(reply),
    }
}

/// A query as octets: header with these flags, one question, and what follows.
fn query(flags: u16, name: &str, qtype: u16, qclass: u16, additional: &[&[u8]]) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd];
    query.extend(flags.to_be_bytes());
    query.extend([0, 1, 0, 0, 0, 0, 0, additional.len() as u8]);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.push(0);
    query.extend(qtype.to_be_bytes());
    query.extend(qclass.to_be_bytes());
    query.extend(additional.concat());
    query
}

fn ask(name: &str, qtype: u16) -> Vec<u8> {
    query(flag::RD, name, qtype, CLASS_IN, &[])
}

const OPT: &[u8] = &[0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 0];

const OPT_VERSION_1: &[u8] = &[0, 0, 41, 0x10, 0, 0, 1, 0, 0, 0, 0];

fn rcode_of(query: &[u8]) -> u8 {
    reply_to(query, &directory()).expect("a reply")[3] & 0x0f
}

/// A record in short.
fn cookie(record: &simple_dns::ResourceRecord<'_>) -> String {
    match &record.rdata {
        RData::A(a) => std::net::Ipv4Addr::from(a.address).to_string(),
        RData::AAAA(a) => std::net::Ipv6Addr::from(a.address).to_string(),
        RData::SRV(srv) => format!("{} {}:{}", srv.priority + srv.weight, srv.target, srv.port),
        RData::PTR(ptr) => format!("PTR {}", ptr.0),
        RData::NS(ns) => format!("NS {}", ns.0),
        RData::SOA(soa) => format!("SOA {}", soa.serial),
        RData::HINFO(hinfo) => format!("HINFO {}", hinfo.cpu),
        other => format!("{other:?}"),
    }
}

/// The options of the reply's OPT, by code.
fn options_of(reply: &[u8]) -> Vec<(u16, Vec<u8>)> {
    let packet = Packet::parse(reply).expect("well formed");
    let opt = packet.opt().expect("an OPT");
    opt.opt_codes.iter().map(|option| (option.code, option.data.to_vec())).collect()
}

/// An OPT record.
fn opt(payload: u16, version: u8, flags: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    let length = |data: &[u8]| u16::try_from(data.len()).expect("short").to_be_bytes();
    let mut data = Vec::new();
    for (code, value) in options {
        data.extend([&code.to_be_bytes()[..], &length(value), value].concat());
    }
    let (payload, flags) = (payload.to_be_bytes(), flags.to_be_bytes());
    [&[0, 0, 41][..], &payload, &[0, version], &flags, &length(&data), &data].concat()
}

fn with_option(name: &str, code: u16, data: &[u8]) -> Vec<u8> {
    query(0, name, rrtype::A, CLASS_IN, &[&opt(4096, 0, 0, &[(code, data)])])
}

/// The response code, with the bits in OPT; no bits without OPT.
fn full_rcode(reply: &[u8]) -> u8 {
    // The reader moves the bits of the response code out of OPT: they stand before its version.
    let opt = reply.len().checked_sub(11).map(|at| &reply[at..]);
    let upper = opt.filter(|opt| opt.starts_with(&[0, 0, 41])).map_or(0, |opt| opt[5] << 4);
    upper | reply[3] & 0x0f
}

/// How many records there are in the answer, authority and additional section.
fn counts(reply: &[u8]) -> [u16; 3] {
    [6, 8, 10].map(|at| u16::from_be_bytes([reply[at], reply[at + 1]]))
}
