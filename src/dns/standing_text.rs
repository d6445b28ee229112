//! What keeps a node out of its group, as TXT records at its name: `ready=false`, `drained=REASON`
//! (RFC 1464: an attribute and its value), beside what it tells itself. A node that is in its group has none of these.

use crate::cluster::{Details, Drain, Standing};
use crate::text::printable;

/// Of a node that says that it is not ready.
const NOT_READY: &str = "ready=false";

/// Of a node that is drained; the reason follows, if one was given.
const DRAINED: &str = "drained=";

/// What one of these texts says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StandingText {
    /// The node is not ready.
    NotReady,
    /// It is drained.
    Drained(Drain),
    /// It tells something else, under a key.
    Detail(String, String),
}

/// The texts of a node: one for each reason.
pub fn texts(standing: &Standing<'_>) -> Vec<String> {
    let unready = (!standing.is_ready).then(|| NOT_READY.to_owned());
    let reason = standing.reason().unwrap_or_default();
    let drained = standing.drain.map(|_| format!("{DRAINED}{reason}"));
    unready.into_iter().chain(drained).collect()
}

/// Reads the data of a TXT record, whose character strings are one text. `None`: it is malformed, or says
/// something else. A reason that nobody could have given is left out.
pub fn read(data: &[u8]) -> Option<StandingText> {
    let (mut text, mut rest) = (Vec::with_capacity(data.len()), data);
    while let Some((length, after)) = rest.split_first() {
        let (part, after) = after.split_at_checked(usize::from(*length))?;
        text.extend_from_slice(part);
        rest = after;
    }
    let text = String::from_utf8(text).ok()?;
    if text == NOT_READY {
        return Some(StandingText::NotReady);
    }
    let Some(reason) = text.strip_prefix(DRAINED) else {
        return Details::read_text(&text).map(|(key, text)| StandingText::Detail(key, text));
    };
    Some(StandingText::Drained(Drain { reason: printable(reason).parse().ok() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::reply::push_text;

    #[test]
    fn what_is_written_is_read_back() {
        let longest = "ü".repeat(200);
        let drains: Vec<Drain> = ["", "disk=3; \"fails\"", &longest]
            .map(|reason| Drain { reason: reason.parse().ok() })
            .to_vec();
        for drain in &drains {
            for is_ready in [false, true] {
                let texts = texts(&Standing { is_ready, drain: Some(drain) });
                let read: Vec<_> = texts
                    .iter()
                    .filter_map(|text| {
                        let mut data = Vec::new();
                        push_text(text, &mut data);
                        read(&data)
                    })
                    .collect();
                let unready = (!is_ready).then_some(StandingText::NotReady);
                let wanted: Vec<_> =
                    unready.into_iter().chain([StandingText::Drained(drain.clone())]).collect();
                assert_eq!(read, wanted);
            }
        }
        assert!(texts(&Standing { is_ready: true, drain: None }).is_empty());
    }

    #[test]
    fn other_texts_say_nothing_and_no_reason_moves_a_terminal() {
        let table: [&[u8]; 5] = [b"", b"\x05ready", b"\x0bready=fals", b"\x01\xff", b"\x07drained"];
        for data in table {
            assert_eq!(read(data), None, "{data:?}");
        }
        let long = [&[12][..], b"drained=aaaa"].concat().repeat(30);
        let odd = [b"\x0adrained=a\n".to_vec(), b"\x0cdrained=\x1b[2J".to_vec(), long];
        for data in odd {
            let Some(StandingText::Drained(drain)) = read(&data) else { panic!("{data:?}") };
            let reason = drain.reason.map(|reason| reason.to_string()).unwrap_or_default();
            assert!(reason.chars().all(|it| !it.is_control()) && reason.chars().count() <= 200);
        }
        assert_eq!(read(b"\x06draine\x02d="), Some(StandingText::Drained(Drain::default())));
    }
}
