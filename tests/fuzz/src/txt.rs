//! TXT records that say what keeps a node out of its group: whatever they hold, what is read of them can be
//! shown on a terminal, and what is written of it is read back.

use idetcd::cluster::Standing;
use idetcd::dns::standing_text::{StandingText, read, texts};

/// The longest character string of a record, in octets (RFC 1035 §3.3).
const LONGEST_STRING: usize = 255;

/// The data of a record.
pub fn run(data: &[u8]) {
    let Some(text) = read(data) else { return };
    let standing = match &text {
        StandingText::NotReady => Standing { is_ready: false, drain: None },
        StandingText::Drained(drain) => Standing { is_ready: true, drain: Some(drain) },
        StandingText::Detail(key, text) => {
            assert!(!text.contains(char::is_control), "{text:?}");
            let text = format!("{key}={text}");
            let data = [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
            assert_eq!(
                read(&data).as_ref(),
                Some(&StandingText::Detail(key.clone(), text[key.len() + 1..].to_owned()))
            );
            return;
        }
    };
    assert!(!standing.is_in_group());
    let reason = standing.reason().unwrap_or_default();
    assert!(reason.chars().count() <= 200 && !reason.contains(char::is_control), "{reason:?}");
    let written = texts(&standing);
    let [written] = &written[..] else { panic!("{written:?}") };
    let strings = written.as_bytes().chunks(LONGEST_STRING);
    let data: Vec<u8> = strings
        .flat_map(|part| [&[u8::try_from(part.len()).expect("short")], part].concat())
        .collect();
    assert_eq!(read(&data), Some(text));
}
