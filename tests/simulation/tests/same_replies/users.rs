//! Users, and those that etcd does not know.

use idetcd::etcd::{Compare, Equal, LeaseId, Op, Range, Txn, WatchRange};
use simulation::model::{Outcome, Reply, Request, User};

use super::client::client;
use super::leases::put;
use super::pair::Pair;

const NAME: &str = "node";
const PASSWORD: &str = "secret";

fn read(key: &str, end: Option<&str>) -> Request {
    Request::Range(Range::new(key, end.map(Into::into)))
}

fn requests(own: LeaseId, other: LeaseId) -> Vec<Request> {
    let condition = |key: &str| Compare { key: key.into(), to: Equal::CreateRevision(0) };
    let delete = |key: &str| Op::Delete(key.into());
    let txn = |compare, success, failure| Request::Txn(Txn { compare, success, failure });
    let look = |key: &str| Op::Range(Range::new(key, None));
    vec![
        read("w", None),
        read("w", Some("x")),
        read("w1", Some("w2")),
        read("v", None),
        read("w", Some("xa")),
        read("w", Some("\0")),
        put("w1", own),
        put("w2", other),
        put("v1", own),
        txn(vec![condition("v")], vec![look("w")], vec![]),
        txn(vec![condition("w")], vec![look("w")], vec![delete("v")]),
        txn(vec![], vec![look("w")], vec![]),
        txn(vec![], vec![delete("w1")], vec![]),
        txn(vec![], vec![], vec![]),
        Request::LeaseKeepAlive(other),
        Request::LeaseTimeToLive(other),
        Request::Status,
        Request::LeaseGrant(std::time::Duration::from_secs(50)),
        // The keys that hang on it are in the way.
        Request::LeaseRevoke(other),
        Request::LeaseRevoke(own),
        Request::LeaseRevoke(LeaseId(77)),
    ]
}

#[test]
fn users_may_do_what_they_may() {
    let mut pair = Pair::start(1, 31);
    let (own, other) = (pair.grant(0, 100), pair.grant(0, 100));
    pair.ask(0, &put("v", other));
    pair.cluster.members[0].require_users(NAME, PASSWORD, "w");
    let now = pair.now();
    let user = |name: &str, password: &str, prefix: &[u8]| User {
        name: name.to_owned(),
        password: password.to_owned(),
        prefix: prefix.to_vec(),
    };
    pair.model.set_users(&[user(NAME, PASSWORD, b"w"), user("root", "toor", b"")], now);
    pair.settle();
    let login = |name: &str, password: &str| Request::Authenticate {
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let mut refused = Vec::new();
    for user in [None, Some((NAME, PASSWORD))] {
        pair.log_in(user);
        let token = user.map(|(name, password)| {
            let now = pair.now();
            match pair.model.call(0, now, &login(name, password)) {
                Outcome::Reply(Reply::Token(token)) => token,
                other => panic!("{other:?}"),
            }
        });
        for request in requests(own, other) {
            let theirs = pair.ask_real(0, &request);
            let now = pair.now();
            let ours = pair.model.call_as(0, now, token.as_deref(), &request);
            pair.compare(0, &request, theirs, &ours);
            refused.push(matches!(ours, Outcome::Error(..)));
        }
        for (key, end) in [("w", "x"), ("v", "w")] {
            let (key, range_end) = (key.into(), end.into());
            let range = WatchRange { key, range_end, start_revision: 0, deletions_only: false };
            let mut client = client(&pair.endpoint(0), user);
            let theirs = idetcd::etcd::Etcd::watch(&mut client, std::slice::from_ref(&range));
            let now = pair.now();
            let watch = Request::Watch(vec![range]);
            match (theirs, pair.model.call_as(0, now, token.as_deref(), &watch)) {
                (Ok(_), Outcome::Reply(_)) => refused.push(false),
                (Err(error), Outcome::Error(kind, text)) => {
                    let endpoint = pair.endpoint(0);
                    assert_eq!(error, idetcd::etcd::Error::new(kind, &endpoint, &text));
                    refused.push(true);
                }
                (theirs, ours) => panic!("{:?}, {ours:?}", theirs.map(|_| ())),
            }
        }
    }
    let count = |refused: &[bool]| refused.iter().filter(|refused| **refused).count();
    let (stranger, known) = refused.split_at(refused.len() / 2);
    assert_eq!((count(stranger), count(known)), (17, 11), "{refused:?}");
    // As etcd says it to a stranger, and to one with a token from before its last start.
    for wrong in [("nobody", PASSWORD), (NAME, "wrong")] {
        let error = client(&pair.endpoint(0), Some(wrong)).log_in().expect_err("no login");
        let now = pair.now();
        let Outcome::Error(kind, text) = pair.model.call(0, now, &login(wrong.0, wrong.1)) else {
            panic!("it logs in")
        };
        assert_eq!(error, idetcd::etcd::Error::new(kind, &pair.endpoint(0), &text));
    }
}
