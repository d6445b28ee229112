use super::*;
use crate::cluster::SlotId;

fn servers(count: u8) -> Vec<TableServer> {
    (1..=count)
        .filter_map(|number| {
            let address = SocketAddr::from(([10, 0, 0, number], 53));
            Some(TableServer { slot: SlotId::new(number.into())?, address })
        })
        .collect()
}

#[test]
fn the_next_one_is_tried_and_who_failed_comes_back_later() {
    let (servers, start) = (servers(3), Instant::now());
    let mut candidates = Candidates::default();
    candidates.set(&servers);
    assert_eq!(candidates.best(None, start), Some(servers[0]));
    candidates.fail(servers[0], false, start, 0);
    assert_eq!(candidates.best(None, start), Some(servers[1]));
    candidates.fail(servers[1], false, start, 0);
    candidates.fail(servers[2], false, start, 0);
    assert_eq!(candidates.best(None, start), None);
    assert_eq!(candidates.ready_at(None, start), Some(start + FIRST_PAUSE));
    assert_eq!(candidates.best(None, start + FIRST_PAUSE), Some(servers[0]));
    candidates.succeed(servers[2], start, 0);
    assert_eq!(candidates.best(None, start), Some(servers[2]));
    assert_eq!(candidates.ready_at(None, start), Some(start), "at once");
}

#[test]
fn one_that_has_no_table_yet_is_asked_again_before_long_and_the_one_in_use_is_as_good_as_new() {
    let (servers, start) = (servers(2), Instant::now());
    let mut candidates = Candidates::default();
    candidates.set(&servers);
    for _ in 0..20 {
        candidates.fail(servers[0], true, start, 0);
        candidates.fail(servers[1], false, start, 0);
    }
    let soon = start + LONGEST_HOPEFUL_PAUSE;
    assert_eq!(candidates.ready_at(Some(servers[1]), start), Some(soon));
    assert_eq!(candidates.ready_at(Some(servers[0]), start), Some(start + LONGEST_PAUSE));
    candidates.calm(servers[1]);
    assert_eq!(candidates.ready_at(Some(servers[0]), start), Some(start));
    assert_eq!([0, 1].map(|at: usize| candidates.failures(servers[at])), [20, 0]);
    // Named again, they may be asked at once.
    candidates.fail(servers[0], true, start, 0);
    assert!(candidates.are_left_alone_until(start + FIRST_STEP));
    assert!(!candidates.are_left_alone_until(start + FIRST_STEP + Duration::from_millis(1)));
    candidates.forgive();
    assert_eq!(candidates.best(Some(servers[1]), start), Some(servers[0]));
}

#[test]
fn who_is_followed_out_of_step_is_not_asked_once_more() {
    let (servers, start) = (servers(2), Instant::now());
    let mut candidates = Candidates::default();
    candidates.set(&servers);
    candidates.fail(servers[1], false, start, 0);
    candidates.fail(servers[1], false, start, 0);
    assert_eq!(candidates.best(None, start), Some(servers[0]));
    let in_use = Some(servers[0]);
    assert_eq!(candidates.best(in_use, start), None, "whatever the other one is");
    assert_eq!(candidates.ready_at(in_use, start), Some(start + 2 * FIRST_PAUSE));
    assert_eq!(candidates.best(in_use, start + 2 * FIRST_PAUSE), Some(servers[1]));
    candidates.set(&servers[..1]);
    assert_eq!(candidates.ready_at(in_use, start), None);
}

/// The pauses after so many failures in a row, in milliseconds.
fn pauses(candidates: &mut Candidates, server: TableServer, count: usize, draw: u64) -> Vec<u128> {
    let start = Instant::now();
    let mut pause = || {
        candidates.fail(server, false, start, draw);
        (candidates.ready_at(None, start).expect("a time") - start).as_millis()
    };
    (0..count).map(|_| pause()).collect()
}

#[test]
fn who_fails_is_left_alone_twice_as_long_each_time_until_it_has_a_table() {
    let server = servers(1)[0];
    let mut candidates = Candidates::default();
    candidates.set(&[server]);
    let shortest: Vec<u128> = (0..11).map(|power| 250 << power).chain([300_000; 4]).collect();
    assert_eq!(pauses(&mut candidates, server, 15, 0), shortest);
    candidates.forgive();
    assert_eq!(pauses(&mut candidates, server, 1, 0), [300_000], "it may be asked, that is all");
    candidates.set(&[server]);
    assert_eq!(pauses(&mut candidates, server, 1, 0), [300_000], "named again");
    candidates.succeed(server, Instant::now(), 0);
    // By chance up to twice as long.
    let longest: Vec<u128> = shortest.iter().map(|pause| pause * 2 - 1).collect();
    for (found, longest) in pauses(&mut candidates, server, 15, u64::MAX).iter().zip(longest) {
        assert!((longest - longest / 1000..=longest).contains(found), "{found} {longest}");
    }
    candidates.succeed(server, Instant::now(), 0);
    let middle = pauses(&mut candidates, server, 3, 1 << 63);
    assert_eq!(middle, [375, 750, 1500]);
    candidates.set(&[]);
    candidates.set(&[server]);
    assert_eq!(pauses(&mut candidates, server, 1, 0), [250], "nothing is known of it");
}

#[test]
fn who_is_silent_for_long_does_not_keep_the_others_from_being_asked() {
    let (servers, start) = (servers(3), Instant::now());
    let mut candidates = Candidates::default();
    candidates.set(&servers);
    candidates.fail(servers[0], false, start, 0);
    candidates.fail(servers[1], false, start, 0);
    // Each of them took longer than the other's pause, or all were forgiven.
    assert_eq!(candidates.best(None, start + LONGEST_PAUSE), Some(servers[2]));
    candidates.forgive();
    assert_eq!(candidates.best(None, start), Some(servers[2]));
    candidates.fail(servers[2], false, start, 0);
    candidates.forgive();
    assert_eq!(candidates.best(None, start + FIRST_STEP), Some(servers[0]));
}

#[test]
fn three_that_are_away_are_tried_at_once_and_then_one_after_the_other() {
    let (servers, start) = (servers(20), Instant::now());
    // Those that have no table yet speak for the others.
    let table = [
        (false, &[0_u128, 1, 2, 52, 152, 352, 752, 1552, 2552, 3552][..], 4552),
        (true, &[0, 50, 150, 350, 750, 1550, 3150][..], 5150),
    ];
    let mut candidates = Candidates::default();
    let mut now = start;
    for (is_hopeful, wanted, next) in table {
        candidates = Candidates::default();
        candidates.set(&servers);
        now = start;
        let mut tried = Vec::new();
        while now < start + Duration::from_secs(4) {
            if let Some(server) = candidates.best(None, now) {
                tried.push((now - start).as_millis());
                candidates.fail(server, is_hopeful, now, 0);
            }
            now += Duration::from_millis(1);
        }
        assert_eq!(tried, wanted, "{is_hopeful}");
        let ready_at = candidates.ready_at(None, now);
        assert_eq!(ready_at, Some(start + Duration::from_millis(next)));
    }
    // One that is used already is looked at all the same, and after a success all is as at first.
    assert_eq!(candidates.better(servers[11], now), Some(servers[7]));
    candidates.succeed(servers[0], now, 0);
    assert!(candidates.best(None, now).is_some());
}

#[test]
fn it_is_hopeless_once_all_failed_for_good() {
    let (servers, start) = (servers(2), Instant::now());
    let mut candidates = Candidates::default();
    candidates.set(&servers);
    candidates.fail(servers[0], false, start, 0);
    assert!(!candidates.is_hopeless(), "the other one may be there");
    candidates.fail(servers[1], false, start, 0);
    assert!(candidates.is_hopeless());
    candidates.fail(servers[1], true, start, 0);
    assert!(!candidates.is_hopeless() && candidates.is_hopeful());
    assert_eq!([candidates.failures(servers[0]), candidates.failures(servers[1])], [1, 2]);
}

#[test]
fn only_one_before_the_current_one_is_better() {
    let (servers, start) = (servers(3), Instant::now());
    let mut candidates = Candidates::default();
    candidates.set(&servers);
    assert_eq!(candidates.better(servers[1], start), Some(servers[0]));
    assert_eq!(candidates.better(servers[0], start), None);
    candidates.succeed(servers[1], start, u64::MAX);
    let look_at = candidates.look_at().expect("a time");
    assert!((LOOK_FOR_BETTER..=2 * LOOK_FOR_BETTER).contains(&(look_at - start)));
    candidates.fail(servers[0], false, start, 0);
    assert_eq!(candidates.better(servers[1], start), None);

    candidates.forgive();
    assert_eq!(candidates.better(servers[1], start), Some(servers[0]));
    candidates.fail(servers[0], false, start, 0);

    // Who is named again is known as before.
    candidates.set(&servers[..2]);
    assert_eq!(candidates.best(None, start), Some(servers[1]));
    assert!(candidates.has(servers[1]) && !candidates.has(servers[2]));
    candidates.set(&[]);
    assert!(candidates.is_empty() && candidates.ready_at(None, start).is_none());
}

#[test]
fn another_than_an_old_one_is_asked_after_a_while_whatever_its_place() {
    let (servers, start) = (servers(3), Instant::now());
    let mut candidates = Candidates::default();
    candidates.set(&servers);
    candidates.succeed(servers[0], start, 0);
    assert_eq!(candidates.other(servers[0], start), None, "it was just taken");
    let mut now = start + KEPT_FOR;
    assert_eq!(candidates.other(servers[0], now), Some(servers[1]));
    candidates.fail(servers[1], true, now, 0);
    assert_eq!(candidates.other(servers[0], now), None, "it is no further, more likely than not");
    now += FIRST_STEP;
    assert_eq!(candidates.other(servers[0], now), Some(servers[2]));
    candidates.fail(servers[2], true, now, 0);
    now += FIRST_PAUSE - FIRST_STEP - Duration::from_millis(1);
    assert_eq!(candidates.other(servers[0], now), None, "both were asked just now");
    assert_eq!(candidates.other(servers[0], now + FIRST_STEP), Some(servers[1]));
    candidates.calm(servers[0]);
    now += Duration::from_millis(1);
    assert_eq!(candidates.other(servers[0], now), Some(servers[1]), "at once");
}
