"""Shows, on a tiny tree, that the check finds each thing that it is for, and nothing else."""

import contextlib
import os
import tempfile

import check

TABLE = """//! A house of two floors.
//!
//! | room | what lives there | may use |
//! | --- | --- | --- |
//! | [`run`] | the story | all |
//! | [`upper`] | cares | [`lower`] |
//! | [`lower`] | is cared for | |
//! | [`aside`] | is left alone | |
"""
ROOMS = "pub mod aside;\npub mod lower;\npub mod run;\npub mod upper;\n"

# All is well here, though a search for words would say otherwise.
SOUND = {
    "Cargo.toml": '[package]\nname = "tiny-house"\n',
    "src/main.rs": "use tiny_house::run;\nfn main() { run::run(); }\n",
    "src/lib.rs": TABLE + ROOMS,
    "src/aside.rs": "pub struct Aside;\n",
    "src/run.rs": "use crate::upper::{Care, self};\npub fn run() { upper::care(&Care) }\n",
    # Hands on what its children have, and a child takes a sister's from here.
    "src/upper/mod.rs": "mod care;\nmod how;\npub use care::{Care, care};\npub use how::How;\n",
    "src/upper/care.rs": """\
use super::How;
pub struct Care;
/// Not used: [`crate::run::run`].
pub fn care(_: &Care) {
    let _ = ("crate::run::run()", 'r', '"', "use crate::run::run;");
    /* crate::run::run(); /* nor here */ crate::run::run() */
    let _: fn(&'static str) -> How = |_| How::Kindly;
}
#[cfg(test)]
mod tests {
    use crate::run::run;
    struct Low;
}
#[cfg(test)]
#[path = "care_tests.rs"]
mod more_tests;
""",
    "src/upper/care_tests.rs": "use crate::run::run;\nstruct Low;\n",
    "src/upper/how.rs": "pub enum How { Kindly }\npub const HOW: u8 = crate::lower::flag::LOW;\n",
    "src/lower.rs": """\
pub struct Low;
impl Iterator for Low {
    type Item = u8;
}
pub mod flag {
    pub const LOW: u8 = 1;
    pub const HOW: u8 = 2;
}
pub fn low<const HOW: usize>(_: *const Low) {}
""",
}

# What is wrong, the files that it takes (one that ends in + is added to), and what is said of it.
WRONG = [
    ("a circle of two files",
     {"src/upper/how.rs+": "use super::care::Care;\n"},
     ["src/upper/care.rs:1: files in a circle: src/upper/care.rs → src/upper/how.rs → src/upper/care.rs",
      "src/upper/how.rs:3 uses care::Care"]),
    ("a circle by a path in the code",
     {"src/upper/how.rs+": "fn how() { super::care::care(&loop {}) }\n"},
     ["files in a circle", "src/upper/how.rs:3 uses care::care"]),
    ("a circle of a module and its child",
     {"src/upper/mod.rs+": "pub struct Both;\nfn both(_: How) {}\n", "src/upper/how.rs+": "use super::Both;\n"},
     ["src/upper/how.rs:3: files in a circle", "src/upper/mod.rs:6 uses how::How of src/upper/how.rs"]),
    ("a circle of two rooms whose files are in none",
     {"src/lib.rs": TABLE.replace("cared for | |", "cared for | [`upper`] |") + ROOMS,
      "src/upper/mod.rs+": "pub mod shelf;\n", "src/upper/shelf.rs": "pub struct Shelf;\n",
      "src/lower.rs+": "use crate::upper::shelf::Shelf;\n"},
     ["rooms in a circle: lower → upper → lower", "src/lower.rs:10 uses shelf::Shelf of upper"]),
    ("a room that uses one which the table does not allow",
     {"src/lower.rs+": "fn aside() { crate::aside::Aside; }\n"},
     ["src/lower.rs:10: the room lower uses aside::Aside of the room aside", "does not allow (src/lib.rs:7)"]),
    ("a room that hands on what it may not use",
     {"src/lower.rs+": "pub use crate::aside::Aside;\n"},
     ["src/lower.rs:10: the room lower uses aside::Aside of the room aside"]),
    ("a room that is used by way of one which may use it",
     {"src/lib.rs": TABLE.replace("cared for | |", "cared for | [`aside`] |") + ROOMS,
      "src/lower.rs+": "pub use crate::aside::Aside;\n", "src/upper/how.rs+": "use crate::lower::Aside;\n"},
     ["src/upper/how.rs:3: the room upper uses lower::Aside of the room aside"]),
    ("a type with two meanings",
     {"src/upper/how.rs+": "struct Low;\n"},
     ["src/lower.rs:1: the type Low is defined in src/upper/how.rs:3 as well"]),
    ("a constant with two meanings",
     {"src/upper/care.rs+": "pub(super) const HOW: u8 = 2;\n"},
     ["src/upper/care.rs:17: the constant HOW is defined in src/upper/how.rs:2 as well"]),
    ("a room that the table does not have",
     {"src/lib.rs+": "pub mod cellar;\n", "src/cellar/mod.rs": ""},
     ["src/cellar/mod.rs:1: the room cellar is not in the table in src/lib.rs"]),
    ("a room that only the table has",
     {"src/lib.rs": TABLE + "//! | [`attic`] | nobody | |\n" + ROOMS},
     ["src/lib.rs:9: the table has the room attic"]),
    ("what a test left behind",
     {"left.gnuplot": ""},
     ["left.gnuplot: does not belong at the top"]),
    ("no table",
     {"src/lib.rs": ROOMS},
     ["src/lib.rs:1: there is no table of rooms"]),
]


@contextlib.contextmanager
def tree(files):
    with tempfile.TemporaryDirectory() as base:
        for name, text in files.items():
            path = os.path.join(base, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        yield base


def changed(change):
    files = dict(SOUND)
    for name, text in change.items():
        plain = name.removesuffix("+")
        files[plain] = (files[plain] if plain != name else "") + text
    return files


def run():
    failures = 0
    cases = [("nothing", {}, []), *WRONG]
    for what, change, wanted in cases:
        with tree(changed(change)) as base:
            found = check.problems(base)
        said = "\n".join(found)
        if len(found) == bool(wanted) and all(words in said for words in wanted):
            continue
        failures += 1
        print(f"architecture: the self-test has {what} in its tree, and the check says: {said or 'all well'}")
    if not failures:
        print(f"architecture: the self-test found what is wrong in {len(WRONG)} trees, and nothing in one")
    return 1 if failures else 0
