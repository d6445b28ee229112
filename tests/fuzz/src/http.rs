//! Requests by HTTP, one after the other as a client sends them: what is one does not depend on how it
//! arrives, and nothing but a path comes of it.

use idetcd::server::http::request::{Head, HttpRequest, LONGEST_HEAD, head};

/// The most requests that are read of one input, and the most places at which the head of each is cut.
const MOST_REQUESTS: usize = 8;
const MOST_CUTS: usize = 16;

/// Octets of a connection.
pub fn run(data: &[u8]) {
    let mut rest = data;
    for _ in 0..MOST_REQUESTS {
        let Head::Whole(request, length) = check(rest) else { break };
        assert_eq!(
            head(&rest[..length]),
            Head::Whole(request, length),
            "what follows is not of it"
        );
        let step = length.div_ceil(MOST_CUTS);
        for end in (0..length).step_by(step) {
            assert_eq!(head(&rest[..end]), Head::Partial, "{:?}", &rest[..end]);
        }
        rest = &rest[length..];
    }
}

fn check(octets: &[u8]) -> Head {
    let found = head(octets);
    match &found {
        Head::Partial => assert!(octets.len() < LONGEST_HEAD, "it waits for more for ever"),
        Head::Whole(HttpRequest { path, .. }, length) => {
            assert!((1..=LONGEST_HEAD.min(octets.len())).contains(length), "{length}");
            assert!(path.starts_with('/') && !path.contains(['?', ' ', '\r', '\n']), "{path:?}");
        }
        Head::Wrong(status) => {
            assert!([400, 405, 431, 505].contains(status), "{status}");
            let more = [octets, b"\r\n\r\n"].concat();
            assert!(matches!(head(&more), Head::Wrong(_)), "it is wrong whatever follows");
        }
    }
    found
}
