use idetcd::etcd::{Compare, Equal, EventKind, LeaseId, Op, Order, Range, Txn};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn put(key: &str, lease: LeaseId) -> Request {
    let (key, value) = (key.into(), b"x".to_vec());
    Request::Txn(Txn { success: vec![Op::Put { key, value, lease }], ..Txn::default() })
}

fn read(key: &str) -> Request {
    Request::Range(Range::new(key, None))
}

fn all() -> WatchRange {
    WatchRange {
        key: b"a".into(),
        range_end: b"z".into(),
        start_revision: 0,
        deletions_only: false,
    }
}

fn granted(model: &mut Model, member: usize, now: Time, seconds: u64) -> LeaseId {
    match model.call(member, now, &Request::LeaseGrant(SECOND * seconds as u32)) {
        Outcome::Reply(Reply::Granted(id, ..)) => id,
        other => panic!("{other:?}"),
    }
}

fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Reply(_))
}

fn pending(outcome: Outcome) -> CallId {
    match outcome {
        Outcome::Pending(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Goes on in time until calls are answered, and returns when and how.
fn answers<const N: usize>(model: &mut Model, calls: [CallId; N]) -> [(Time, Outcome); N] {
    let mut seen = std::collections::BTreeMap::new();
    loop {
        seen.extend(
            model.take_answers().into_iter().map(|(id, outcome)| (id, (model.now, outcome))),
        );
        if calls.iter().all(|call| seen.contains_key(call)) {
            return calls.map(|call| seen[&call].clone());
        }
        let next = model.next_event().expect("something happens");
        model.advance(next);
    }
}

fn answer(model: &mut Model, call: CallId) -> (Time, Outcome) {
    let [answer] = answers(model, [call]);
    answer
}

fn refusal(outcome: &Outcome) -> (i64, &str) {
    match outcome {
        Outcome::Error(ErrorKind::Rejected(code), text) => (*code, text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lease_ends_within_half_a_second_with_all_its_keys_at_one_revision() {
    let mut model = Model::new(3, 1);
    let lease = granted(&mut model, 0, Time::ZERO, 1);
    for key in ["b", "a", "c"] {
        assert!(is_done(&model.call(1, Time::ZERO, &put(key, lease))));
    }
    let watch = model.watch(2, Time::ZERO, &[all()]).expect("a watch");
    assert_eq!(model.take_ready(), []);
    // etcd gives two seconds at least.
    let at = model.next_event().expect("the end");
    assert!((SECOND * 2..SECOND * 5 / 2).contains(&at), "{at:?}");
    model.advance(at);
    assert_eq!(model.take_ready(), [watch]);
    let WatchOutput::Reply(reply) = model.next_reply(watch, at) else { panic!("no reply") };
    let seen: Vec<_> =
        reply.events.iter().map(|e| (e.kind, &e.kv.key[..], e.kv.mod_revision)).collect();
    let deleted = |key| (EventKind::Delete, key, 5);
    assert_eq!(seen, [deleted(&b"a"[..]), deleted(&b"b"[..]), deleted(&b"c"[..])]);
    assert_eq!(model.next_reply(watch, at), WatchOutput::Nothing);
    assert_eq!(model.next_event(), None, "an idle cluster costs nothing");
}

#[test]
fn a_dead_leader_is_replaced_and_leases_begin_anew() {
    let mut model = Model::new(3, 7);
    let lease = granted(&mut model, 0, Time::ZERO, 10);
    let leader = model.leader().expect("a leader");
    let (other, term) = ((leader + 1) % 3, model.raft_term());
    model.kill(leader, 5 * SECOND);
    let refused = model.call(leader, 5 * SECOND, &read("a"));
    assert!(matches!(refused, Outcome::Error(ErrorKind::Unreachable, _)));
    let read = pending(model.call(other, 5 * SECOND, &read("a")));
    let kept = pending(model.call(other, 5 * SECOND, &Request::LeaseKeepAlive(lease)));
    let [(at, outcome), kept] = answers(&mut model, [read, kept]);
    assert_eq!(refusal(&outcome), (14, "etcdserver: leader changed"));
    assert!((6 * SECOND..8 * SECOND).contains(&at), "{at:?}");
    // The member read the request in the term before.
    let left = LeaseLeft { left: 10 * SECOND, raft_term: term };
    assert_eq!(kept, (at, Outcome::Reply(Reply::KeptAlive(Some(left)))));
    assert!(model.raft_term() > term);
    model.start(leader, at);
    assert!(is_done(&model.call(leader, at, &put("a", lease))));
}

#[test]
fn without_a_quorum_members_refuse_after_seven_seconds_and_still_watch() {
    let mut model = Model::new(3, 3);
    assert!(is_done(&model.call(0, Time::ZERO, &put("a", LeaseId(0)))));
    let leader = model.leader().expect("a leader");
    model.kill(leader, SECOND);
    model.kill((leader + 1) % 3, SECOND);
    let left = (leader + 2) % 3;
    let unheard = pending(model.call(left, SECOND, &put("b", LeaseId(0))));
    let now = 4 * SECOND;
    let alone = pending(model.call(left, now, &put("c", LeaseId(0))));
    let read = pending(model.call(left, now, &read("a")));
    let lease = pending(model.call(left, now, &Request::LeaseKeepAlive(LeaseId(7))));
    let range = WatchRange { start_revision: 1, ..all() };
    let watch = model.watch(left, now, &[range]).expect("a watch");
    let timed_out = (14, "etcdserver: request timed out");
    assert_eq!(refusal(&answer(&mut model, unheard).1), timed_out);
    assert!(matches!(model.next_reply(watch, 8 * SECOND), WatchOutput::Reply(_)));
    let [(at, alone), read, lease] = answers(&mut model, [alone, read, lease]);
    assert_eq!((at, refusal(&alone)), (now + 7 * SECOND, (2, "context deadline exceeded")));
    assert_eq!(refusal(&read.1), timed_out);
    assert_eq!(refusal(&lease.1), (14, "etcdserver: no leader"));
    let Outcome::Reply(Reply::Status(status)) = model.call(left, at, &Request::Status) else {
        panic!("no status")
    };
    assert_eq!((status.leader, status.errors.len()), (0, 1));
}

#[test]
fn a_frozen_leader_that_wakes_may_keep_a_lease_alive_that_is_gone() {
    let mut kept = 0;
    for seed in 0..40 {
        let mut model = Model::new(3, seed);
        let leader = model.leader().expect("a leader");
        let lease = granted(&mut model, leader, Time::ZERO, 60);
        model.freeze(leader, SECOND);
        model.advance(5 * SECOND);
        assert!(model.leader().is_some_and(|new| new != leader));
        assert!(model.revoke(lease, 5 * SECOND));
        let call = pending(model.call(leader, 6 * SECOND, &Request::LeaseKeepAlive(lease)));
        model.thaw(leader, 7 * SECOND);
        let (at, outcome) = answer(&mut model, call);
        assert_eq!(at, 7 * SECOND);
        let Outcome::Reply(Reply::KeptAlive(Some(lease))) = outcome else { continue };
        assert!(lease.left == 60 * SECOND && lease.raft_term < model.raft_term());
        kept += 1;
    }
    assert!((10..30).contains(&kept), "{kept}");
}

#[test]
fn a_leader_that_was_frozen_for_a_moment_goes_on() {
    let mut model = Model::new(3, 4);
    let (leader, term) = (model.leader().expect("a leader"), model.raft_term());
    let lease = granted(&mut model, 0, Time::ZERO, 20);
    model.freeze(leader, SECOND);
    let call = pending(model.call(leader, SECOND, &put("a", lease)));
    model.thaw(leader, SECOND * 3 / 2);
    assert!(is_done(&answer(&mut model, call).1));
    assert_eq!((model.leader(), model.raft_term()), (Some(leader), term));
    let deadline = model.lease(lease).expect("the lease").deadline;
    assert_eq!(deadline, Some(20 * SECOND));
}

#[test]
fn a_member_that_is_cut_off_tells_nothing_new_and_makes_the_leader_step_down_when_it_is_back() {
    let mut model = Model::new(3, 5);
    let leader = model.leader().expect("a leader");
    let away = (leader + 1) % 3;
    let watch = model.watch(away, Time::ZERO, &[all()]).expect("a watch");
    model.cut_off(&[away], SECOND);
    for at in 1..10 {
        assert!(is_done(&model.call(leader, at * SECOND, &put("a", LeaseId(0)))));
    }
    assert_eq!(model.next_reply(watch, 9 * SECOND), WatchOutput::Nothing);
    assert_eq!(model.take_ready(), []);
    let term = model.raft_term();
    model.heal(10 * SECOND);
    assert_eq!(model.leader(), None);
    model.advance(13 * SECOND);
    assert!(model.leader().is_some() && model.raft_term() > term + 1);
    assert_eq!(model.take_ready(), [watch]);
    for revision in 2..11 {
        let WatchOutput::Reply(reply) = model.next_reply(watch, 13 * SECOND) else {
            panic!("none")
        };
        assert_eq!(reply.header.revision, revision);
    }
}

#[test]
fn a_member_that_lags_answers_and_tells_late() {
    let mut model = Model::new(3, 6);
    let late = (model.leader().expect("a leader") + 1) % 3;
    let watch = model.watch(late, Time::ZERO, &[all()]).expect("a watch");
    model.lag(late, 3 * SECOND, SECOND);
    let call = pending(model.call(late, SECOND, &put("a", LeaseId(0))));
    assert!(model.get(b"a").is_some(), "it was carried out");
    assert_eq!(model.next_reply(watch, SECOND), WatchOutput::Nothing);
    let (at, outcome) = answer(&mut model, call);
    assert!(is_done(&outcome) && at == 4 * SECOND);
    assert!(matches!(model.next_reply(watch, at), WatchOutput::Reply(_)));
    let read = pending({
        model.call(late, 5 * SECOND, &put("b", LeaseId(0)));
        model.call(late, 6 * SECOND, &read("a"))
    });
    model.lag(late, Duration::ZERO, 7 * SECOND);
    assert_eq!(answer(&mut model, read).0, 7 * SECOND);
}

#[test]
fn calls_that_were_given_up_are_not_answered_but_may_be_carried_out() {
    let mut carried_out = 0;
    for seed in 0..40 {
        let mut model = Model::new(1, seed);
        model.freeze(0, SECOND);
        let call = pending(model.call(0, SECOND, &put("a", LeaseId(0))));
        model.give_up(call);
        model.thaw(0, 30 * SECOND);
        assert_eq!(model.take_answers(), []);
        carried_out += usize::from(model.get(b"a").is_some());
    }
    assert!((10..30).contains(&carried_out), "{carried_out}");
}

#[test]
fn a_restored_backup_takes_revisions_back() {
    let mut model = Model::new(3, 8);
    let lease = granted(&mut model, 0, Time::ZERO, 20);
    assert!(is_done(&model.call(0, Time::ZERO, &put("a", lease))));
    let snapshot = model.snapshot();
    assert!(is_done(&model.call(0, Time::ZERO, &put("b", lease))));
    let watch = model.watch(0, Time::ZERO, &[all()]).expect("a watch");
    let (cluster, index) = (model.cluster_id(), model.raft_index());
    model.restore(&snapshot, true, SECOND);
    assert!(matches!(model.next_reply(watch, SECOND), WatchOutput::Ended(_)));
    model.advance(4 * SECOND);
    assert!(is_done(&model.call(1, 4 * SECOND, &read("a"))));
    assert_eq!((model.revision(), model.get(b"b")), (2, None));
    assert!(model.cluster_id() == cluster && model.raft_index() < index);
    assert!(model.lease(lease).is_some_and(|lease| lease.deadline > Some(21 * SECOND)));
    model.restore(&snapshot, false, 5 * SECOND);
    assert_ne!(model.cluster_id(), cluster);
}

#[test]
fn the_past_is_read_as_it_was() {
    let mut random = Random::from_seed(9);
    let mut draw = |below: u64| random.draw() % below;
    let mut model = Model::new(1, 9);
    let mut past: Vec<Vec<(Vec<u8>, i64)>> = vec![Vec::new(), Vec::new()];
    let mut now = std::collections::BTreeMap::new();
    for _ in 0..3000 {
        let key = format!("k{:03}", draw(300)).into_bytes();
        if draw(3) == 0 {
            model.delete(&key, Time::ZERO);
            now.remove(&key);
        } else {
            model.put(&key, b"x", LeaseId(0), Time::ZERO);
            now.insert(key, model.revision());
        }
        let revision = usize::try_from(model.revision()).expect("positive");
        past.resize_with(revision + 1, Vec::new);
        past[revision] = now.iter().map(|(key, at)| (key.clone(), *at)).collect();
    }
    for _ in 0..2000 {
        let revision = 1 + draw(past.len() as u64 - 1);
        let first = format!("k{:03}", draw(300)).into_bytes();
        let limit = draw(20);
        let range = Range {
            revision: revision.cast_signed(),
            limit: limit.cast_signed(),
            order: if draw(2) == 0 { Order::Key } else { Order::NewestFirst },
            ..Range::new(first.clone(), Some(b"l".to_vec()))
        };
        let Outcome::Reply(Reply::Range(reply)) =
            model.call(0, Time::ZERO, &Request::Range(range.clone()))
        else {
            panic!("no reply")
        };
        let mut wanted = past[revision as usize].clone();
        wanted.retain(|(key, _)| *key >= first);
        assert_eq!(reply.count, wanted.len(), "{range:?}");
        if range.order == Order::NewestFirst {
            wanted.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        }
        wanted.truncate(if limit == 0 { usize::MAX } else { limit as usize });
        let read: Vec<_> = reply.kvs.into_iter().map(|kv| (kv.key, kv.mod_revision)).collect();
        assert_eq!(read, wanted, "{range:?}");
    }
}

#[test]
fn two_that_claim_one_name_are_told_who_has_it() {
    let mut model = Model::new(3, 10);
    let claim = |value: &str| {
        let (key, value, lease) = (b"n".to_vec(), value.into(), LeaseId(0));
        let compare = vec![Compare { key: key.clone(), to: Equal::CreateRevision(0) }];
        let failure = vec![Op::Range(Range::new(key.clone(), None))];
        Request::Txn(Txn { compare, success: vec![Op::Put { key, value, lease }], failure })
    };
    let mut call = |member, value| match model.call(member, Time::ZERO, &claim(value)) {
        Outcome::Reply(Reply::Txn(reply)) => reply,
        other => panic!("{other:?}"),
    };
    assert!(call(0, "one").succeeded);
    let second = call(1, "two");
    assert!(!second.succeeded);
    assert_eq!(second.ranges[0].kvs[0].value, b"one");
}

#[test]
fn who_watches_a_key_is_told_once_until_it_looks() {
    let mut model = Model::new(3, 12);
    let now = Time::ZERO;
    let watch = |model: &mut Model, now, key: &str, end: &str| {
        let (key, range_end) = (key.into(), end.into());
        let range = WatchRange { key, range_end, start_revision: 0, deletions_only: false };
        model.watch(0, now, &[range.clone(), range]).expect("a watch")
    };
    let one = watch(&mut model, now, "a", "b");
    let other = watch(&mut model, now, "a", "b");
    let single = watch(&mut model, now, "a", "");
    let ready = |model: &mut Model, now, key: &str| {
        model.put(key.as_bytes(), b"x", LeaseId(0), now);
        model.take_ready()
    };
    assert_eq!(ready(&mut model, now, "a"), [single, one, other]);
    assert_eq!(ready(&mut model, now, "aa"), [one, other]);
    assert_eq!(ready(&mut model, now, "b"), []);
    model.put(b"a", b"x", LeaseId(0), now);
    model.put(b"a", b"y", LeaseId(0), now);
    assert_eq!(model.take_ready().len(), 3);
    model.kill(0, now);
    assert_eq!(model.take_ready(), [one, other, single]);
    model.start(0, now);
    let now = 5 * SECOND;
    model.advance(now);
    let third = watch(&mut model, now, "a", "b");
    // What is over is closed some time later, which is nothing to those that go on.
    model.close(one);
    model.close(single);
    assert_eq!(ready(&mut model, now, "a"), [third]);
    model.close(third);
    assert_eq!(ready(&mut model, now, "a"), []);
}
