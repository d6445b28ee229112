use super::*;
use crate::cluster::{Keyspace, Pattern};
use secondary::SILENT;

/// A NOTIFY for the zone.
const MESSAGE: &[u8] =
    b"\x12\x34\x24\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02tf\x05local\x00\x00\x06\x00\x01";

fn reply(rcode: u8) -> Vec<u8> {
    let mut reply = MESSAGE.to_vec();
    (reply[2], reply[3]) = (0xa4, rcode);
    reply
}

fn names() -> Vec<String> {
    vec!["tf.local.".to_owned()]
}

fn address(number: usize) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 53))
}

fn at(seconds: u64, start: Instant) -> At {
    At { now: start + Duration::from_secs(seconds), unix_time: 1_795_539_600 + seconds }
}

/// One that transferred the zone, or was given, and was told of a change so often.
fn told(origin: Origin, times: u32, start: Instant) -> Secondary {
    let mut server = Secondary::new(address(1), origin, None, 1);
    server.transfers(0, start);
    server.change(start);
    for number in 0..times {
        server.tell(0, MESSAGE.to_vec(), None, at(number.into(), start));
    }
    server
}

#[test]
fn the_one_that_transferred_longest_ago_gives_way() {
    let start = Instant::now();
    let given = SocketAddr::from(([10, 9, 9, 9], 53));
    let targets = NotifyTargets { also: vec![given], delay: Duration::from_millis(200) };
    let mut secondaries = Secondaries::open(&targets, None, &[], names());
    for number in 0..MOST_TRANSFERRED + 100 {
        secondaries.note(address(number), 0, None, start);
        // One comes again and again.
        secondaries.note(address(0), 0, None, start);
    }
    let known = |wanted| secondaries.servers.iter().any(|server| server.address == wanted);
    assert_eq!(secondaries.servers.len(), MOST_TRANSFERRED + 1);
    assert!(known(given) && known(address(0)) && known(address(MOST_TRANSFERRED + 99)));
    assert!(!known(address(1)) && !known(address(100)));
}

#[test]
fn who_never_answers_is_forgotten_unless_it_was_given() {
    let start = Instant::now();
    for (origin, times, is_over) in [
        (Origin::Transferred, SILENT - 1, false),
        (Origin::Transferred, SILENT, true),
        (Origin::Given, SILENT + 9, false),
    ] {
        assert_eq!(told(origin, times, start).is_over(), is_over, "{origin:?} {times}");
    }
    // Who answers begins anew.
    let mut server = told(Origin::Transferred, SILENT - 1, start);
    server.hear(&reply(0), &names(), at(9, start));
    server.tell(0, MESSAGE.to_vec(), None, at(10, start));
    assert!(!server.is_over());
}

#[test]
fn who_was_away_and_transfers_the_zone_is_told_at_once_again() {
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    let targets = NotifyTargets { also: Vec::new(), delay: Duration::from_millis(200) };
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a pattern");
    let directory = Directory::new(Keyspace::new(pattern, 9).into());
    for (origin, transfers) in [
        (Origin::Given, true),
        (Origin::Given, false),
        (Origin::Transferred, true),
        (Origin::Transferred, false),
    ] {
        let mut secondaries = Secondaries::open(&targets, None, &[], names());
        secondaries.servers = vec![told(origin, SILENT - 1, start)];
        secondaries.servers[0].change(start + second * 6);
        if transfers {
            let client = address(1).ip();
            secondaries.note_transfer(client, 0, None, &directory, start + second * 7);
        }
        let next = |it: &Secondaries| it.servers[0].next().map(|(at, _)| at);
        let wanted = if transfers { 7 } else { 20 };
        assert_eq!(next(&secondaries), Some(start + second * wanted), "{origin:?}");
        // Nor does the next change wait.
        secondaries.servers[0].change(start + second * 8);
        let wanted = if transfers { 8 } else { 20 };
        assert_eq!(next(&secondaries), Some(start + second * wanted), "{origin:?}");
    }
}

#[test]
fn who_does_not_want_to_be_told_is_not_told_on_unless_it_was_given() {
    let start = Instant::now();
    for (origin, rcode, is_over) in
        [(Origin::Transferred, 5, true), (Origin::Transferred, 0, false), (Origin::Given, 5, false)]
    {
        let mut server = told(origin, 1, start);
        server.hear(&reply(rcode), &names(), at(1, start));
        assert_eq!(server.is_over(), is_over, "{origin:?} {rcode}");
        server.change(start);
        assert_eq!(server.next().is_none(), is_over, "{origin:?} {rcode}");
    }
}
