use std::sync::Arc;

use super::*;
use crate::cluster::{Keyspace, Names, Pattern};

fn responder() -> Responder {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
    let resolve = vec![Names::parse("db.example.com.", 5).expect("a name")];
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, 5) };
    Responder::new(&Arc::new(keyspace), 5).expect("zones")
}

#[test]
fn a_message_has_the_zone_and_its_soa() {
    let responder = responder();
    let names: Vec<&str> = responder.zone_names().collect();
    assert_eq!(names, ["db.example.com.", "tf.local."]);
    let message = responder.notify(1, 0x0102_0304).expect("a zone");
    // Header: NOTIFY and AA, a question, an answer (RFC 1996 §4.5).
    let head = b"\0\0\x24\0\0\x01\0\x01\0\0\0\0\x02tf\x05local\0\0\x06\0\x01";
    assert_eq!(message[..head.len()], head[..]);
    let message = simple_dns::Packet::parse(&message).expect("well formed");
    assert_eq!(message.answers[0].name.to_string(), "tf.local");
    match &message.answers[0].rdata {
        simple_dns::rdata::RData::SOA(soa) => assert_eq!(soa.serial, 0x0102_0304),
        other => panic!("{other:?}"),
    }
    assert_eq!(responder.notify(2, 1), None);
}

/// Something that makes another message of one.
type Change<'a> = &'a dyn Fn(&mut Vec<u8>);

#[test]
fn an_answer_has_id_opcode_and_question() {
    let message = responder().notify(1, 7).expect("a zone");
    let message = crate::dns::relay::with_id(&message, 0xabcd);
    let changed = |change: Change<'_>| {
        let mut reply = message.clone();
        reply[2] |= 0x80;
        change(&mut reply);
        notify_answer(&reply, &message)
    };
    assert_eq!(changed(&|_| ()), Some(Rcode::NOERROR));
    assert_eq!(changed(&|reply| reply[3] = 5), Some(Rcode::REFUSED));
    assert_eq!(changed(&|reply| reply[14] ^= 0x20), Some(Rcode::NOERROR));
    // As who cannot read it answers.
    let bare = |reply: &mut Vec<u8>| {
        reply.truncate(HEADER);
        reply[3..].copy_from_slice(&[4, 0, 0, 0, 0, 0, 0, 0, 0]);
    };
    assert_eq!(changed(&bare), Some(Rcode::NOTIMP));
    let wrong: [Change<'_>; 6] = [
        &|reply| reply[0] ^= 1,
        &|reply| reply[2] ^= 0x80,
        &|reply| reply[2] ^= 0x20,
        &|reply| reply[14] ^= 1,
        &|reply| reply[5] = 2,
        &|reply| reply.truncate(20),
    ];
    for (number, change) in wrong.into_iter().enumerate() {
        assert_eq!(changed(change), None, "{number}");
    }
    assert_eq!(notify_answer(&[], &message), None);
}
