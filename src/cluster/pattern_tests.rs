use super::*;

fn pattern(text: &str) -> Pattern {
    match Pattern::parse(text, 10) {
        Ok(pattern) => pattern,
        Err(error) => panic!("{text}: {error}"),
    }
}

fn slot(number: u32) -> SlotId {
    SlotId::new(number).expect("not zero")
}

#[test]
fn good_patterns_have_one_canonical_spelling() {
    let table = [
        ("worker{{.ID}}.tf.local.", "worker{{.ID}}.tf.local.", "worker7.tf.local."),
        ("Worker{{ .ID }}.TF.local", "worker{{.ID}}.tf.local.", "worker7.tf.local."),
        ("{{.ID}}.tf.local.", "{{.ID}}.tf.local.", "7.tf.local."),
        ("n{{printf \"%03d\" .ID}}-x.a.", "n{{printf \"%03d\" .ID}}-x.a.", "n007-x.a."),
        ("n{{printf \"%d\" .ID}}.a.", "n{{.ID}}.a.", "n7.a."),
        ("x.w{{.ID}}.a_b.", "x.w{{.ID}}.a_b.", "x.w7.a_b."),
    ];
    for (text, canonical, seventh) in table {
        let pattern = pattern(text);
        assert_eq!(pattern.to_string(), canonical);
        assert_eq!(pattern.name(slot(7)), seventh);
        for number in [1, 7, 9, 10, 99, 100, 999, 1000, 1_234_567_890, u32::MAX] {
            let mut text = b"before".to_vec();
            pattern.push_name(slot(number), &mut text);
            assert_eq!(text, [b"before", pattern.name(slot(number)).as_bytes()].concat());
        }
        assert_eq!(pattern.slot_of(seventh.as_bytes()), Some(slot(7)), "{text}");
    }
}

#[test]
fn bad_patterns_are_told_with_their_column() {
    let long = format!("{}{{{{.ID}}}}.tf.local.", "a".repeat(62));
    let longer = format!("a{{{{.ID}}}}.{}", "abcdefg.".repeat(32));
    let table: [(&str, usize, &str); 17] = [
        ("worker.tf.local.", 17, "no {{.ID}}"),
        ("", 1, "no {{.ID}}"),
        ("a{{.ID}}.b{{.ID}}.", 11, "second"),
        ("worker{{.Id}}.tf.local.", 7, "only {{.ID}}"),
        ("worker{{.ID.tf.local.", 7, "without }}"),
        ("w{{if .ID}}x{{end}}.a.", 2, "only {{.ID}}"),
        ("w{{printf \"%3d\" .ID}}.a.", 2, "only {{.ID}}"),
        ("w{{printf \"%099d\" .ID}}.a.", 2, "only {{.ID}}"),
        ("my worker{{.ID}}.tf.local.", 3, "a space"),
        ("worker{{.ID}}.tf .local.", 17, "a space"),
        ("wörker{{.ID}}.tf.local.", 2, "cannot stand"),
        ("worker{{.ID}}", 14, "no label follows"),
        ("worker{{.ID}}.", 14, "no label follows"),
        ("worker{{.ID}}..local.", 15, "empty label"),
        (".worker{{.ID}}.local.", 1, "empty label"),
        (&long, 1, "at most 63"),
        (&longer, 266, "at most 255"),
    ];
    for (text, column, reason) in table {
        match Pattern::parse(text, 10) {
            Ok(pattern) => panic!("{text} was taken for {pattern}"),
            Err(error) => {
                assert!(error.reason.contains(reason), "{text}: {error}");
                assert_eq!(error.column, column, "{text}: {error}");
            }
        }
    }
    assert!(Pattern::parse(&long, 9).is_ok(), "63 octets fit");
}

#[test]
fn only_the_canonical_number_is_a_slot() {
    let plain = pattern("worker{{.ID}}.tf.local.");
    let padded = pattern("w{{printf \"%03d\" .ID}}.a.");
    let table: [(&Pattern, &str, Option<u32>); 14] = [
        (&plain, "worker1.tf.local.", Some(1)),
        (&plain, "worker4294967295.tf.local.", Some(u32::MAX)),
        (&plain, "worker4294967296.tf.local.", None),
        (&plain, "worker0.tf.local.", None),
        (&plain, "worker01.tf.local.", None),
        (&plain, "worker.tf.local.", None),
        (&plain, "worker1x.tf.local.", None),
        (&plain, "worker1.tf.local", None),
        (&plain, "xworker1.tf.local.", None),
        (&padded, "w001.a.", Some(1)),
        (&padded, "w1000.a.", Some(1000)),
        (&padded, "w01.a.", None),
        (&padded, "w0001.a.", None),
        (&padded, "w000.a.", None),
    ];
    for (pattern, name, wanted) in table {
        let found = pattern.slot_of(name.as_bytes()).map(SlotId::get);
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn a_number_that_makes_the_name_too_long_is_no_slot() {
    let label = format!("{}{{{{.ID}}}}-x.{}a.", "l".repeat(58), "abcdefg.".repeat(20));
    let name = format!("w{{{{.ID}}}}.{}abcdefgh.", "abcdefg.".repeat(30));
    for pattern in [pattern(&label), pattern(&name)] {
        for (number, fits) in [(1, true), (999, true), (1000, false), (u32::MAX, false)] {
            let name = pattern.name(slot(number));
            let found = pattern.slot_of(name.as_bytes());
            assert_eq!(found, Some(slot(number)).filter(|_| fits), "{name}");
        }
    }
}

#[test]
fn zone_group_and_keys_follow_from_the_pattern() {
    let table = [
        ("worker{{.ID}}.tf.local.", "tf.local.", "worker.tf.local.", "worker1", "worker;"),
        ("{{.ID}}.tf.local.", "tf.local.", "tf.local.", "1", ";"),
        ("a.{{.ID}}.tf.", "tf.", "a.tf.", "a.1", "a.;"),
        ("{{.ID}}-n.tf.", "tf.", "-n.tf.", "1", ";"),
        ("n{{printf \"%02d\" .ID}}.tf.", "tf.", "n.tf.", "n0", "n;"),
    ];
    for (text, zone, group, first, end) in table {
        let pattern = pattern(text);
        assert_eq!(pattern.zone(), zone);
        assert_eq!(pattern.group(), group);
        assert_eq!(pattern.range(), (first.to_owned(), end.to_owned()));
    }
}

#[test]
fn names_above_a_slot_are_found() {
    let pattern = pattern("a.b.w{{.ID}}.tf.");
    let table = [("w3.tf.", Some(3)), ("b.w3.tf.", Some(3)), ("a.b.w3.tf.", None), ("3.tf.", None)];
    for (name, wanted) in table {
        assert_eq!(pattern.slot_below(name.as_bytes()).map(SlotId::get), wanted, "{name}");
    }
}
