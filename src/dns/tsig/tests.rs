use std::sync::Arc;

use super::*;

/// When the vectors were signed, in seconds since 1970.
const SIGNED_AT: u64 = 1_795_539_600;

fn key(name: &str, algorithm: Algorithm) -> TsigKey {
    let secret: Vec<u8> = (0..32).collect();
    TsigKey::new(name.parse().expect("a name"), algorithm, &secret)
}

/// A message of the file, by algorithm and word.
fn vector(algorithm: Algorithm, word: &str) -> Vec<u8> {
    let head = format!("{} {word} ", algorithm.name().trim_start_matches("hmac-"));
    let mut lines = include_str!("vectors.txt").lines();
    let hex = lines.find_map(|line| line.strip_prefix(&head)).expect("the vector");
    let octet = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    hex.as_bytes().chunks(2).map(|pair| octet(pair).expect("hex")).collect()
}

fn keys(algorithm: Algorithm) -> TsigKeys {
    TsigKeys::new(vec![key("other", algorithm), key("transfer.tf.local", algorithm)])
}

/// The error that a request is refused with; `None`: it is good.
fn judged(request: &[u8], keys: &TsigKeys, now: u64) -> Result<Option<TsigError>, MalformedTsig> {
    let request = SignedRequest::read(request, keys, now)?.expect("signed");
    Ok(request.judgement.err().map(|refusal| refusal.error))
}

/// Where the fields begin: after the names of the key and the algorithm.
fn fields(message: &[u8], algorithm: Algorithm) -> usize {
    message.len() - 16 - algorithm.mac_len()
}

const BOTH: [Algorithm; 2] = [Algorithm::HmacSha256, Algorithm::HmacSha512];

#[test]
fn a_request_that_another_implementation_signed_is_good_within_its_time() {
    for algorithm in BOTH {
        let request = vector(algorithm, "query");
        for (now, wanted) in [
            (SIGNED_AT, None),
            (SIGNED_AT + 300, None),
            (SIGNED_AT - 300, None),
            (SIGNED_AT + 301, Some(TsigError::BadTime)),
            (SIGNED_AT - 301, Some(TsigError::BadTime)),
            (SIGNED_AT + (1 << 32), Some(TsigError::BadTime)),
        ] {
            assert_eq!(judged(&request, &keys(algorithm), now), Ok(wanted), "{algorithm} {now}");
        }
        let read = SignedRequest::read(&request, &keys(algorithm), SIGNED_AT);
        let message = read.expect("well formed").expect("signed").message;
        // The OPT record is the last one then.
        assert_eq!(message[10..12], [0, 1]);
        assert!(message.ends_with(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]), "{message:x?}");
    }
}

#[test]
fn no_octet_of_a_signed_request_can_be_changed() {
    for algorithm in BOTH {
        let request = vector(algorithm, "query");
        let keys = keys(algorithm);
        for at in 0..request.len() {
            for bit in 0..8 {
                let mut changed = request.clone();
                changed[at] ^= 1 << bit;
                let is_good = matches!(judged_if_signed(&changed, &keys), Some(Ok(None)));
                // A forwarder may change the ID, and names are signed in lower case, that of the key here by
                // way of the question's. The question itself is signed as it is.
                let name = fields(&request, algorithm) - 10 - 13 - 11..fields(&request, algorithm);
                let is_case = bit == 5 && name.contains(&at) && request[at].is_ascii_alphabetic();
                assert_eq!(is_good, at < 2 || is_case, "{algorithm} octet {at} bit {bit}");
            }
        }
    }
}

fn judged_if_signed(
    request: &[u8],
    keys: &TsigKeys,
) -> Option<Result<Option<TsigError>, MalformedTsig>> {
    match SignedRequest::read(request, keys, SIGNED_AT) {
        Ok(None) => None,
        Ok(Some(read)) => Some(Ok(read.judgement.err().map(|refusal| refusal.error))),
        Err(malformed) => Some(Err(malformed)),
    }
}

#[test]
fn the_key_is_found_by_name_and_algorithm() {
    let request = vector(Algorithm::HmacSha256, "query");
    let table = [
        (keys(Algorithm::HmacSha256), None),
        (keys(Algorithm::HmacSha512), Some(TsigError::BadKey)),
        (TsigKeys::default(), Some(TsigError::BadKey)),
        (
            TsigKeys::new(vec![key("transfer2.tf.local", Algorithm::HmacSha256)]),
            Some(TsigError::BadKey),
        ),
        (
            TsigKeys::new(vec![TsigKey::new(
                "transfer.tf.local".parse().expect("a name"),
                Algorithm::HmacSha256,
                b"another secret",
            )]),
            Some(TsigError::BadSig),
        ),
    ];
    for (keys, wanted) in table {
        assert_eq!(judged(&request, &keys, SIGNED_AT), Ok(wanted), "{keys:?}");
    }
}

#[test]
fn a_mac_may_be_truncated_to_half_and_no_further() {
    for algorithm in BOTH {
        let request = vector(algorithm, "query");
        let whole = algorithm.mac_len();
        let mac_at = fields(&request, algorithm) + 10;
        for length in 0..=whole + 1 {
            let mut mac = request[mac_at..mac_at + whole].to_vec();
            mac.resize(length, 0);
            let rest = &request[mac_at + whole..];
            let mut changed = [&request[..mac_at], &mac, rest].concat();
            let data = u16::try_from(13 + 16 + length).expect("short").to_be_bytes();
            changed[mac_at - 10 - 13 - 2..mac_at - 10 - 13].copy_from_slice(&data);
            changed[mac_at - 1] = u8::try_from(length).expect("short");
            let wanted =
                if (whole / 2..=whole).contains(&length) { Ok(None) } else { Err(MalformedTsig) };
            assert_eq!(judged(&changed, &keys(algorithm), SIGNED_AT), wanted, "{length}");
            if wanted == Ok(None) {
                changed[mac_at + length - 1] ^= 1;
                let judged = judged(&changed, &keys(algorithm), SIGNED_AT);
                assert_eq!(judged, Ok(Some(TsigError::BadSig)), "{length}");
            }
        }
    }
}

#[test]
fn a_record_is_the_last_one_and_the_only_one() {
    let request = vector(Algorithm::HmacSha256, "query");
    let keys = keys(Algorithm::HmacSha256);
    let tsig_at = fields(&request, Algorithm::HmacSha256) - 10 - 13 - 11;
    let (before, tsig) = request.split_at(tsig_at);
    let (question, opt) = before.split_at(before.len() - 11);
    let with_count = |additional: u8, parts: &[&[u8]]| {
        let mut message = parts.concat();
        message[11] = additional;
        message
    };
    let in_answer = {
        let mut message = [question, tsig].concat();
        message[7] = 1;
        message[11] = 0;
        message
    };
    let table = [
        ("in its place", with_count(2, &[question, opt, tsig]), Ok(Some(TsigError::BadSig))),
        ("twice", with_count(3, &[question, opt, tsig, tsig]), Err(MalformedTsig)),
        ("before OPT", with_count(2, &[question, tsig, opt]), Err(MalformedTsig)),
        ("an answer", in_answer, Err(MalformedTsig)),
        ("octets left over", with_count(2, &[question, opt, tsig, &[0]]), Err(MalformedTsig)),
        ("cut off", with_count(2, &[question, opt, &tsig[..tsig.len() - 1]]), Err(MalformedTsig)),
    ];
    for (what, mut message, wanted) in table {
        // Another ID in the question, so that the place alone decides.
        message[14] ^= 1;
        assert_eq!(judged(&message, &keys, SIGNED_AT), wanted, "{what}");
    }
    // The class is ANY, the TTL is 0.
    for at in [tsig_at + 11 + 3, tsig_at + 11 + 7] {
        let mut message = request.clone();
        message[at] ^= 1;
        assert_eq!(judged(&message, &keys, SIGNED_AT), Err(MalformedTsig), "{at}");
    }
    // A name that points at itself, or ahead.
    for target in [tsig_at + 9, tsig_at + 20] {
        let mut message = request.clone();
        message[tsig_at + 10] = u8::try_from(target).expect("near");
        assert_eq!(judged(&message, &keys, SIGNED_AT), Err(MalformedTsig), "{target}");
    }
}

#[test]
fn replies_are_signed_as_another_implementation_signs_them() {
    for algorithm in BOTH {
        let read = SignedRequest::read(&vector(algorithm, "query"), &keys(algorithm), SIGNED_AT);
        let mut signer = read.expect("well formed").expect("signed").judgement.expect("good");
        // What that signed, without its record, signed here: but for the key's name, which is compressed there.
        for stream in [&["reply"][..], &["stream0", "stream1"]] {
            let mut signer = signer.clone();
            for word in stream {
                let theirs = vector(algorithm, word);
                let mut ours = bare(&theirs);
                let before = ours.len();
                signer.sign(&mut ours, SIGNED_AT);
                assert_eq!(ours.len() - before, signer.room());
                let tail = fields(&theirs, algorithm)..;
                let own_tail = fields(&ours, algorithm)..;
                assert_eq!(ours[own_tail], theirs[tail], "{algorithm} {word}");
                assert_eq!(ours[11], theirs[11]);
            }
        }
        signer.sign(&mut bare(&vector(algorithm, "reply")), SIGNED_AT);
    }
}

/// A message without its last record, whose owner is compressed.
fn bare(message: &[u8]) -> Vec<u8> {
    record::TsigRecord::split(message).expect("well formed").expect("signed").0
}

#[test]
fn a_client_judges_each_message_of_a_stream() {
    for algorithm in BOTH {
        let key = Arc::new(key("transfer.tf.local", algorithm));
        let request = bare(&vector(algorithm, "query"));
        let verifier = || sign_request(&key, &mut request.clone(), SIGNED_AT);
        let [first, second, unsigned, last] =
            ["stream0", "stream1", "stream2", "stream3"].map(|word| vector(algorithm, word));
        let mut whole = verifier();
        assert!(!whole.is_settled());
        for (message, is_settled) in
            [(&first, true), (&second, true), (&unsigned, false), (&last, true)]
        {
            let read = whole.verify(message, SIGNED_AT).expect("good");
            assert_eq!((whole.is_settled(), read.len() < message.len()), (is_settled, is_settled));
        }
        // In another order, with one left out or one changed, it is another stream.
        let table: [(&[&Vec<u8>], ReplyFault); 4] = [
            (&[&second], ReplyFault::WrongMac),
            (&[&unsigned], ReplyFault::Unsigned),
            (&[&first, &last], ReplyFault::WrongMac),
            (&[&first, &second, &last], ReplyFault::WrongMac),
        ];
        for (stream, fault) in table {
            let mut verifier = verifier();
            let mut results = stream.iter().map(|message| verifier.verify(message, SIGNED_AT));
            assert_eq!(results.next_back().map(|it| it.map(|_| ())), Some(Err(fault)));
        }
        let reply = vector(algorithm, "reply");
        assert!(verifier().verify(&reply, SIGNED_AT).is_ok());
        assert_eq!(verifier().verify(&reply, SIGNED_AT + 301), Err(ReplyFault::WrongTime));
        let mut other = self::key("transfer.tf.local", algorithm);
        other.name = "other".parse().expect("a name");
        let mut verifier = sign_request(&Arc::new(other), &mut request.clone(), SIGNED_AT);
        assert_eq!(verifier.verify(&reply, SIGNED_AT), Err(ReplyFault::OtherKey));
        for other in BOTH.into_iter().filter(|other| *other != algorithm) {
            let key = Arc::new(self::key("transfer.tf.local", other));
            let mut verifier = sign_request(&key, &mut request.clone(), SIGNED_AT);
            assert_eq!(verifier.verify(&reply, SIGNED_AT), Err(ReplyFault::OtherKey), "{other}");
        }
    }
}

#[test]
fn a_stream_may_have_99_messages_in_a_row_that_are_not_signed() {
    let key = Arc::new(key("k", Algorithm::HmacSha256));
    let mut request = b"\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec();
    let mut verifier = sign_request(&key, &mut request, SIGNED_AT);
    let keys = TsigKeys::new(vec![self::key("k", Algorithm::HmacSha256)]);
    let read = SignedRequest::read(&request, &keys, SIGNED_AT).expect("well formed");
    let mut signer = read.expect("signed").judgement.expect("good");
    let bare = b"\x00\x01\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00".to_vec();
    let mut first = bare.clone();
    signer.sign(&mut first, SIGNED_AT);
    assert!(verifier.verify(&first, SIGNED_AT).is_ok());
    for number in 1..=100 {
        let result = verifier.verify(&bare, SIGNED_AT);
        assert_eq!(result.is_ok(), number < 100, "{number}");
    }
}
