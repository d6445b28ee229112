use super::*;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// As openssl makes it: a time of each kind, and version 3.
const REAL: &str = "\
    MIIBbzCCARWgAwIBAgIUbj1YWVEQeszzbZLf42u+GTUpv78wCgYIKoZIzj0EAwIwDDEKMAgGA1UECgwBeDAgFw0yNj\
    ExMjcxMjMzNDNaGA8yMDgxMDgzMDEyMzM0M1owDDEKMAgGA1UECgwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\
    BLDD/hlXkcbOBtmCsibGjbCmkepd1QRwz1jYhiGIvF/HEEytperPCaQQjuMWzYW+FYJ4enzTR0Tx6qq/b/8YHAKjUz\
    BRMB0GA1UdDgQWBBSWd2uZyojRqV4trbO5Ad8N9YlzlzAfBgNVHSMEGDAWgBSWd2uZyojRqV4trbO5Ad8N9YlzlzAP\
    BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIHYxAngD5cevNR3srH22UJlBWDztced6UOa779TbH4RkAi\
    EAgJkeiX/0cvhFjxohlwb975db3T+Z3OMxhJp8lY594Dc=";

fn real() -> Vec<u8> {
    STANDARD.decode(REAL).expect("base64")
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short content").to_be_bytes();
    [&[tag, 0x82], &length[..], content].concat()
}

/// A certificate of version 1, or one with what stands before its serial number, that is valid between
/// these two, as far as is read.
fn certificate(version: &[u8], not_before: &[u8], not_after: &[u8]) -> Vec<u8> {
    let validity = element(SEQUENCE, &[not_before, not_after].concat());
    let empty = element(SEQUENCE, b"");
    let serial = element(INTEGER, b"\x07");
    let fields = [version, &serial, &empty, &empty, &validity, &empty].concat();
    element(SEQUENCE, &element(SEQUENCE, &fields))
}

fn validity(not_before: (u8, &str), not_after: (u8, &str)) -> Option<(u64, u64)> {
    let time = |(tag, text): (u8, &str)| element(tag, text.as_bytes());
    let certificate = certificate(b"", &time(not_before), &time(not_after));
    let found = Validity::of(&certificate)?;
    Some((found.not_before.as_secs(), found.not_after.as_secs()))
}

#[test]
fn a_real_certificate_is_read() {
    let wanted = Validity {
        not_before: Duration::from_secs(1_795_782_823),
        not_after: Duration::from_secs(3_523_782_823),
    };
    assert_eq!(Validity::of(&real()), Some(wanted));
}

#[test]
fn both_kinds_of_time_are_read_and_nothing_else() {
    let year_2049 = (UTC_TIME, "491231235959Z");
    let table = [
        ((UTC_TIME, "500101000000Z"), Some(0), "1950"),
        ((UTC_TIME, "700101000001Z"), Some(1), "1970"),
        ((GENERALIZED_TIME, "19700101000001Z"), Some(1), "1970"),
        ((UTC_TIME, "261124051034Z"), Some(1_795_497_034), "2026"),
        ((UTC_TIME, "261124051034"), None, "without its Z"),
        ((UTC_TIME, "2611240510Z"), None, "without seconds"),
        ((UTC_TIME, "261124051034.5Z"), None, "with a part of a second"),
        ((UTC_TIME, "26112405103+Z"), None, "with a sign"),
        ((UTC_TIME, "261324051034Z"), None, "of no month"),
        ((UTC_TIME, ""), None, "empty"),
        ((GENERALIZED_TIME, "261124051034Z"), None, "of the wrong kind"),
        ((GENERALIZED_TIME, "2"), None, "short"),
        ((INTEGER, "261124051034Z"), None, "no time"),
    ];
    for (time, wanted, what) in table {
        let wanted = wanted.map(|seconds| (seconds, 2_524_607_999));
        assert_eq!(validity(time, year_2049), wanted, "{what}");
    }
    let never = (GENERALIZED_TIME, "99991231235959Z");
    assert_eq!(validity(year_2049, never), Some((2_524_607_999, 253_402_300_799)));
    let (before, after) =
        (element(UTC_TIME, b"700101000001Z"), element(UTC_TIME, b"700101000002Z"));
    let version = element(EXPLICIT_VERSION, &element(INTEGER, b"\x02"));
    assert!(Validity::of(&certificate(&version, &before, &after)).is_some());
    assert!(Validity::of(&certificate(&before, &before, &after)).is_none());
}

#[test]
fn whatever_else_it_may_be_nothing_breaks() {
    let real = real();
    let whole = Validity::of(&real);
    for end in 0..real.len() {
        // The start is enough only where the lengths before it do not say that there is more.
        assert_eq!(Validity::of(&real[..end]), None, "cut off at {end}");
    }
    for at in 0..real.len() {
        for octet in [0x00, 0x01, 0x30, 0x7f, 0x80, 0x81, 0x84, 0x85, 0xff] {
            let mut changed = real.clone();
            changed[at] = octet;
            let _ = Validity::of(&changed);
        }
    }
    assert_eq!(Validity::of(&[&real[..], b"more"].concat()), whole);
    for octets in [&b""[..], b"\x30", b"\x30\x80", b"\x30\x84\xff\xff\xff\xff", b"\x30\x88\x01"] {
        assert_eq!(Validity::of(octets), None, "{octets:?}");
    }
}
