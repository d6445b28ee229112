//! What changed: the difference of two whole zones, whatever lay between.

use super::scene::ZONES;
use super::*;

type Records = BTreeSet<(String, u16, String)>;

/// What a query for changes is answered with.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// The client is up to date.
    Soa,
    /// The whole zone.
    Zone,
    /// What goes and what comes.
    Changes(Records, Records),
}

fn told(answers: &[(String, u16, String)], since: u32) -> Told {
    let is_soa = |record: &&(String, u16, String)| record.1 == rrtype::SOA;
    let (first, rest) = answers.split_first().expect("a SOA");
    assert_eq!(first.1, rrtype::SOA);
    if rest.is_empty() {
        return Told::Soa;
    }
    assert_eq!(rest.last(), Some(first));
    if !rest.first().is_some_and(|record| is_soa(&record)) {
        return Told::Zone;
    }
    assert_eq!(rest[0].2, since.to_string());
    let parts: Vec<_> = rest.split(|record| is_soa(&record)).collect();
    let [[], deleted, added, []] = parts[..] else { panic!("{answers:?}") };
    let set = |part: &[(String, u16, String)]| {
        let records: Records = part.iter().cloned().collect();
        assert_eq!(records.len(), part.len(), "each once");
        records
    };
    Told::Changes(set(deleted), set(added))
}

/// The records of a zone but for its SOA.
fn records(contents: &Contents) -> Records {
    let all = contents.iter().filter(|((_, rrtype), _)| *rrtype != rrtype::SOA);
    let record =
        |(owner, rrtype): &(String, u16), data: &String| (owner.clone(), *rrtype, data.clone());
    all.flat_map(|(key, data)| data.iter().map(move |data| record(key, data))).collect()
}

#[test]
fn changes_are_the_difference_of_two_zones_whatever_lay_between() {
    let (mut by_changes, mut by_zone) = (0, 0);
    for seed in 0..60 {
        let mut scene = Scene::new(seed);
        scene.pass(150);
        let mut earlier = Vec::new();
        for _ in 0..12 {
            let zones = ZONES.map(|name| zone(&scene.responder, &scene.directory, name));
            earlier.push((scene.directory.serial(), zones));
            let changes = 1 + scene.chance.below(12) as usize;
            scene.pass(changes);
            // Some that are ahead are not in it.
            let ahead: Vec<_> = (0..scene.chance.below(3)).map(|_| scene.change()).collect();
            ahead.iter().for_each(|change| scene.tell(change));
            for (index, name) in ZONES.iter().enumerate() {
                let now = zone(&scene.responder, &scene.directory, name);
                for (serial, zones) in &earlier {
                    let query = query_since(name, *serial);
                    let messages = messages(&scene.responder, &scene.directory, &query);
                    let (before, after) = (records(&zones[index]), records(&now));
                    match told(&all_answers(&messages), *serial) {
                        Told::Zone => by_zone += 1,
                        Told::Soa => panic!("{name} changed since {serial}"),
                        Told::Changes(deleted, added) => {
                            by_changes += 1;
                            let gone: Records = before.difference(&after).cloned().collect();
                            let new: Records = after.difference(&before).cloned().collect();
                            assert_eq!(
                                (deleted, added),
                                (gone, new),
                                "seed {seed}: {name} since {serial}"
                            );
                        }
                    }
                }
            }
            scene.directory.advance(scene.revision);
        }
    }
    println!("{by_changes} by changes, {by_zone} as a whole");
    assert!(by_changes > by_zone, "{by_changes} {by_zone}");
}

#[test]
fn who_is_up_to_date_or_ahead_gets_the_serial_and_who_is_too_far_behind_the_zone() {
    let mut scene = Scene::new(7);
    scene.pass(100);
    let serial = scene.directory.serial();
    let ask = |scene: &Scene, serial: u32| {
        let query = query_since("tf.local.", serial);
        told(&all_answers(&messages(&scene.responder, &scene.directory, &query)), serial)
    };
    assert_eq!(ask(&scene, serial), Told::Soa);
    assert_eq!(ask(&scene, serial.wrapping_add(5)), Told::Soa);
    assert_eq!(ask(&scene, serial.wrapping_add(1 << 30)), Told::Soa);
    assert_eq!(ask(&scene, serial.wrapping_sub(1 << 30)), Told::Zone);
    scene.directory.advance(scene.revision + 3);
    let nothing = Told::Changes(Records::new(), Records::new());
    assert_eq!(ask(&scene, serial), nothing, "other keys changed");
    // Read anew: what lay between is not known.
    let snapshot = scene.directory.emptied();
    scene.directory.replace(snapshot, scene.revision + 9);
    assert_eq!(ask(&scene, serial), Told::Zone);
}

#[test]
fn a_change_that_comes_after_its_time_is_told_to_all() {
    let mut scene = Scene::new(3);
    scene.pass(100);
    let late = loop {
        let (key, _) = scene.change();
        let names = &scene.directory.ranges()[0].names;
        if names.slot_of(&key).is_some() {
            break (key, scene.revision);
        }
    };
    scene.directory.advance(scene.revision + 5);
    let before = zone(&scene.responder, &scene.directory, "tf.local.");
    let serial = scene.directory.serial();
    scene.tell(&late);
    if zone(&scene.responder, &scene.directory, "tf.local.") == before {
        return;
    }
    for serial in [serial, serial - 5, serial - 20] {
        let query = query_since("tf.local.", serial);
        let messages = messages(&scene.responder, &scene.directory, &query);
        assert_eq!(told(&all_answers(&messages), serial), Told::Zone);
    }
}

#[test]
fn in_a_datagram_changes_are_told_where_they_fit_and_else_the_serial() {
    let mut scene = Scene::new(5);
    scene.pass(200);
    let (mut fitted, mut alone) = (0, 0);
    for _ in 0..60 {
        let serial = scene.directory.serial();
        let changes = 1 + scene.chance.below(8) as usize;
        scene.pass(changes);
        let query = query_since("tf.local.", serial);
        let asker = asker(Transport::Udp);
        let mut reply = Vec::new();
        let counters = Counters::default();
        let verdict =
            scene.responder.answer(&query, asker, &scene.directory, &counters, &mut reply);
        assert_eq!(verdict, Verdict::Transfer);
        let view = Views::default().current(&scene.directory).expect("a view");
        let transfer = scene.responder.transfer(&query, asker, &scene.directory, view);
        transfer.expect("a transfer").write_datagram(&scene.responder, 0, &mut reply);
        assert!(reply.len() <= 512 && reply[2] & 0x02 == 0, "{} octets", reply.len());
        let over_tcp = messages(&scene.responder, &scene.directory, &query);
        match told(&answers(&reply), serial) {
            Told::Soa => alone += 1,
            in_datagram => {
                fitted += 1;
                assert_eq!(in_datagram, told(&all_answers(&over_tcp), serial));
            }
        }
    }
    assert!(fitted > 5 && alone > 5, "{fitted} {alone}");
}
