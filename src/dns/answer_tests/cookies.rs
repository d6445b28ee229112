//! DNS cookies (RFC 7873, RFC 9018), as a server answers that requires none.

use super::*;

const NOW: u32 = 1_795_539_600;

/// One server, so that it knows its own cookies.
struct Server {
    responder: Responder,
    directory: Directory,
}

impl Server {
    fn new() -> Server {
        let directory = cluster();
        let responder = Responder::new(directory.keyspace(), TTL).expect("zones");
        Server { responder, directory }
    }

    /// The response code and the cookie that is answered to a query with this one.
    fn ask(&self, query: &[u8], now: u32) -> (u8, Vec<u8>) {
        let asker = Asker::new([192, 0, 2, 1].into(), Transport::Udp, now.into());
        let mut reply = Vec::new();
        let (directory, counters) = (&self.directory, Counters::default());
        let verdict = self.responder.answer(query, asker, directory, &counters, &mut reply);
        let cookies = options_of(&reply).into_iter().filter(|(code, _)| *code == option::COOKIE);
        let cookies: Vec<_> = cookies.map(|(_, data)| data).collect();
        assert!(cookies.len() <= 1, "{cookies:?}");
        (verdict.rcode().expect("a reply").value(), cookies.concat())
    }
}

fn with_cookie(name: &str, cookie: &[u8]) -> Vec<u8> {
    with_option(name, option::COOKIE, cookie)
}

/// RFC 7873 §5.4: a query for nothing but a cookie.
fn cookie_alone(cookie: &[u8]) -> Vec<u8> {
    let mut query = vec![0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    query.extend(opt(512, 0, 0, &[(option::COOKIE, cookie)]));
    query
}

/// RFC 7873 §5.2: whatever cookie is cookie, the query is answered, with a new cookie.
#[test]
fn a_query_with_any_cookie_is_answered_with_a_new_one() {
    let server = Server::new();
    let client = [7; 8];
    let (_, good) = server.ask(&with_cookie("worker1.tf.local.", &client), NOW);
    let of_another = [&[8; 8][..], &good[8..]].concat();
    for (name, rcode) in [("worker1.tf.local.", 0), ("worker3.tf.local.", 3), ("example.com.", 5)] {
        for cookie in [&client[..], &[7; 16], &[7; 24], &[7; 40], &good, &of_another] {
            let (answered, cookie) = server.ask(&with_cookie(name, cookie), NOW + 9);
            assert_eq!(answered, rcode, "{name} {cookie:?}");
            assert_eq!((cookie.len(), &cookie[..8]), (24, &cookie[..8]), "{name} {cookie:?}");
            // RFC 9018 §4.1 to §4.3: version, reserved, time.
            let head = [&[1, 0, 0, 0][..], &(NOW + 9).to_be_bytes()].concat();
            assert_eq!(cookie[8..16], head, "{name} {cookie:?}");
        }
    }
    let (_, same) = server.ask(&with_cookie("worker1.tf.local.", &client), NOW);
    assert_eq!(same, good, "the hash is over client, time and secret alone");
}

/// RFC 7873 §5.2: of several cookies the first one counts.
#[test]
fn the_first_of_several_cookies_counts() {
    let options: [(u16, &[u8]); 3] =
        [(option::COOKIE, &[1; 8]), (option::COOKIE, &[2; 8]), (option::COOKIE, &[3; 3])];
    let query = query(0, "worker1.tf.local.", 1, 1, &[&opt(512, 0, 0, &options)]);
    let (rcode, cookie) = Server::new().ask(&query, NOW);
    assert_eq!((rcode, &cookie[..8]), (0, &[1; 8][..]));
}

/// RFC 7873 §5.2.2: a cookie of another length than 8, or 16 to 40, is malformed.
#[test]
fn a_cookie_of_a_wrong_length_is_malformed() {
    let server = Server::new();
    for length in (0..60).filter(|length| !matches!(length, 8 | 16..=40)) {
        for query in
            [with_cookie("worker1.tf.local.", &vec![7; length]), cookie_alone(&vec![7; length])]
        {
            assert_eq!(server.ask(&query, NOW), (1, Vec::new()), "{length}");
        }
    }
}

/// RFC 7873 §5.4: without a question, the response code says whether the cookie is good.
#[test]
fn without_a_question_the_cookie_itself_is_answered() {
    let server = Server::new();
    let client = [7; 8];
    let (rcode, good) = server.ask(&cookie_alone(&client), NOW);
    assert_eq!((rcode, good.len()), (0, 24));
    let changed = |at: usize| {
        let mut cookie = good.clone();
        cookie[at] ^= 1;
        cookie
    };
    // RFC 9018 §4.3: good for an hour, and five minutes ahead.
    for (cookie, now, rcode) in [
        (good.clone(), NOW, 0),
        (good.clone(), NOW + 3600, 0),
        (good.clone(), NOW + 3601, 23),
        (good.clone(), NOW - 300, 0),
        (good.clone(), NOW - 301, 23),
        (changed(0), NOW, 23),
        (changed(8), NOW, 23),
        (changed(11), NOW, 23),
        (changed(15), NOW, 23),
        (changed(23), NOW, 23),
        ([7; 16].to_vec(), NOW, 23),
        ([7; 40].to_vec(), NOW, 23),
        (good[..23].to_vec(), NOW, 23),
    ] {
        let (answered, cookie) = server.ask(&cookie_alone(&cookie), now);
        assert_eq!(answered, rcode, "{cookie:?} at {now}");
        assert_eq!((cookie.len(), &cookie[..8]), (24, &cookie[..8]), "{cookie:?} at {now}");
    }
    // Serial arithmetic (RFC 1982): it holds across the turn of the 32 bits.
    let (_, last) = server.ask(&cookie_alone(&client), u32::MAX);
    assert_eq!(server.ask(&cookie_alone(&last), 3599).0, 0);
    assert_eq!(server.ask(&cookie_alone(&last), 3600).0, 23);
}

#[test]
fn whoever_is_not_allowed_gets_no_cookie_confirmed() {
    let server = Server::new();
    let nobody = "10.0.0.0/8".parse().expect("a network");
    let server = Server { responder: server.responder.with_allowed(vec![nobody]), ..server };
    assert_eq!(server.ask(&cookie_alone(&[7; 8]), NOW).0, 5);
}
