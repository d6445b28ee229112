//! The file that remembers the ID of this node, for a life that begins when the lease of this one is over.

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

use super::files::{KeptFile, read_file};
use crate::cluster::SlotId;
use crate::text;

/// The time after which it is tried again to write it.
pub(super) const ID_RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// The time that the file system has to tell what is in it.
const READ_TIME: Duration = Duration::from_secs(2);

/// The most characters of what is in it that are told.
const LONGEST_TOLD: usize = 40;

/// The file, and what it told at the start.
#[derive(Debug)]
pub(super) struct IdFile {
    pub(super) file: KeptFile,
    /// The slot of an earlier life.
    pub(super) remembered: Option<SlotId>,
}

impl IdFile {
    /// Reads what an earlier life left. What is of no use is told, and left alone until there is a name.
    pub(super) fn start(file: KeptFile, path: &Path, limit: u32) -> IdFile {
        // Who does not answer was told of, and has been waited for.
        let text = if file.is_idle() { read_file(path, READ_TIME) } else { Ok(Vec::new()) };
        let remembered = match text {
            Ok(_) if !file.is_idle() => Ok(None),
            Ok(text) => read(&text, limit).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        };
        let remembered = remembered.unwrap_or_else(|why| {
            let path = path.display();
            log::warn!("--id-file: {path}: {why}: claiming the lowest name that is free");
            None
        });
        IdFile { file, remembered }
    }

    /// Has the slot written that this node owns now.
    pub(super) fn keep(&mut self, slot: SlotId, now: Instant) {
        self.file.keep(Some(format!("{slot}\n")), now);
    }
}

/// The slot that a text tells, or why it tells none.
fn read(text: &[u8], limit: u32) -> Result<SlotId, String> {
    let text = String::from_utf8_lossy(text);
    let number: Option<u32> = text::number(text.trim_end());
    match number.and_then(SlotId::new) {
        Some(slot) if slot.get() <= limit => Ok(slot),
        Some(slot) => Err(format!("{slot} is more than {limit} (--limit)")),
        None => Err(format!("\"{}\" is no ID", text::excerpt(&text, LONGEST_TOLD))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_number_up_to_the_limit() {
        for text in ["7", "7\n", "7 \n\n", "007"] {
            assert_eq!(read(text.as_bytes(), 7).map(SlotId::get), Ok(7), "{text:?}");
        }
        let long = "x".repeat(256);
        for (text, wanted) in [
            (&b"8\n"[..], "8 is more than 7 (--limit)"),
            (b"", "\"\" is no ID"),
            (b"0", "\"0\" is no ID"),
            (b"-1", "\"-1\" is no ID"),
            (b"+1", "\"+1\" is no ID"),
            (b"1 2", "\"1 2\" is no ID"),
            (b"\n1", "\"\\n1\" is no ID"),
            (b"4294967296", "\"4294967296\" is no ID"),
            (b"worker1.tf.local", "\"worker1.tf.local\" is no ID"),
            (b"\xff\x00\x1b[2J", "\"\u{fffd}\\u{0}\\u{1b}[2J\" is no ID"),
            (long.as_bytes(), "x…\" is no ID"),
        ] {
            let why = read(text, 7).expect_err("no ID");
            assert!(why.ends_with(wanted), "{why}");
        }
    }
}
