//! What a client gets of another server's reply.

use std::net::IpAddr;
use std::sync::Arc;

use super::*;
use crate::cluster::{Keyspace, Pattern};
use crate::dns::Transport;

/// Header, question `www.example.com.` in this spelling, and OPT where there is a payload.
fn query(name: &[u8], flags: u8, payload: Option<u16>) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd, 1, flags, 0, 1, 0, 0, 0, 0, 0, u8::from(payload.is_some())];
    query.extend(name);
    query.extend([0, 1, 0, 1]);
    if let Some([high, low]) = payload.map(u16::to_be_bytes) {
        query.extend([0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]);
    }
    query
}

const NAME: &[u8] = b"\x03wwW\x07example\x03com\0";

/// With `count` addresses, whose owner is spelt out, and OPT with these high bits of the response code.
fn reply(count: u8, flags: u8, rcode_bits: u8, after: &[u8]) -> Vec<u8> {
    let mut reply = vec![0, 7, 0x81, flags, 0, 1, 0, count, 0, 0, 0, 1];
    reply.extend(NAME.to_ascii_uppercase());
    reply.extend([0, 1, 0, 1]);
    for number in 0..count {
        reply.extend(NAME.to_ascii_uppercase());
        reply.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, number]);
    }
    reply.extend([0, 0, 41, 16, 0, rcode_bits, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 4]);
    if !after.is_empty() {
        reply[11] += 1;
        reply.extend(after);
    }
    reply
}

fn relayed(reply: &[u8], query: &[u8], transport: Transport) -> Vec<u8> {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
    let keyspace = Arc::new(Keyspace::new(pattern, 5));
    let responder = Responder::new(&keyspace, 5).expect("zones");
    let asker = Asker::new(IpAddr::from([192, 0, 2, 1]), transport, 0);
    responder.relay(reply, query, asker, &Directory::new(keyspace))
}

#[test]
fn it_has_the_clients_words_and_opt_only_if_the_client_sent_it() {
    let asked = query(NAME, 0, Some(1232));
    let got = relayed(&reply(1, 0x80, 0, &[]), &asked, Transport::Udp);
    assert_eq!(got[..12], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1]);
    assert_eq!(got[12..33], asked[12..33]);
    assert_eq!(&got[33..50], NAME, "the owner as well");
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 4];
    assert_eq!(got[got.len() - 17..], opt, "ours, with what the server said");
    let got = relayed(&reply(1, 0x80, 0, &[]), &query(NAME, 0, None), Transport::Udp);
    assert_eq!((got.len(), &got[8..12]), (33 + 31, &[0, 0, 0, 0][..]));
    // A record behind OPT is left out.
    let got =
        relayed(&reply(1, 0x80, 0, &[0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]), &asked, Transport::Udp);
    assert_eq!((got.len(), &got[10..12]), (33 + 31 + 17, &[0, 1][..]));
}

#[test]
fn it_is_no_longer_than_the_client_takes() {
    let table = [
        (None, 15, Transport::Udp, false),
        (None, 16, Transport::Udp, true),
        (None, 200, Transport::Tcp, false),
        (Some(1000), 30, Transport::Udp, false),
        (Some(1000), 32, Transport::Udp, true),
        (Some(4096), 40, Transport::Udp, true),
    ];
    for (payload, count, transport, is_cut) in table {
        let asked = query(NAME, 0, payload);
        let got = relayed(&reply(count, 0x80, 0, &[]), &asked, transport);
        assert_eq!(got[2] & 0x02 != 0, is_cut, "{payload:?} {count} {transport:?}");
        assert_eq!(got[7], if is_cut { 0 } else { count });
    }
}

#[test]
fn codes_and_flags_that_the_client_cannot_read_are_not_there() {
    let known = reply(0, 0xa0, 0, &[]);
    let ad =
        |flags, payload| relayed(&known, &query(NAME, flags, payload), Transport::Udp)[3] & 0x20;
    assert_eq!((ad(0, None), ad(0x20, None), ad(0, Some(1232))), (0, 0x20, 0));
    let mut wanted = query(NAME, 0, Some(1232));
    wanted[33 + 7] = 0x80;
    assert_eq!(relayed(&known, &wanted, Transport::Udp)[3] & 0x20, 0x20, "DO");
    // Code 18: its low bits alone would be SERVFAIL, code 16 would be NOERROR.
    let odd = reply(0, 0x80, 1, &[]);
    assert_eq!(relayed(&odd, &query(NAME, 0, None), Transport::Udp)[3] & 0x0f, 2);
    let got = relayed(&odd, &query(NAME, 0, Some(1232)), Transport::Udp);
    assert_eq!((got[3] & 0x0f, got[33 + 5]), (0, 1));
}

#[test]
fn what_is_signed_for_the_server_goes_through() {
    let mut signed = query(NAME, 0, None);
    signed[11] = 1;
    signed.extend([0, 0, 250, 0, 255, 0, 0, 0, 0, 0, 0]);
    let answer = reply(1, 0x80, 0, &[]);
    let got = relayed(&answer, &signed, Transport::Udp);
    assert_eq!((&got[..2], &got[33..]), (&signed[..2], &answer[33..]));
}
