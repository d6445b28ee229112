//! Replies of other servers, honest and not.

use super::super::Transport;
use super::*;

fn query(name: &str, additional: &[u8]) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(!additional.is_empty())];
    super::super::reply::push_name_by(&mut query, |text| text.extend_from_slice(name.as_bytes()));
    query.extend([0, 1, 0, 1]);
    query.extend(additional);
    query
}

fn reply_to(query: &[u8], id: u16, rcode: u8) -> Vec<u8> {
    let mut reply = with_id(query, id);
    reply[2] |= 0x80;
    reply[3] = rcode;
    reply
}

#[test]
fn only_a_reply_with_the_id_and_the_question_is_believed() {
    let asked = query("www.Example.com.", &[]);
    let good = reply_to(&asked, 7, 0);
    let edited = |at: usize, octet: u8| {
        let mut reply = good.clone();
        reply[at] = octet;
        reply
    };
    let bare = |rcode: u8| reply_to(&[0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], 7, rcode);
    let with_opt = |rcode: u8, after: &[u8]| {
        let mut reply = bare(rcode);
        reply[11] = 1;
        [&reply, after].concat()
    };
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let last = good.len() - 1;
    let table = [
        (good.clone(), ReplyClass::Reply, "as it is"),
        (
            reply_to(&query("WWW.example.com.", &[]), 7, 3),
            ReplyClass::Reply,
            "NXDOMAIN, other case",
        ),
        (reply_to(&asked, 7, 1), ReplyClass::Reply, "FORMERR"),
        (reply_to(&asked, 7, 2), ReplyClass::Refusal, "SERVFAIL"),
        (reply_to(&asked, 7, 4), ReplyClass::Refusal, "NOTIMP"),
        (reply_to(&asked, 7, 5), ReplyClass::Refusal, "REFUSED"),
        (bare(1), ReplyClass::Reply, "FORMERR without the question"),
        (bare(5), ReplyClass::Refusal, "REFUSED without the question"),
        (bare(0), ReplyClass::Stray, "NOERROR without the question"),
        (with_opt(1, &opt), ReplyClass::Reply, "FORMERR with OPT alone"),
        (with_opt(2, &opt), ReplyClass::Refusal, "SERVFAIL with OPT alone"),
        (with_opt(4, &opt), ReplyClass::Refusal, "NOTIMP with OPT alone"),
        (with_opt(5, &opt), ReplyClass::Refusal, "REFUSED with OPT alone"),
        (with_opt(0, &opt), ReplyClass::Stray, "NOERROR with OPT alone"),
        (with_opt(5, &opt[..10]), ReplyClass::Stray, "OPT cut off"),
        (with_opt(5, &[opt, opt].concat()), ReplyClass::Stray, "more than is counted"),
        (with_opt(5, &[0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]), ReplyClass::Stray, "another record"),
        ([bare(5), opt.to_vec()].concat(), ReplyClass::Stray, "less than is there counted"),
        (reply_to(&asked, 8, 0), ReplyClass::Stray, "another ID"),
        (with_id(&asked, 7), ReplyClass::Stray, "a query"),
        (edited(2, 0xa0), ReplyClass::Stray, "another opcode"),
        (edited(5, 0), ReplyClass::Stray, "no question counted"),
        (edited(5, 2), ReplyClass::Stray, "two questions counted"),
        (edited(13, b'x'), ReplyClass::Stray, "another name"),
        (edited(last - 2, 28), ReplyClass::Stray, "another type"),
        (edited(last, 3), ReplyClass::Stray, "another class"),
        (good[..last].to_vec(), ReplyClass::Stray, "cut off"),
        (good[..11].to_vec(), ReplyClass::Stray, "less than a header"),
        (Vec::new(), ReplyClass::Stray, "nothing"),
    ];
    for (message, worth, what) in table {
        assert_eq!(classify(&message, &with_id(&asked, 7)), worth, "{what}");
    }
}

#[test]
fn the_client_gets_its_id_its_spelling_and_no_more_than_it_takes() {
    let opt = |payload: u16| {
        let [high, low] = payload.to_be_bytes();
        [0, 0, 41, high, low, 0, 0, 0, 0, 0, 0]
    };
    let answered = |asked: &[u8], length: usize, transport| {
        let mut reply = reply_to(&query("www.example.com.", &[]), 7, 0);
        reply[7] = 1;
        reply.resize(length, 0);
        hand_on(&mut reply, asked, transport, 0);
        reply
    };
    let plain = query("wWw.example.com.", &[]);
    let reply = answered(&plain, 512, Transport::Udp);
    assert_eq!((&reply[..2], &reply[12..33]), (&plain[..2], &plain[12..33]));
    assert_eq!((reply.len(), reply[2] & 0x02), (512, 0));
    let table: [(Vec<u8>, usize, Transport, bool); 6] = [
        (plain.clone(), 513, Transport::Udp, true),
        (plain, 4000, Transport::Tcp, false),
        (query("wWw.example.com.", &opt(100)), 512, Transport::Udp, false),
        (query("wWw.example.com.", &opt(4096)), 4096, Transport::Udp, false),
        (query("wWw.example.com.", &opt(4096)), 4097, Transport::Udp, true),
        (query("wWw.example.com.", &opt(1000)), 1001, Transport::Udp, true),
    ];
    for (asked, length, transport, is_cut) in table {
        let reply = answered(&asked, length, transport);
        let wanted = if is_cut { 33 } else { length };
        assert_eq!((reply.len(), reply[2] & 0x02 != 0), (wanted, is_cut), "{length} {transport:?}");
        assert_eq!(reply[6..8] == [0, 0], is_cut);
    }
}

#[test]
fn an_error_without_the_question_is_handed_on_as_it_is() {
    let asked = query("www.example.com.", &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let opt = [0, 0, 41, 2, 0, 0, 0, 0, 0, 0, 12, 0, 15, 0, 8, 0, 23, b'r', b'e', b's', b't', 0, 0];
    let said = [&[0, 7, 0x81, 0x85, 0, 0, 0, 0, 0, 0, 0, 1], &opt[..]].concat();
    let mut reply = said.clone();
    hand_on(&mut reply, &asked, Transport::Udp, 0);
    assert_eq!((&reply[..2], &reply[2..]), (&asked[..2], &said[2..]));
}

#[test]
fn a_probe_for_loops_is_known_again_whatever_its_case() {
    for zone in [".", "corp.example."] {
        let probe = loop_probe(0xdead_beef, zone).expect("a query");
        assert_eq!(loop_token(&probe), Some(0xdead_beef), "{zone}");
        assert_eq!(loop_token(&probe.to_ascii_uppercase()), Some(0xdead_beef), "{zone}");
        let question = Question::read(&probe).expect("a question").name();
        assert!(question.as_bytes().ends_with(zone.as_bytes()), "{zone}");
    }
    assert!(loop_probe(1, &"a23456789.".repeat(24)).is_err());
    let probe = loop_probe(0xdead_beef, ".").expect("a query");
    for name in ["loop.idetcd.", "x.loop.idetcd.", "+0000000deadbeef.loop.idetcd.", "a.example."] {
        assert_eq!(loop_token(&query(name, &[])), None, "{name}");
    }
    assert_eq!(loop_token(&probe[..20]), None);
    // Header, two labels of the zone and one of the token, the root, type and class.
    assert_eq!(probe.len(), 12 + 5 + 7 + 17 + 1 + 4);
    assert_eq!(probe[..12], [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(probe[probe.len() - 4..], [0, 16, 0, 1]);
}

#[test]
fn a_reply_that_is_cut_short_says_so() {
    let mut reply = reply_to(&query("www.example.com.", &[]), 7, 0);
    assert!(!is_truncated(&reply));
    reply[2] |= 0x02;
    assert!(is_truncated(&reply) && !is_truncated(&reply[..3]));
}
