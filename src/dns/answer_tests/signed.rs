//! Replies to signed queries, judged by the client's part of `tsig`, whose own tests have messages of
//! another implementation.

use super::*;
use crate::dns::tsig::{Algorithm, ReplyFault, TsigError, TsigKey, TsigKeys, sign_request};

const NOW: u64 = 1_795_539_600;

const NAME: &str = "Transfer.TF.local";
const SECRET: &[u8] = b"secret";

fn key(name: &str, secret: &[u8]) -> TsigKeys {
    let name = name.parse().expect("a name");
    TsigKeys::new(vec![TsigKey::new(name, Algorithm::HmacSha256, secret)])
}

/// The reply to a query that was signed so many seconds ago.
struct Signed {
    verdict: Verdict,
    octets: Vec<u8>,
    /// Without its signature, if that is good.
    judged: Result<Vec<u8>, ReplyFault>,
}

fn ask_signed(query: &[u8], key: &TsigKeys, ago: u64, directory: &Directory) -> Signed {
    let mut query = query.to_vec();
    let mut verifier = sign_request(key.first().expect("a key"), &mut query, NOW - ago);
    let responder = Responder::new(directory.keyspace(), TTL).expect("zones");
    let responder = responder.with_keys(self::key(NAME, SECRET));
    let asker = Asker::new([192, 0, 2, 1].into(), Transport::Udp, NOW);
    let mut octets = Vec::new();
    let counters = Counters::default();
    let verdict = responder.answer(&query, asker, directory, &counters, &mut octets);
    let judged = verifier.verify(&octets, NOW - ago);
    Signed { verdict, octets, judged }
}

#[test]
fn whatever_is_answered_to_a_signed_query_is_signed() {
    let mut two_questions = ask("worker1.tf.local.", rrtype::A);
    two_questions[5] = 2;
    two_questions.extend_from_slice(&[0, 0, 1, 0, 1]);
    let table = [
        (ask("worker1.tf.local.", rrtype::A), Rcode::NOERROR),
        (query(0, "worker1.tf.local.", rrtype::A, CLASS_IN, &[OPT]), Rcode::NOERROR),
        (ask("worker9.tf.local.", rrtype::A), Rcode::NXDOMAIN),
        (ask("example.com.", rrtype::A), Rcode::REFUSED),
        (query(0, "tf.local.", rrtype::SOA, CLASS_IN, &[OPT_VERSION_1]), Rcode::BADVERS),
        (query(0x2000, "tf.local.", rrtype::SOA, CLASS_IN, &[]), Rcode::NOTIMP),
        (two_questions, Rcode::FORMERR),
    ];
    let directory = cluster();
    for (query, rcode) in table {
        let reply = ask_signed(&query, &key(NAME, SECRET), 0, &directory);
        assert_eq!(reply.verdict, Verdict::Reply(rcode));
        let bare = reply.judged.unwrap_or_else(|fault| panic!("{rcode}: {fault}"));
        // But for the signature it is what is answered without one.
        let unsigned = reply_to(&query, &directory).expect("a reply");
        assert_eq!(bare, unsigned, "{rcode}");
        assert_eq!(counts(&reply.octets)[2], counts(&unsigned)[2] + 1);
    }
}

#[test]
fn a_query_that_is_not_signed_well_is_told_why() {
    let table = [
        ("transfer", SECRET, 0, TsigError::BadKey),
        (NAME, b"other", 0, TsigError::BadSig),
        (NAME, SECRET, 301, TsigError::BadTime),
    ];
    for (name, secret, ago, error) in table {
        let directory = cluster();
        for opts in [&[][..], &[OPT]] {
            let query = query(flag::RD, "worker1.tf.local.", rrtype::A, CLASS_IN, opts);
            let reply = ask_signed(&query, &key(name, secret), ago, &directory);
            assert_eq!(reply.judged, Err(ReplyFault::Refused(error)));
            assert_eq!(reply.verdict, Verdict::Reply(Rcode::NOTAUTH));
            assert_eq!(counts(&reply.octets), [0, 0, 1 + opts.len() as u16]);
            // At the end: the length of the MAC, it, the ID, the error, the length of the time, and that.
            let id_and_error = [&reply.octets[..2], &(error as u16).to_be_bytes()].concat();
            let end = match error {
                TsigError::BadTime => [&id_and_error[..], &[0, 6], &NOW.to_be_bytes()[2..]],
                _ => [&[0, 0], &id_and_error[..], &[0, 0]],
            };
            assert!(reply.octets.ends_with(&end.concat()), "{error:?}: {:x?}", reply.octets);
        }
    }
    let query = ask("worker1.tf.local.", rrtype::A);
    assert!(ask_signed(&query, &key(NAME, SECRET), 300, &cluster()).judged.is_ok());
}

#[test]
fn a_record_that_is_not_in_its_place_is_malformed() {
    let mut query = ask("worker1.tf.local.", rrtype::A);
    let keys = key(NAME, SECRET);
    sign_request(keys.first().expect("a key"), &mut query, NOW);
    query.extend_from_slice(OPT);
    query[11] = 2;
    assert_eq!(rcode_of(&query), Rcode::FORMERR.value());
}

#[test]
fn room_is_left_for_the_signature() {
    let mut truncated = Vec::new();
    for nodes in 1..=40_u8 {
        let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 40).expect("a good pattern");
        let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, 40)));
        let mut snapshot = directory.emptied();
        for number in 1..=nodes {
            let (key, value) =
                (format!("worker{number}.tf.local."), format!(r#"{{"ipv4":"10.0.0.{number}"}}"#));
            let (key, value) = (key.as_bytes(), Some(value.as_bytes()));
            snapshot.apply(0, Entry { key, value, mod_revision: 7, fingerprint: 0 });
        }
        directory.replace(snapshot, 42);
        let query = ask("worker.tf.local.", rrtype::A);
        let unsigned = reply_to(&query, &directory).expect("a reply");
        let reply = ask_signed(&query, &key(NAME, SECRET), 0, &directory);
        assert!(reply.octets.len() <= 512 && reply.judged.is_ok(), "{nodes}: {:?}", reply.judged);
        let is_truncated = reply.octets[2] & 0x02 != 0;
        let added = NAME.len() + 2 + 10 + 13 + 16 + 32;
        assert_eq!(is_truncated, unsigned[2] & 0x02 != 0 || unsigned.len() + added > 512);
        truncated.push(is_truncated);
    }
    assert!(truncated.contains(&true) && truncated.contains(&false));
}
