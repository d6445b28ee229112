use super::*;

#[test]
fn a_peer_cannot_forge_log_lines() {
    let error = Error::malformed("http://e", &format!(" a\x1b[1m{}\nb", "x".repeat(9999)));
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.len() < 400, "{text}");
    assert!(text.contains("a\\u{1b}[1mx"), "{text}");
    let error = Error::not_json("http://e", 400, "\r\nno\r\n\r\nidetcd: forged\n");
    assert_eq!(error.to_string(), "http://e replied HTTP status 400 and no JSON: no");
    let empty = Error::not_json("http://e", 404, "\n");
    assert_eq!(empty.to_string(), "http://e replied HTTP status 404 and no more");
}

#[test]
fn kinds() {
    let rejected = |code| Error::Rejected { endpoint: String::new(), code, message: String::new() };
    assert!(rejected(14).is_unavailable() && !rejected(5).is_unavailable());
    assert!(rejected(5).is_not_found() && !rejected(7).is_not_found());
    assert!(rejected(7).is_denied() && !rejected(16).is_denied());
    assert!(rejected(16).is_unauthenticated() && !rejected(7).is_unauthenticated());
    assert!(rejected(11).is_out_of_range() && rejected(11).is_like(&rejected(11)));
    let ttl = Error::Rejected {
        endpoint: String::new(),
        code: 11,
        message: "etcdserver: too large lease TTL".to_owned(),
    };
    assert!(!ttl.is_out_of_range(), "no revision is meant");
    let says = |message: &str| Error::Rejected {
        endpoint: String::new(),
        code: 3,
        message: message.to_owned(),
    };
    assert!(says("etcdserver: user name is empty").is_unauthenticated());
    assert!(says("authentication failed, invalid user ID or password").is_denied());
    assert!(!says("x").is_like(&says("y")));
    let lost = |endpoint| Error::unreachable(endpoint, "refused");
    assert!(lost("a").is_like(&lost("b")) && !lost("a").is_like(&rejected(14)));
    assert!(Error::cut_off("a", "x").is_unavailable());
    assert!(Error::untrusted("a", "x").is_unavailable());
    assert!(Error::without_tls("a", "x").is_unavailable());
    assert!(Error::Compacted { compact_revision: 3 }.is_compacted());
}
