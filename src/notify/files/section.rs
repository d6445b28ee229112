//! The part of a text between two lines that mark it; all else is others', and stays as it is.

use std::ops::Range;

/// A line that begins or ends the section is there without the other one, twice, or in the wrong order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unpaired;

/// The text with this section in the place of the former one, or at the end where there is none. The
/// section's first and last lines are those that mark it.
pub(super) fn with_section(text: &[u8], section: &[u8]) -> Result<Vec<u8>, Unpaired> {
    let mut marks = lines(section).map(|range| trimmed(&section[range]));
    let first = marks.next().ok_or(Unpaired)?;
    let last = marks.last().ok_or(Unpaired)?;
    let find = |mark| lines(text).filter(move |range| trimmed(&text[range.clone()]) == mark);
    let (begins, ends) = (find(first).collect::<Vec<_>>(), find(last).collect::<Vec<_>>());
    let (before, after) = match (begins.as_slice(), ends.as_slice()) {
        ([], []) => (text, &[][..]),
        ([begin], [end]) if begin.start < end.start => (&text[..begin.start], &text[end.end..]),
        _ => return Err(Unpaired),
    };
    let gap: &[u8] = if before.is_empty() || before.ends_with(b"\n") { b"" } else { b"\n" };
    Ok([before, gap, section, after].concat())
}

/// Where the lines are, their ends included.
fn lines(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let lengths = text.split_inclusive(|octet| *octet == b'\n').map(<[u8]>::len);
    lengths.scan(0, |start, length| {
        let range = *start..*start + length;
        *start = range.end;
        Some(range)
    })
}

fn trimmed(line: &[u8]) -> &[u8] {
    line.trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "# BEGIN x\n10.0.0.1\tw1\n# END x\n";

    fn replaced(text: &[u8]) -> Result<Vec<u8>, Unpaired> {
        with_section(text, SECTION.as_bytes())
    }

    #[test]
    fn what_stands_outside_stays_octet_for_octet() {
        for (before, after) in [
            ("", ""),
            ("127.0.0.1 localhost\n", ""),
            ("127.0.0.1 localhost\r\n# BEGIN y\nfoo\n# END y\n", "::1 x\n\n\n"),
            ("\u{e9}\n", "no end of the line"),
        ] {
            let wanted = [before, SECTION, after].concat();
            for old in ["# BEGIN x\n# END x\n", "# BEGIN x\r\na\nb\n# END x \n", SECTION] {
                let text = [before, old, after].concat();
                let told = replaced(text.as_bytes()).map(String::from_utf8);
                assert_eq!(told, Ok(Ok(wanted.clone())), "{text:?}");
            }
        }
        assert_eq!(replaced(b"\xff\xfe\0\n"), Ok([b"\xff\xfe\0\n", SECTION.as_bytes()].concat()));
        // The last line of others may have no end; the marking line has to begin one.
        assert_eq!(replaced(b"a"), Ok(["a\n", SECTION].concat().into_bytes()));
        assert_eq!(replaced(b"# BEGIN x\n# END x"), Ok(SECTION.as_bytes().to_vec()));
    }

    #[test]
    fn marks_that_are_no_pair_are_left_alone() {
        for text in [
            "# BEGIN x\n",
            "# END x\n",
            "# END x\n# BEGIN x\n",
            "# BEGIN x\n# BEGIN x\n# END x\n",
            "# BEGIN x\n# END x\n# BEGIN x\n# END x\n",
        ] {
            assert_eq!(replaced(text.as_bytes()), Err(Unpaired), "{text:?}");
        }
        assert_eq!(with_section(b"", b"# one line\n"), Err(Unpaired));
        assert_eq!(with_section(b"", b""), Err(Unpaired));
        // What only looks like one is none.
        let text = "  # BEGIN x\n# BEGIN xy\n#BEGIN x\n";
        assert_eq!(replaced(text.as_bytes()), Ok([text, SECTION].concat().into_bytes()));
    }
}
