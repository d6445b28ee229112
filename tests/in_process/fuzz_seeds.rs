//! What the fuzz targets assert, over their seeds: each as it is, cut off anywhere, and with any one
//! octet changed. `scripts/fuzz` searches for more of them.
//!
//! A target has a folder of seeds that a person named, and may have a file of those that were found
//! and reach what the named ones do not: a line each, in hexadecimal.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The largest seed, and all of them together, in octets: they are part of every checkout.
const LARGEST: usize = 4 * 1024;
const ALL: usize = 400 * 1024;

/// How many places of a seed are cut and changed at most.
const PLACES: usize = 50;

fn path(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kind).join(target)
}

/// The seeds of a target, by name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = path("seeds", target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = files
        .map(|file| {
            let path = file.expect("a file").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a seed"))
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
    seeds.extend(found(target));
    seeds
}

/// The seeds that were found, by the number of their line.
fn found(target: &str) -> Vec<(String, Vec<u8>)> {
    let path = path("found", target);
    let lines = match fs::read_to_string(&path) {
        Ok(lines) => lines,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("{}: {error}", path.display()),
    };
    lines.lines().zip(1..).map(|(line, number)| (format!("found-{number}"), octets(line))).collect()
}

fn octets(hexadecimal: &str) -> Vec<u8> {
    (0..hexadecimal.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).expect("two digits"))
        .collect()
}

/// Runs a target over its seeds and their neighbours. What fails is left in a file, to be looked at
/// with `scripts/fuzz --run`.
fn replay(target: &str) {
    let (_, run) = fuzz::TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    for (name, seed) in seeds(target) {
        let mut current = seed.clone();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&current);
            let step = seed.len().div_ceil(PLACES).max(1);
            for at in (0..seed.len()).step_by(step) {
                current = seed[..at].to_vec();
                run(&current);
                for changed in [seed[at] ^ 1, seed[at] ^ 0x80, !seed[at], 0] {
                    current.clone_from(&seed);
                    current[at] = changed;
                    run(&current);
                }
            }
        }));
        if outcome.is_err() {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{target}-{name}"));
            fs::write(&path, &current).expect("written");
            panic!("{target} fails with {}, next to the seed {name}", path.display());
        }
    }
}

macro_rules! replays {
    ($($test:ident: $target:literal,)*) => {
        $(
            #[test]
            fn $test() {
                replay($target);
            }
        )*

        #[test]
        fn every_target_is_replayed_and_its_seeds_are_small() {
            let replayed = [$($target),*];
            assert_eq!(fuzz::TARGETS.map(|(name, _)| name), replayed);
            let all: Vec<_> = replayed.into_iter().flat_map(seeds).collect();
            assert!(all.iter().all(|(_, seed)| seed.len() <= LARGEST));
            assert!(all.iter().map(|(_, seed)| seed.len()).sum::<usize>() <= ALL);
        }
    };
}

replays! {
    what_is_kept_of_other_servers_stays_within_its_room: "cache",
    a_directory_tells_what_a_map_would: "cluster",
    a_corefile_is_followed_or_refused_in_one_line: "corefile",
    a_stream_is_cut_into_the_same_messages_however_it_arrives: "framing",
    no_reply_of_a_gateway_does_harm: "gateway",
    what_is_asked_by_http_is_the_same_however_it_arrives: "http",
    a_text_that_is_a_pattern_stands_for_names_that_lead_back: "pattern",
    every_query_gets_a_reply_that_is_well_formed_and_no_longer_than_allowed: "query",
    only_what_belongs_to_a_query_is_handed_on: "relay",
    nothing_of_a_transfer_is_used_that_contradicts_itself: "transfer",
    what_a_node_says_of_itself_reads_back_from_its_txt: "txt",
}
