//! Members that lead, that are gone, frozen, or alone.

use std::thread;
use std::time::{Duration, Instant};

use idetcd::etcd::{Error, LeaseId, Range};
use simulation::model::{CallId, Outcome, Reply, Request, Time};
use support::{PATIENCE, Signal, until};

use super::client::client;
use super::leases::put;
use super::pair::Pair;

const SECOND: Duration = Duration::from_secs(1);

/// A call that is made beside others: what etcd says, and when.
type Beside = thread::JoinHandle<(Duration, Result<(), Error>)>;

fn beside(pair: &Pair, member: usize, request: &Request) -> Beside {
    use idetcd::etcd::Etcd;
    let mut client = client(&pair.endpoint(member), None);
    let request = pair.translation.request(request);
    thread::spawn(move || {
        let began = Instant::now();
        let said = match &request {
            Request::Range(range) => client.range(range).map(drop),
            Request::Txn(txn) => client.txn(txn).map(drop),
            Request::LeaseGrant(ttl) => client.lease_grant(*ttl).map(drop),
            Request::LeaseKeepAlive(id) => client.lease_keep_alive(*id).map(drop),
            Request::LeaseTimeToLive(id) => client.lease_time_to_live(*id).map(drop),
            other => panic!("{other:?}"),
        };
        (began.elapsed(), said)
    })
}

/// Makes several calls at once to each of both, and compares what comes of them, and about when.
fn all_at_once(pair: &mut Pair, calls: &[(usize, Request)]) -> Vec<Result<(), String>> {
    let theirs: Vec<_> =
        calls.iter().map(|(member, request)| beside(pair, *member, request)).collect();
    let began = pair.now();
    let ours: Vec<_> =
        calls.iter().map(|(member, request)| pair.model.call(*member, began, request)).collect();
    let mut answered: Vec<(CallId, Time, Outcome)> = Vec::new();
    let pending = ours.iter().filter(|outcome| matches!(outcome, Outcome::Pending(_))).count();
    while answered.len() < pending {
        let now = pair.model.next_event().expect("something happens");
        pair.model.advance(now);
        let answers = pair.model.take_answers();
        answered.extend(answers.into_iter().map(|(id, outcome)| (id, now, outcome)));
    }
    let ours = ours.into_iter().map(|outcome| match outcome {
        Outcome::Pending(id) => {
            let (_, at, outcome) = answered.iter().find(|(other, ..)| *other == id).expect("it");
            (*at - began, outcome.clone())
        }
        outcome => (Time::ZERO, outcome),
    });
    let said = theirs.into_iter().zip(ours).zip(calls).map(|((theirs, ours), (member, request))| {
        let (their_time, theirs) = theirs.join().expect("the thread");
        let (our_time, ours) = ours;
        println!("{member} {request:?}: etcd after {their_time:?} {theirs:?}, the model after {our_time:?} {ours:?}");
        // An election takes a second, or two.
        assert!(their_time.abs_diff(our_time) < 5 * SECOND / 2, "{their_time:?} {our_time:?}");
        match (theirs, ours) {
            (Ok(()), Outcome::Reply(_)) => Ok(()),
            (Err(theirs), Outcome::Error(kind, text)) => {
                assert_eq!(theirs, Error::new(kind, &pair.endpoint(*member), &text), "{request:?}");
                Err(text)
            }
            (theirs, ours) => panic!("{request:?}: etcd says {theirs:?}, the model {ours:?}"),
        }
    });
    said.collect()
}

/// The model must not be ahead of etcd.
fn catch_up(pair: &Pair) {
    until(PATIENCE, "the model's time", || {
        let mut model = pair.model.clone();
        model.advance(pair.now());
        (model.next_event().is_none_or(|at| at > pair.now())).then_some(())
    });
}

fn read() -> Request {
    Request::Range(Range::new("a", None))
}

#[test]
fn leases_begin_anew_when_a_leader_dies() {
    let mut pair = Pair::start(3, 61);
    let leader = pair.model.leader().expect("a leader");
    let (one, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let (lease, other_lease) = (pair.grant(one, 20), pair.grant(one, 20));
    pair.ask(one, &put("a", lease));
    thread::sleep(4 * SECOND);
    pair.cluster.members[leader].kill();
    let now = pair.now();
    pair.model.kill(leader, now);
    // No connection.
    pair.ask_real(leader, &read()).expect_err("it is dead");
    let keep_alive = Request::LeaseKeepAlive(lease);
    let time_left = Request::LeaseTimeToLive(lease);
    let said =
        all_at_once(&mut pair, &[(one, read()), (other, keep_alive), (other, time_left.clone())]);
    assert_eq!(said, [Err("etcdserver: leader changed".to_owned()), Ok(()), Ok(())]);
    until(PATIENCE, "a leader", || pair.ask_real(one, &read()).ok());
    let now = pair.now();
    pair.model.advance(now);
    // There may have been more than one election.
    pair.note_log(one);
    pair.ask(one, &put("b", lease));
    pair.ask(other, &time_left);
    // Nobody kept this one alive, but its time began anew with the leader, and a second more.
    let theirs = pair.ask_real(other, &Request::LeaseTimeToLive(other_lease)).expect("a lease");
    let now = pair.now();
    let ours = pair.model.call(other, now, &Request::LeaseTimeToLive(other_lease));
    for said in [Outcome::Reply(theirs), ours] {
        let Outcome::Reply(Reply::TimeToLive(Some(lease))) = said else { panic!("{said:?}") };
        assert!((17 * SECOND..21 * SECOND).contains(&lease.left), "{lease:?}");
    }
    pair.cluster.members[leader].restart();
    let now = pair.now();
    pair.model.start(leader, now);
    pair.settle();
    for member in 0..3 {
        pair.ask(member, &Request::Range(Range::new("a", Some(b"z".to_vec()))));
        pair.ask(member, &Request::Status);
    }
}

#[test]
fn a_member_that_is_alone_refuses_after_seven_seconds() {
    let mut pair = Pair::start(3, 62);
    let leader = pair.model.leader().expect("a leader");
    let (gone, left) = ((leader + 1) % 3, (leader + 2) % 3);
    let lease = pair.grant(left, 100);
    pair.ask(left, &put("a", lease));
    for member in [leader, gone] {
        pair.cluster.members[member].kill();
        let now = pair.now();
        pair.model.kill(member, now);
    }
    thread::sleep(3 * SECOND);
    let said = all_at_once(
        &mut pair,
        &[
            (left, read()),
            (left, put("b", LeaseId(0))),
            (left, Request::LeaseGrant(20 * SECOND)),
            (left, Request::LeaseKeepAlive(lease)),
            (left, Request::LeaseTimeToLive(lease)),
        ],
    );
    let wanted = [
        "etcdserver: request timed out",
        "context deadline exceeded",
        "context deadline exceeded",
        "etcdserver: no leader",
        "etcdserver: no leader",
    ];
    assert_eq!(said, wanted.map(|text| Err(text.to_owned())));
    catch_up(&pair);
    let status = pair.real_status(left);
    assert_eq!((status.leader, status.errors), (0, vec!["etcdserver: no leader".to_owned()]));
    let mut watch = pair
        .watch(left, &[idetcd::etcd::WatchRange { start_revision: 1, ..super::leases::all() }])
        .expect("a watch");
    assert!(pair.follow(&mut watch));
    pair.ask(left, &Request::Status);
}

#[test]
fn what_a_frozen_leader_was_sent_is_lost_when_another_is_elected() {
    let mut pair = Pair::start(3, 63);
    let leader = pair.model.leader().expect("a leader");
    let (one, other) = ((leader + 1) % 3, (leader + 2) % 3);
    let lease = pair.grant(one, 100);
    pair.ask(one, &put("a", lease));
    pair.cluster.members[leader].signal(Signal::STOP);
    let now = pair.now();
    pair.model.freeze(leader, now);
    let said = all_at_once(
        &mut pair,
        &[(one, read()), (other, Request::LeaseKeepAlive(lease)), (other, read())],
    );
    let texts = ["leader changed", "request timed out", "leader changed"];
    assert_eq!(said, texts.map(|text| Err(format!("etcdserver: {text}"))));
    catch_up(&pair);
    for member in [one, other] {
        pair.ask(member, &put("b", lease));
        let kept = pair.ask(member, &Request::LeaseKeepAlive(lease));
        let Outcome::Reply(Reply::KeptAlive(Some(renewed))) = kept else { panic!("{kept:?}") };
        assert_eq!(renewed.left, 100 * SECOND);
    }
    pair.cluster.members[leader].signal(Signal::CONT);
    let now = pair.now();
    pair.model.thaw(leader, now);
    pair.settle();
    for member in 0..3 {
        pair.ask(member, &read());
        pair.ask(member, &Request::Status);
    }
}
