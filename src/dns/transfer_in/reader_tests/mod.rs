//! Streams written by hand, and by a writer of zones that knows nothing of the reader.

mod contradictions;
mod tables;
mod writer;

use std::sync::Arc;

use super::*;
use crate::cluster::{Keyspace, Names, Pattern};
use writer::{Record, Stream, soa};

const ZONE: &str = "tf.local.";
const ID: u16 = 0x1234;

fn zones(limit: u32) -> Arc<TransferZones> {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", limit).expect("a good pattern");
    let others =
        ["ps{{.ID}}.tf.local.", "worker1{{.ID}}.tf.local.", "x{{.ID}}.a.tf.local.", "db.b."];
    let resolve = others.map(|text| Names::parse(text, limit).expect("good names")).to_vec();
    let keyspace = Keyspace { resolve, ..Keyspace::new(pattern, limit) };
    Arc::new(TransferZones::new(Arc::new(keyspace)).expect("zones"))
}

fn reader(request: TransferRequest) -> TransferReader {
    TransferReader::new(zones(20), ZONE, request, ID)
}

/// Reads messages to the end: the changes and what they are of.
fn read_all(
    reader: &mut TransferReader,
    messages: &[Vec<u8>],
) -> Result<(Vec<(NodePlace, TransferredChange)>, TransferState), TransferError> {
    let (mut changes, mut state) = (Vec::new(), TransferState::More);
    for message in messages {
        assert_eq!(state, TransferState::More, "nothing follows the last message");
        state = reader.read(message, &mut changes)?;
    }
    Ok((changes, state))
}
