//! Transfers in: whatever a server sends, only names of the zone that are answered for come into the table,
//! and nothing of what contradicts itself.

use std::sync::Arc;

use idetcd::cluster::{Directory, Entry, Keyspace, Names, NodePlace, Pattern, SlotId, fingerprint};
use idetcd::dns::transfer_in::{
    ChangeSet, TransferContent, TransferReader, TransferRequest, TransferState, TransferZones,
    WholeTable,
};
use idetcd::dns::tsig::{
    Algorithm, ReplySigner, ReplyVerifier, SignedRequest, TsigKey, TsigKeys, sign_request,
};

use super::input::Input;

const LIMIT: u32 = 20;
const ZONE: &str = "tf.local.";
const ID: u16 = 0x1234;

/// Of the first octet: that the stream is to be signed.
const SIGNED: u8 = 0x80;

/// The time of signatures.
const NOW: u64 = 1_795_539_600;

/// The question of a request, but for its type.
const QUESTION: &[u8] = b"\x02tf\x05local\x00";

fn keyspace() -> Arc<Keyspace> {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", LIMIT).expect("a pattern");
    let others = ["worker1{{.ID}}.tf.local.", "x{{.ID}}.a.tf.local.", "db.b."];
    let resolve = others.map(|text| Names::parse(text, LIMIT).expect("names")).to_vec();
    Arc::new(Keyspace { resolve, ..Keyspace::new(pattern, LIMIT) })
}

/// A directory with the node of one slot, and this node's own.
fn directory(keyspace: Arc<Keyspace>) -> Directory {
    let mut directory = Directory::new(keyspace);
    let mut snapshot = directory.emptied();
    for (key, value) in [("worker1.tf.local.", "10.0.0.1"), ("worker2.tf.local.", "10.0.0.2")] {
        let value = format!(r#"{{"ipv4":"{value}","port":"53"}}"#);
        let value = Some(value.as_bytes());
        let fingerprint = fingerprint(7, value);
        snapshot.apply(0, Entry { key: key.as_bytes(), value, mod_revision: 5, fingerprint });
    }
    directory.replace(snapshot, 5);
    directory.set_own(SlotId::new(2));
    directory
}

fn names(directory: &Directory) -> Vec<String> {
    directory.records().map(|(name, record)| format!("{name} {record}")).collect()
}

/// Octets: what is asked and whether it has to be signed, the serial that is held, and messages. Each has its length
/// before it in two octets, and before that one that says whether header and question are as they should be; where it
/// has to be signed, three follow it that say what becomes of its signature.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let kind = input.octet();
    let serial = input.u32();
    let mut guard = (kind & SIGNED != 0).then(Guard::new);
    let kind = kind & !SIGNED;
    let requests = [TransferRequest::Whole, TransferRequest::Since(serial), TransferRequest::Soa];
    let request = requests[usize::from(kind) % requests.len()];
    let qtype: u8 = [252, 251, 6][usize::from(kind) % requests.len()];
    let keyspace = keyspace();
    let zones = Arc::new(TransferZones::new(keyspace.clone()).expect("zones"));
    let mut directory = directory(keyspace);
    let before = names(&directory);
    let mut reader = TransferReader::new(zones.clone(), ZONE, request, ID);
    let mut whole = WholeTable::new(&directory, &zones);
    let mut set = ChangeSet::new(&zones);
    let mut changes = Vec::new();
    while !input.is_empty() {
        let message = message(&mut input, qtype);
        let message = match &mut guard {
            None => message,
            Some(guard) => match guard.judge(message, &mut input) {
                Some(believed) => believed,
                None => break,
            },
        };
        changes.clear();
        let Ok(state) = reader.read(&message, &mut changes) else { break };
        let content = reader.content();
        assert!(content.is_some() || changes.is_empty(), "it is known what comes");
        for (place, change) in changes.drain(..) {
            let taken = match content {
                Some(TransferContent::Whole) => whole.take(place, change),
                Some(TransferContent::Changes) => set.take(place, change),
                Some(TransferContent::UpToDate) | None => panic!("there is nothing to come"),
            };
            if taken.is_err() {
                return;
            }
        }
        if state == TransferState::End {
            if guard.is_some_and(|guard| !guard.verifier.is_settled()) {
                return;
            }
            match content.expect("what came") {
                TransferContent::Whole => {
                    while whole.forget_gone(1) {}
                    directory.replace_transferred(whole.finish(), 9, reader.serial());
                }
                TransferContent::Changes => while set.apply(&mut directory, 1) {},
                TransferContent::UpToDate => assert_eq!(names(&directory), before),
            }
            check(&directory);
            return;
        }
    }
    assert_eq!(names(&directory), before);
}

/// The server that signs, and the client that judges.
struct Guard {
    signer: ReplySigner,
    verifier: ReplyVerifier,
}

impl Guard {
    fn new() -> Guard {
        let key = || TsigKey::new("k".parse().expect("a name"), Algorithm::HmacSha256, b"secret");
        let mut request = TransferRequest::Whole.message(ID, ZONE);
        let verifier = sign_request(&Arc::new(key()), &mut request, NOW);
        let read = SignedRequest::read(&request, &TsigKeys::new(vec![key()]), NOW);
        let signer = read.expect("well formed").expect("signed").judgement.expect("good");
        Guard { signer, verifier }
    }

    /// What is believed of a message that the next octets say is signed, or not, and changed on its way; `None`:
    /// nothing is.
    fn judge(&mut self, message: Vec<u8>, input: &mut Input<'_>) -> Option<Vec<u8>> {
        let (how, place, change) = (input.octet(), input.octet(), input.octet());
        let was_settled = self.verifier.is_settled();
        let mut sent = message.clone();
        if how & 1 == 0 {
            self.signer.sign(&mut sent, NOW + u64::from(how));
        }
        let place = usize::from(place) * sent.len().max(1) / 256;
        if let Some(octet) = sent.get_mut(place) {
            *octet ^= change;
        }
        let believed = self.verifier.verify(&sent, NOW).ok()?;
        if self.verifier.is_settled() {
            // The ID alone may be another one.
            assert!(how & 1 == 0 && believed.get(2..) == message.get(2..), "nobody signed that");
        } else {
            assert!(was_settled || believed == sent, "the first is signed");
        }
        Some(believed)
    }
}

/// The next message, which is as it should be up to its question if the first octet says so.
fn message(input: &mut Input<'_>, qtype: u8) -> Vec<u8> {
    let is_good = input.octet() & 1 == 0;
    let length = usize::from(input.octet()) << 8 | usize::from(input.octet());
    let octets = input.take(length);
    if !is_good {
        return octets.to_vec();
    }
    let (counts, records) = octets.split_at(octets.len().min(2));
    let [answers, additional] = [0, 1].map(|at| counts.get(at).copied().unwrap_or_default());
    let head = [[0x12, 0x34, 0x84, 0], [0, 1, 0, answers], [0, 0, 0, additional]].concat();
    [&head, QUESTION, &[0, qtype, 0, 1], records].concat()
}

fn check(directory: &Directory) {
    let own = directory.record(b"worker2.tf.local.").and_then(|record| record.ipv4);
    assert_eq!(own, Some([10, 0, 0, 2].into()), "nobody else tells of the own name");
    let mut grouped = 0;
    for (place, names, record) in directory.nodes_from(NodePlace::FIRST) {
        let name = names.name(place.slot);
        let is_in_zone = name.starts_with("worker") && name.ends_with(".tf.local.");
        assert!(is_in_zone, "{name}");
        assert!(record.ipv4.is_some() || record.ipv6.is_some());
        grouped += usize::from(place.range == 0 && directory.standing(place).is_in_group());
    }
    assert_eq!(directory.grouped(), grouped);
    assert!(
        directory.group(b"worker.tf.local.").is_some_and(|group| group.ipv4().len() <= grouped)
    );
}
