//! The word that was meant by one that is misspelt.

/// The closest of these words to one that is none of them; `None`: none is close enough to be meant.
pub(super) fn closest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = word.chars().count().div_ceil(4);
    let close = words.filter_map(|known| {
        let begins = word.len() > 2 && known.starts_with(word);
        let distance = if begins { 1 } else { distance(word, known) };
        (distance <= most).then_some((distance, known))
    });
    close.min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// The number of letters that are to be put in, taken out, changed, or exchanged with the next one, to come from
/// one word to the other.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let width = other.len() + 1;
    // The last three rows of the table of the distances between the beginnings of both.
    let mut rows: [Vec<usize>; 3] = [vec![0; width], vec![0; width], (0..width).collect()];
    for (row, letter) in one.iter().enumerate() {
        rows.rotate_left(1);
        rows[2][0] = row + 1;
        for (column, wanted) in other.iter().enumerate() {
            let [before, last, this] = &mut rows;
            let changed = last[column] + usize::from(letter != wanted);
            let mut least = changed.min(last[column + 1] + 1).min(this[column] + 1);
            let is_exchanged = row > 0 && column > 0 && one[row - 1] == *wanted;
            if is_exchanged && *letter == other[column - 1] {
                least = least.min(before[column - 1] + 1);
            }
            this[column + 1] = least;
        }
    }
    rows[2].last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_seen_and_another_word_is_not() {
        let words = ["list", "wait", "pattern", "endpoints", "json", "limit", "tf-config"];
        let table = [
            ("lst", Some("list")),
            ("lits", Some("list")),
            ("patern", Some("pattern")),
            ("pattren", Some("pattern")),
            ("endpoint", Some("endpoints")),
            ("jsn", Some("json")),
            ("tf_config", Some("tf-config")),
            ("end", Some("endpoints")),
            ("x", None),
            ("wat", Some("wait")),
            ("status", None),
            ("", None),
            ("etcd", None),
        ];
        for (word, wanted) in table {
            assert_eq!(closest(word, words.into_iter()), wanted, "{word}");
        }
    }

    #[test]
    fn the_distance_counts_letters() {
        for (one, other, wanted) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
            ("list", "list", 0),
            ("\u{e9}t", "et", 1),
        ] {
            assert_eq!(distance(one, other), wanted, "{one} {other}");
        }
    }
}
