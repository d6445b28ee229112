use std::cmp::Ordering;

use super::*;
use crate::cluster::compare_serials;
use crate::cluster::{Applied, Entry, Keyspace, Pattern, SnapshotBuilder, fingerprint};

const BASE_KEY: &[u8] = b"worker:serial.tf.local.";

fn empty() -> Directory {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 9).expect("a good pattern");
    Directory::new(Keyspace::new(pattern, 9).into())
}

fn entry<'a>(value: Option<&'a [u8]>, mod_revision: i64) -> Entry<'a> {
    Entry { key: BASE_KEY, value, mod_revision, fingerprint: fingerprint(0, value) }
}

/// Reads a backup of this revision, with a base in it where that is given.
fn restore(directory: &mut Directory, revision: i64, base: Option<&str>) -> u32 {
    let mut snapshot = SnapshotBuilder::new(directory);
    if let Some(base) = base {
        assert_eq!(snapshot.apply(0, entry(Some(base.as_bytes()), 3)), Applied::Ignored);
    }
    directory.replace(snapshot.finish(), revision);
    directory.serial()
}

/// The same of a backup in which there is a name.
fn restore_name(directory: &mut Directory, revision: i64) -> u32 {
    let mut snapshot = SnapshotBuilder::new(directory);
    let value: &[u8] = br#"{"ipv4":"10.0.0.1"}"#;
    let key: &[u8] = b"worker1.tf.local.";
    let entry = Entry { key, value: Some(value), mod_revision: 4, fingerprint: 0 };
    assert_eq!(snapshot.apply(0, entry), Applied::Changed);
    directory.replace(snapshot.finish(), revision);
    directory.serial()
}

fn unstored(directory: &Directory) -> Option<(String, i64)> {
    let unstored = directory.unstored_serial_base()?;
    Some((unstored.base.to_string(), unstored.replaces))
}

#[test]
fn serials_are_compared_as_numbers_on_a_circle() {
    use Ordering::{Equal, Greater, Less};
    let table = [
        (1, 0, Some(Greater)),
        (0, 0, Some(Equal)),
        (0, u32::MAX, Some(Greater)),
        (u32::MAX, 0, Some(Less)),
        (1 << 31, 0, None),
        ((1 << 31) - 1, 0, Some(Greater)),
        ((1 << 31) + 1, 0, Some(Less)),
    ];
    for (one, other, wanted) in table {
        assert_eq!(compare_serials(one, other), wanted, "{one} {other}");
    }
}

#[test]
fn the_serial_follows_the_last_one_by_the_least_base_whatever_revision_a_backup_has() {
    const MEGA: i64 = 1 << 20;
    // The last revision and base; the revision that is read; whether it is known to be of another history; the
    // base then.
    let table = [
        (500, 0, 501, false, 0),
        (500, 0, 500, false, 0),
        (500, 0, 501, true, 0),
        (500, 0, 100, false, MEGA),
        (500, MEGA, 100, false, 2 * MEGA),
        (5 * MEGA + 7, 0, 6, false, 6 * MEGA),
        (5 * MEGA + 7, 0, 8, false, 5 * MEGA),
        ((1 << 32) - 1, 0, 1, false, 0),
        ((1 << 32) + 5, 0, 4, false, MEGA),
        // So far ahead that it is behind.
        (500, 0, (1 << 31) + 501, true, 1 << 31),
        (i64::MAX, 0, 1, false, 0),
    ];
    for (row, (last, base, revision, is_over, wanted)) in table.into_iter().enumerate() {
        let mut directory = empty();
        restore(&mut directory, last, (base > 0).then(|| base.to_string()).as_deref());
        let before = directory.serial();
        if is_over {
            directory.end_history();
        }
        let stored = (base > 0).then(|| base.to_string());
        let after = restore(&mut directory, revision, stored.as_deref());
        assert_eq!(directory.serial_base.to_string(), wanted.to_string(), "row {row}");
        let is_same = last == revision && !is_over;
        let order = if is_same { Ordering::Equal } else { Ordering::Greater };
        assert_eq!(compare_serials(after, before), Some(order), "row {row}");
    }
}

#[test]
fn another_history_of_the_same_revision_has_another_serial_where_it_has_other_names() {
    let table: [(bool, bool, u32); 4] = [
        (false, false, 500),
        (true, false, 500),
        (false, true, 500),
        (true, true, 500 + (1 << 20)),
    ];
    for (is_over, differs, wanted) in table {
        let mut directory = empty();
        restore(&mut directory, 500, None);
        if is_over {
            directory.end_history();
        }
        let read =
            if differs { restore_name } else { |it: &mut Directory, at| restore(it, at, None) };
        assert_eq!(read(&mut directory, 500), wanted, "{is_over} {differs}");
        // And where what was there is not.
        if is_over && differs {
            directory.end_history();
            assert_eq!(restore(&mut directory, 500, None), 500 + (2 << 20));
        }
    }
}

#[test]
fn nodes_that_had_seen_different_revisions_come_to_the_same_base() {
    let bases = [800, 805, 900].map(|seen| {
        let mut directory = empty();
        restore(&mut directory, seen, None);
        restore(&mut directory, 300, None);
        unstored(&directory)
    });
    assert!(bases.iter().all(|base| *base == Some(("1048576".to_owned(), 0))), "{bases:?}");
}

#[test]
fn a_second_restore_goes_on_from_what_the_first_one_left_whether_the_backup_has_it_or_not() {
    for (stored, replaces) in [(None, 0), (Some("1048576"), 3)] {
        let mut directory = empty();
        restore(&mut directory, 1000, None);
        let first = restore(&mut directory, 500, None);
        assert_eq!(first, 500 + (1 << 20));
        let second = restore(&mut directory, 400, stored);
        assert_eq!(second, 400 + (2 << 20));
        assert_eq!(unstored(&directory), Some(("2097152".to_owned(), replaces)));
        // One that has got further than what was known, and knows less of the base.
        let third = restore(&mut directory, 4000, stored);
        assert_eq!(third, 4000 + (2 << 20));
        assert_eq!(unstored(&directory), Some(("2097152".to_owned(), replaces)));
    }
}

#[test]
fn what_etcd_has_is_taken_over_and_only_ever_raised() {
    let mut directory = empty();
    restore(&mut directory, 500, None);
    assert_eq!((directory.serial(), unstored(&directory)), (500, None));
    let mut revision = 500;
    let mut told = |directory: &mut Directory, value: Option<&[u8]>| {
        revision += 1;
        directory.apply(0, entry(value, revision));
        (directory.serial(), unstored(directory).map(|(base, _)| base))
    };
    let kept = |base: u32| Some(base.to_string());
    assert_eq!(told(&mut directory, Some(b"2097152")), (500 + (2 << 20), None));
    let mut digest = directory.digest(0, i64::MAX);
    assert_eq!((digest.keys, digest.newest), (1, 501), "it is one of the keys that are compared");
    for value in ["1048576", "", "x", "-1", "1", "2097153", "9223372036854775808"] {
        let wanted = (500 + (2 << 20), kept(2 << 20));
        assert_eq!(told(&mut directory, Some(value.as_bytes())), wanted, "{value}");
    }
    assert_eq!(told(&mut directory, None), (500 + (2 << 20), kept(2 << 20)), "deleted by hand");
    digest = directory.digest(0, i64::MAX);
    assert_eq!(digest.keys, 0);
    // By hand, and so far ahead that it would be behind.
    let before = directory.serial();
    let far = ((3_u64 << 31) + (2 << 20)).to_string();
    let (after, _) = told(&mut directory, Some(far.as_bytes()));
    assert_eq!(compare_serials(after, before), Some(Ordering::Greater));
    assert_eq!(directory.len(), 0, "it is no name");
}

#[test]
fn who_starts_later_has_the_serial_of_the_others_and_its_own_is_its_first() {
    let mut old = empty();
    restore(&mut old, 1000, None);
    restore(&mut old, 500, None);
    let (base, _) = unstored(&old).expect("it was raised");
    let mut newcomer = empty();
    assert_eq!(restore(&mut newcomer, 500, Some(&base)), old.serial());
    assert_eq!(unstored(&newcomer), None);
    // Without a last one there is nothing to follow, whatever stands there.
    let mut newcomer = empty();
    assert_eq!(restore(&mut newcomer, 7, Some("3221225472")), 7 + (3 << 30));
}

#[test]
fn what_zones_tell_is_another_version_once_it_is_told_at_the_serial() {
    let key: &[u8] = b"worker1.tf.local.";
    let of = |lease: i64, number: u8| (lease, format!(r#"{{"ipv4":"10.0.0.{number}"}}"#));
    // The record and its lease, the revision that put it, that the directory stands at then, and whether it is another version.
    let table = [
        (of(1, 1), 5, 5, true),
        // A name on another lease.
        (of(2, 1), 6, 6, false),
        // A change that is ahead of what is told, until that is as far.
        (of(2, 2), 7, 6, false),
        (of(2, 2), 7, 7, true),
        // Others were written.
        (of(2, 2), 7, 9, false),
    ];
    let mut directory = empty();
    directory.keep_journal();
    let mut version = directory.zone_version();
    for ((lease, value), put_at, revision, is_other) in table {
        let value = Some(value.as_bytes());
        let fingerprint = fingerprint(lease, value);
        directory.apply(0, Entry { key, value, mod_revision: put_at, fingerprint });
        directory.advance(revision);
        let before = std::mem::replace(&mut version, directory.zone_version());
        assert_eq!(version != before, is_other, "{lease} {put_at} {revision}");
        assert_eq!(i64::from(directory.serial()), revision, "the serial goes on");
    }
}
