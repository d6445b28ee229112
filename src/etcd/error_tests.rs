use super::*;

#[test]
fn a_peer_cannot_forge_log_lines() {
    let error = Error::malformed("http://e", &format!(" a\x1b[1m{}\nb", "x".repeat(9999)));
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.len() < 400, "{text}");
    assert!(text.contains("a\\u{1b}[1mx"), "{text}");
    let error = Error::new(ErrorKind::NotJson(400), "http://e", "\r\nno\r\n\r\nidetcd: forged\n");
    assert_eq!(error.to_string(), "http://e replied HTTP status 400 and no JSON: no");
    let empty = Error::new(ErrorKind::NotJson(404), "http://e", "\n");
    assert_eq!(empty.to_string(), "http://e replied HTTP status 404 and no more");
}

#[test]
fn kinds() {
    let rejected = |code| Error::new(ErrorKind::Rejected(code), "", "");
    assert!(rejected(14).is_unavailable() && !rejected(5).is_unavailable());
    assert!(rejected(5).is_not_found() && !rejected(7).is_not_found());
    assert!(rejected(7).is_denied() && !rejected(16).is_denied());
    assert!(rejected(16).is_unauthenticated() && !rejected(7).is_unauthenticated());
    assert!(rejected(11).is_out_of_range() && rejected(11).is_like(&rejected(11)));
    let ttl = Error::new(ErrorKind::Rejected(11), "", "etcdserver: too large lease TTL");
    assert!(!ttl.is_out_of_range(), "no revision is meant");
    let says = |message| Error::new(ErrorKind::Rejected(3), "", message);
    assert!(says("etcdserver: user name is empty").is_unauthenticated());
    let wrong_password = says("authentication failed, invalid user ID or password");
    assert!(wrong_password.is_denied() && !wrong_password.is_permission_denied());
    assert!(rejected(7).is_permission_denied());
    assert!(!says("x").is_like(&says("y")));
    let lost = |endpoint| Error::new(ErrorKind::Unreachable, endpoint, "refused");
    assert!(lost("a").is_like(&lost("b")) && !lost("a").is_like(&rejected(14)));
    for kind in [ErrorKind::CutOff, ErrorKind::Untrusted, ErrorKind::WithoutTls] {
        assert!(Error::new(kind, "a", "x").is_unavailable());
    }
    assert!(Error::new(ErrorKind::Compacted(3), "", "").is_compacted());
}

#[test]
fn a_member_that_speaks_of_itself_is_left_for_another_one() {
    let is_left = |(code, message): &(i64, &str)| {
        Error::new(ErrorKind::Rejected(*code), "", message).is_unavailable()
    };
    let of_itself = [
        (1, "context canceled"),
        (2, "context deadline exceeded"),
        (2, "not a primary lessor"),
        (2, "something new"),
        (4, "context deadline exceeded"),
        (8, "etcdserver: too many requests"),
        (9, "etcdserver: not leader"),
        (9, "etcdserver: rpc not supported for learner"),
        (13, "transport is closing"),
        (14, "etcdserver: no leader"),
        (14, "etcdserver: request timed out"),
        (14, "etcdserver: not capable"),
        (14, "etcdserver: server stopped"),
        (15, "etcdserver: corrupt cluster"),
    ];
    let of_the_call = [
        (3, "etcdserver: user name is empty"),
        (3, "etcdserver: request is too large"),
        (5, "etcdserver: requested lease not found"),
        (7, "etcdserver: permission denied"),
        (8, "etcdserver: mvcc: database space exceeded"),
        (9, "etcdserver: authentication is not enabled"),
        (11, "etcdserver: mvcc: required revision has been compacted"),
        (12, "unknown method Status"),
        (16, "etcdserver: invalid auth token"),
        (2, "auth: invalid auth token"),
        (2, "etcdserver: authentication failed, invalid user ID or password"),
        (2, "auth: revision in header is old"),
        (2, "authentication is not enabled"),
    ];
    for told in &of_itself {
        assert!(is_left(told), "{told:?}");
    }
    for told in &of_the_call {
        assert!(!is_left(told), "{told:?}");
    }
    let like = |one: (i64, &str), two: (i64, &str)| {
        let error = |(code, message)| Error::new(ErrorKind::Rejected(code), "", message);
        error(one).is_like(&error(two))
    };
    assert!(like(of_itself[1], of_itself[9]) && !like(of_itself[1], of_the_call[0]));
}

#[test]
fn what_refuses_does_so_for_good() {
    let kind = |kind| Error::new(kind, "", "");
    for refused in [ErrorKind::Rejected(7), ErrorKind::NotJson(404), ErrorKind::Malformed] {
        assert!(kind(refused).is_refusal(), "{refused:?}");
    }
    for passing in
        [ErrorKind::TooLarge, ErrorKind::Rejected(14), ErrorKind::TimedOut, ErrorKind::Unreachable]
    {
        assert!(!kind(passing).is_refusal(), "{passing:?}");
    }
}
