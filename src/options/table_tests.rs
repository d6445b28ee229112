use std::collections::BTreeSet;

use super::*;
use crate::connect::Endpoint;

/// The manual page as plain text: what is typed as it is typed, a blank between words.
fn manual() -> String {
    let page = include_str!("../../scripts/idetcd.8");
    let mut text = String::new();
    for line in page.lines() {
        // A macro of two letters sets its arguments in turn in two fonts, without blanks between.
        let words = match line.split_once(' ') {
            Some((".BI" | ".BR" | ".IB" | ".IR" | ".RB" | ".RI", arguments)) => {
                arguments.replace("\\~ ", "\\~").replace(' ', "")
            }
            Some((".B" | ".I", arguments)) => arguments.to_owned(),
            _ => line.to_owned(),
        };
        text.push_str(&words);
        text.push(' ');
    }
    for (escape, meaning) in [("\\fR", ""), ("\\fB", ""), ("\\fI", ""), ("\\~", " "), ("\\-", "-")]
    {
        text = text.replace(escape, meaning);
    }
    text.replace(" -dns.port", " --dns.port")
}

#[test]
fn the_manual_has_each_option_with_its_placeholder_and_no_other() {
    let manual = manual();
    for entry in GROUPS.iter().flat_map(|group| group.options) {
        let spelling = OptionEntry { letter: "", ..entry.clone() }.spelling();
        let is_there = manual.match_indices(&spelling).any(|(at, _)| {
            let next = manual[at + spelling.len()..].chars().next().unwrap_or(' ');
            !next.is_alphanumeric() && !"-.[:|".contains(next)
        });
        assert!(is_there, "{spelling} is not in the manual");
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let words = manual.split(|c: char| !is_part(c)).filter_map(|word| word.strip_prefix("--"));
    let names: BTreeSet<&str> = words.map(|word| word.trim_end_matches('.')).collect();
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        assert!(entry(name).is_some(), "--{name} of the manual is no option");
    }
}

#[test]
fn names_and_letters_stand_for_one_option_each() {
    for takers in [Takers::Server, Takers::Tool("list"), Takers::Tool("wait")] {
        let (mut names, mut letters) = (BTreeSet::new(), BTreeSet::new());
        for entry in options(takers) {
            assert!(names.insert(entry.name), "{} is there twice", entry.name);
            assert!(entry.letter.is_empty() || letters.insert(entry.letter), "-{}", entry.letter);
        }
        assert!(!names.is_empty(), "{takers:?}");
    }
}

#[test]
fn defaults_that_other_rooms_have_are_those_of_the_help() {
    let default = |name| entry(name).and_then(OptionEntry::default);
    assert_eq!(default("endpoints"), Some(Endpoint::default().as_str()));
    let port = crate::host::resolv_conf::DNS_PORT;
    assert_eq!(default("dns.port"), Some(port.to_string().as_str()));
    let everywhere = crate::server::listen::Listen::everywhere(port).map(|l| l.address.to_string());
    assert_eq!(default("listen"), Some(everywhere.join(" and ").as_str()));
}
