//! What comes back from etcd's gateway, or from whatever else listens there: the client of etcd makes
//! its calls over connections in memory, and what it reads goes into a directory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use idetcd::cluster::{Directory, Entry, Keyspace, Pattern, Record};
use idetcd::etcd::{
    Clock, Compare, Credentials, Equal, Error, Etcd, EventKind, GatewayClient, KeyValue, LeaseId,
    Op, Range, ReadDeadline, Txn, WatchRange, WatchReply, WatchStream,
};

use super::input::Input;
use super::memory::Wire;
use super::pattern::check_record;

/// Far enough for what never waits.
const PATIENCE: Duration = Duration::from_secs(60);

/// What parts the replies to several requests: a control character, which JSON does not have.
const SEPARATOR: u8 = 0x1e;

/// The status lines that wrap a body; with `None` the reply is HTTP as it stands.
const STATUS: [Option<&str>; 8] = [
    Some("200 OK"),
    None,
    Some("400 Bad Request"),
    Some("401 Unauthorized"),
    Some("404 Not Found"),
    Some("500 Internal Server Error"),
    Some("503 Service Unavailable"),
    Some("302 Found\r\nLocation: http://127.0.0.2/"),
];

/// The longest line that an error may become, in octets: 300 characters of a peer, and ours.
const LONGEST_ERROR: usize = 1600;

type Call = fn(&mut GatewayClient) -> Result<(), Error>;

/// Two stand twice: the corpus counts on the numbers of the others.
const CALLS: [Call; 7] = [range, txn, range, txn, grant, keep_alive, revoke];

/// Octets: the call and who makes it, the status, how many octets arrive at a time, and the replies.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let call = input.octet();
    let status = *input.choose(&STATUS);
    let piece = usize::from(input.octet());
    let bodies: Vec<_> = input.rest().split(|octet| *octet == SEPARATOR).collect();
    let replies = |length| bodies.iter().map(move |body| http(status, body, length));
    let client = |wire: &Wire| client(wire).with_credentials(credentials(call));
    if let Some(call) = CALLS.get(usize::from(call % 8)) {
        check(&call(&mut client(&Wire::new(replies(Length::Told), piece))));
        return;
    }
    let watch = |piece| {
        let wire = Wire::new(replies(Length::Chunked), piece);
        watch(&mut client(&wire), &wire)
    };
    let (changes, end) = watch(0);
    let in_pieces = watch(piece.max(1));
    follow(&changes);
    check(&end.clone().map_or(Ok(()), Err));
    // Of HTTP that breaks off, more may be seen in pieces than at once.
    if status.is_some() {
        assert_eq!((changes, end), in_pieces, "a watch that arrives in pieces");
    }
}

/// Half of the calls are made as a user.
fn credentials(call: u8) -> Option<Credentials> {
    let user = || Credentials::new("node", "secret".to_owned());
    (call & 8 != 0).then(user)
}

/// How the length of a body is told.
#[derive(Clone, Copy)]
enum Length {
    Told,
    Chunked,
}

/// A body wrapped in HTTP.
fn http(status: Option<&str>, body: &[u8], length: Length) -> Vec<u8> {
    let Some(status) = status else { return body.to_vec() };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
    let mut reply = head.into_bytes();
    match length {
        Length::Told => {
            reply.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            reply.extend_from_slice(body);
        }
        Length::Chunked => {
            reply.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for line in body.split_inclusive(|octet| *octet == b'\n') {
                reply.extend(format!("{:x}\r\n", line.len()).bytes());
                reply.extend_from_slice(line);
                reply.extend(b"\r\n");
            }
            reply.extend(b"0\r\n\r\n");
        }
    }
    reply
}

fn client(wire: &Wire) -> GatewayClient {
    let endpoints = vec!["http://127.0.0.1:2379".to_owned()];
    let clock = Clock::new(Instant::now);
    GatewayClient::new(wire.agent(), endpoints, PATIENCE, clock, ReadDeadline::default())
}

/// What went wrong is told in one line of bounded length.
fn check(result: &Result<(), Error>) {
    let Err(error) = result else { return };
    let text = error.to_string();
    assert!(!text.contains(char::is_control) && text.len() < LONGEST_ERROR, "{text:?}");
    assert!(error.is_like(error), "{text}");
}

fn all() -> Range {
    Range::new("worker1", Some(b"worker:".to_vec()))
}

fn range(client: &mut GatewayClient) -> Result<(), Error> {
    let reply = client.range(&all())?;
    store(reply.kvs.iter().map(|kv| (kv, EventKind::Put)));
    Ok(())
}

fn txn(client: &mut GatewayClient) -> Result<(), Error> {
    let key = || b"worker1.tf.local.".to_vec();
    let txn = Txn {
        compare: vec![Compare { key: key(), to: Equal::CreateRevision(0) }],
        success: vec![
            Op::Range(Range { count_only: true, ..all() }),
            Op::Put { key: key(), value: b"{}".to_vec(), lease: LeaseId(7) },
            Op::Range(all()),
        ],
        failure: vec![Op::Delete(key()), Op::Range(all())],
    };
    let reply = client.txn(&txn)?;
    let branch = if reply.succeeded { &txn.success } else { &txn.failure };
    let ranges = branch.iter().filter(|op| matches!(op, Op::Range(_))).count();
    assert_eq!(reply.ranges.len(), ranges);
    for range in &reply.ranges {
        store(range.kvs.iter().map(|kv| (kv, EventKind::Put)));
    }
    Ok(())
}

fn grant(client: &mut GatewayClient) -> Result<(), Error> {
    let lease = client.lease_grant(Duration::from_secs(20))?;
    assert_ne!(lease, LeaseId(0), "no lease has this number");
    Ok(())
}

fn keep_alive(client: &mut GatewayClient) -> Result<(), Error> {
    if let Some(renewed) = client.lease_keep_alive(LeaseId(7))? {
        assert!(!renewed.left.is_zero(), "a lease without time to live is gone");
        assert!(Instant::now().checked_add(renewed.left).is_some(), "a time that a clock can show");
    }
    Ok(())
}

fn revoke(client: &mut GatewayClient) -> Result<(), Error> {
    client.lease_revoke(LeaseId(7))
}

/// Opens a watch and reads it to its end: what came, and why it ended.
fn watch(client: &mut GatewayClient, wire: &Wire) -> (Vec<WatchReply>, Option<Error>) {
    let range = |key: &str| WatchRange {
        key: key.into(),
        range_end: Vec::new(),
        start_revision: 7,
        deletions_only: false,
    };
    let mut replies = Vec::new();
    let mut watch = match client.watch(&[range("worker1"), range("db.")]) {
        Ok(watch) => watch,
        Err(error) => return (replies, Some(error)),
    };
    wire.begin_gaps();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match watch.next(deadline) {
            Ok(Some(reply)) => replies.push(reply),
            Ok(None) => {}
            Err(error) => return (replies, Some(error)),
        }
    }
}

fn follow(replies: &[WatchReply]) {
    let events = replies.iter().flat_map(|reply| &reply.events);
    store(events.map(|event| (&event.kv, event.kind)));
}

/// Puts what was read into a directory.
fn store<'a>(kvs: impl Iterator<Item = (&'a KeyValue, EventKind)>) {
    let pattern = Pattern::parse("worker{{.ID}}.tf.local.", 5).expect("a good pattern");
    let mut directory = Directory::new(Arc::new(Keyspace::new(pattern, 5)));
    for (kv, kind) in kvs {
        let value = match kind {
            EventKind::Put => Some(kv.value.as_slice()),
            EventKind::Delete => None,
        };
        directory
            .apply(0, Entry { key: &kv.key, value, mod_revision: kv.mod_revision, fingerprint: 0 });
        if let Ok(record) = Record::parse(&kv.value) {
            check_record(&record);
        }
    }
    assert!(directory.records().count() <= directory.len());
}
