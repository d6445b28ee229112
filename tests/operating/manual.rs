//! The manual page: it knows every option, and is well formed.

use std::collections::BTreeSet;

use support::{command, idetcd, install, run};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/idetcd.8");

/// The long options that a text speaks of.
fn options(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let words = text.split(|c: char| !is_part(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.len() > 3 && word.starts_with("--")).map(str::to_owned).collect()
}

#[test]
fn the_manual_and_the_help_know_the_same_options() {
    let commands =
        ["exec", "list", "wait", "check", "ready", "status", "release", "drain", "undrain"];
    let help = commands.map(|word| run(idetcd(), &[word, "--help"])).concat();
    let help = help + &run(idetcd(), &["--help"]);
    let page = std::fs::read_to_string(PAGE).expect("the manual page");
    // In the page a hyphen that is to be typed is written with a backslash.
    let page = page.replace("\\-", "-").replace("-dns.port", "--dns.port");
    let (in_help, in_page) = (options(&help), options(&page));
    assert!(in_help.len() > 30, "{in_help:?}");
    let missing: Vec<_> = in_help.symmetric_difference(&in_page).collect();
    assert!(missing.is_empty(), "only in one of help and manual: {missing:?}");
}

#[test]
fn the_manual_is_without_warnings() {
    install(&["man:man-db", "groff:groff-base"]);
    let output = command("man")
        .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", PAGE])
        .env("LC_ALL", "C.UTF-8")
        .env("MANROFFSEQ", "")
        .env("MANWIDTH", "80")
        .output()
        .expect("man");
    let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && warnings.is_empty(), "{warnings}");
    assert!(!output.stdout.is_empty(), "something was set");
}
