//! Whatever is in a file: it is read or refused, soon, in one line, and never a panic.

use super::tests::parsed;

/// Files that take all ways through the parser.
const SEEDS: [&str; 5] = [
    ". {\n    idetcd {\n        endpoint http://10.0.0.1:2379\n        limit 5\n        \
     pattern worker{{.ID}}.tf.local.\n    }\n    log\n    errors\n}\n",
    "(s) {\n  cache 30\n  import t\n}\n(t) {\n  loop\n}\ndns://a.b:53, c.d:54 {\n  import s\n  \
     idetcd {\n    pattern \"w{{printf \\\"%03d\\\" .ID}}.b.\"\n    limit {$LIMIT}\n  }\n}\n",
    "tf.local {\n bind 127.0.0.1 ::1\n idetcd # one\n import deep\n}\n. {\n bind ::1 127.0.0.1\n \
     forward . 10.0.0.1 dns://10.0.0.2:53 /etc/resolv.conf {\n  except tf.local\n  expire {%X%}\n \
     }\n}\n",
    "\u{feff}.:{$PORT}\r\n\tidetcd {\r\n\tpattern ä\"{{.ID}}.\r\n}\r\nproxy . 1.2.3.4 {\r\n\
     protocol dns force_tcp\r\n}\r\n",
    "import block\nimport both*\nimport ring\n",
];

/// What a mutation puts in.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "\"",
    "\\",
    "#",
    "\n",
    " ",
    ",",
    ":",
    ".",
    "(",
    ")",
    "{$",
    "{%",
    "%}",
    "import ",
    "import ring\n",
    "(s)",
    "idetcd {\n",
    "}\n",
    "\u{0}",
    "\u{e9}",
    "://",
    "99999999999999999999",
];

/// A small generator (xorshift), so that each run is the same.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap_or_default()
    }
}

fn mutated(seed: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = seed.chars().collect();
    for _ in 0..=random.below(6) {
        let at = random.below(characters.len() + 1);
        let end = (at + random.below(12)).min(characters.len());
        match random.below(4) {
            0 => drop(characters.drain(at..end)),
            1 => {
                let copy = characters[at..end].to_vec();
                let to = random.below(characters.len() + 1);
                characters.splice(to..to, copy);
            }
            2 => {
                let piece = PIECES[random.below(PIECES.len())];
                characters.splice(at..at, piece.chars());
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                characters.splice(at..end, piece.chars());
            }
        }
    }
    characters.into_iter().collect()
}

#[test]
fn mutated_files_are_read_or_refused_in_lines_that_say_where() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut good, mut bad) = (0, 0);
    for round in 0..100_000 {
        let text = mutated(SEEDS[round % SEEDS.len()], &mut random);
        match parsed(&text) {
            Ok(mut settings) => {
                good += 1;
                assert!(!settings.zones.is_empty() && !settings.ports.is_empty(), "{text:?}");
                let _ = settings.check_zone("tf.local.");
                for notice in &settings.notices {
                    assert!(!notice.to_string().contains('\n'), "{text:?}: {notice}");
                }
            }
            Err(error) => {
                bad += 1;
                let error = error.to_string();
                assert!(error.lines().all(|line| line.contains(": ")), "{text:?}: {error}");
            }
        }
    }
    assert!(good > 1000 && bad > 1000, "{good} good, {bad} bad: too few of one kind");
}
