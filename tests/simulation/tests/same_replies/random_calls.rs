//! Random calls, as a seed has them, to etcd and to the model.

use simulation::model::{Outcome, Reply, Request};

use super::caller::Caller;
use super::pair::{Pair, PairWatch};

/// The number of calls for each seed, unless `SAME_REPLIES_CALLS` says another.
const CALLS: usize = 800;

fn call_count() -> usize {
    let given = std::env::var("SAME_REPLIES_CALLS");
    given.map_or(CALLS, |count| count.parse().expect("SAME_REPLIES_CALLS is a number"))
}

/// The most watches that are open at a time.
const MOST_WATCHES: usize = 3;

fn random_calls(seed: u64) {
    let mut pair = Pair::start(1, seed);
    let mut caller = Caller::new(seed);
    let mut watches: Vec<PairWatch> = Vec::new();
    let (mut refused, mut followed) = (0, 0);
    let calls = call_count();
    for call in 0..calls {
        let request = caller.request(&pair.model);
        match pair.ask(0, &request) {
            Outcome::Error(..) => refused += 1,
            Outcome::Reply(Reply::Granted(id, ..)) => caller.leases.push(id),
            _ => {}
        }
        if call % 20 == 0 {
            if watches.len() == MOST_WATCHES {
                watches.remove(0);
            }
            let now = pair.model.revision();
            watches.extend(pair.watch(0, &caller.watch_ranges(now)));
        }
        watches.retain_mut(|watch| {
            followed += 1;
            pair.follow(watch)
        });
        if call % 100 == 0 {
            pair.ask(0, &Request::Status);
            assert!(watches.iter_mut().all(|watch| pair.is_quiet(watch)), "etcd says more");
        }
    }
    println!(
        "seed {seed}: {calls} calls, {refused} of them refused, watches looked at {followed} times, \
         revision {}",
        pair.model.revision()
    );
    // Else it would be a test of little.
    assert!(refused > calls / 50 && refused < calls / 3, "{refused} refused");
}

#[test]
fn random_calls_are_answered_the_same_seed_1() {
    random_calls(1);
}

#[test]
fn random_calls_are_answered_the_same_seed_2() {
    random_calls(2);
}
