//! Who is told of changes (NOTIFY, RFC 1996), when and how often, by a server of the test's own.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use idetcd::dns::tsig::SignedRequest;
use idetcd::dns::tsig::{TsigKeys, key_file};
use support::dns::Message;
use support::dns::message::Data;
use support::{AT_ONCE, Etcd, Node, PATIENCE, run, until};

use crate::tsig::Keys;
use crate::zone::{ALLOW, record};

/// A message that a node sent.
struct Told {
    at: Instant,
    from: SocketAddr,
    octets: Vec<u8>,
}

impl Told {
    fn zone(&self) -> String {
        let message = Message::read(&self.octets).expect("well formed");
        assert_eq!(message.flags, 4 << 11 | 0x0400, "NOTIFY and AA");
        let [question] = message.questions.as_slice() else { panic!("one question") };
        assert_eq!((question.rrtype, question.class), (6, 1));
        let labels = question.name.iter().map(|label| String::from_utf8_lossy(label));
        labels.collect::<Vec<_>>().join(".")
    }

    fn serial(&self) -> u32 {
        let message = Message::read(&self.octets).expect("well formed");
        match message.answers.as_slice() {
            [answer] => match answer.data {
                Data::Soa(_, _, numbers) => numbers[0],
                ref other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
}

/// A server that is told of changes. It notes when, and answers at once if it is to.
struct Secondary {
    socket: UdpSocket,
    told: Receiver<Told>,
    answers: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
}

impl Secondary {
    fn start(answers: bool) -> Secondary {
        Secondary::start_at("127.0.0.1:0", answers)
    }

    fn start_at(address: &str, answers: bool) -> Secondary {
        let socket = UdpSocket::bind(address).expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
        let (teller, told) = channel();
        let (answers, is_over) = (Arc::new(AtomicBool::new(answers)), Arc::default());
        let secondary = Secondary { socket, told, answers, is_over };
        let (socket, answers) = (secondary.socket.try_clone(), secondary.answers.clone());
        let (socket, is_over) = (socket.expect("another"), secondary.is_over.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !is_over.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let octets = buffer[..length].to_vec();
                let told = Told { at: Instant::now(), from, octets };
                if answers.load(Ordering::Relaxed) {
                    answer(&socket, &told);
                }
                let _ = teller.send(told);
            }
        });
        secondary
    }

    fn address(&self) -> String {
        self.socket.local_addr().expect("bound").to_string()
    }

    /// The next message that comes in time.
    fn hear(&self, patience: Duration) -> Option<Told> {
        self.told.recv_timeout(patience).ok()
    }

    /// All that came, and comes until nothing does for so long.
    fn hear_all(&self, calm: Duration) -> Vec<Told> {
        std::iter::from_fn(|| self.hear(calm)).collect()
    }
}

impl Drop for Secondary {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn answer(socket: &UdpSocket, told: &Told) {
    let mut reply = told.octets[..question_end(&told.octets)].to_vec();
    reply[2] |= 0x80;
    // The question, and nothing else.
    reply[6..12].fill(0);
    socket.send_to(&reply, told.from).expect("sent");
}

fn question_end(message: &[u8]) -> usize {
    let mut at = 12;
    while message[at] != 0 {
        at += 1 + usize::from(message[at]);
    }
    at + 5
}

fn serial_of(node: &Node) -> u32 {
    let (host, port) = (format!("@{}", node.address().ip()), node.address().port().to_string());
    let soa = run("dig", &["+short", "-p", &port, &host, "tf.local", "SOA"]);
    soa.split(' ').nth(2).and_then(|word| word.parse().ok()).expect("a serial")
}

/// More than it takes until a message comes again that was not answered.
const CALM: Duration = Duration::from_millis(1500);

#[test]
fn a_secondary_is_told_at_the_start_and_of_each_change() {
    let etcd = Etcd::start();
    let secondary = Secondary::start(true);
    let more = ["--also-notify", &secondary.address(), "--resolve", "db.example.com"];
    let node = Node::in_cluster(&etcd, 1, 400, &more);
    node.slot();
    let told = secondary.hear_all(CALM);
    let mut first: Vec<String> = told.iter().take(2).map(Told::zone).collect();
    first.sort();
    assert_eq!(first, ["db.example.com", "tf.local"]);
    assert_eq!(told.last().map(Told::serial), Some(serial_of(&node)));
    // A change when all is calm is told at once.
    let changes = [5, 6, 7].map(|low| {
        let (key, value) = record(7, low);
        etcd.put(&key, value.as_bytes());
        let changed = Instant::now();
        let told = secondary.hear_all(CALM);
        assert_eq!(told.len(), 2, "each zone once");
        (told[0].at - changed, told)
    });
    // The machine may let one of them wait.
    let soonest = changes.iter().map(|(after, _)| *after).min();
    assert!(soonest < Some(AT_ONCE), "{soonest:?}");
    let (_, told) = &changes[2];
    assert!(told.iter().all(|told| told.serial() == serial_of(&node)));
    let address = node.address();
    assert_ne!(told[0].from, address, "its port is for queries");
    assert_eq!(told[0].from.ip(), address.ip());
    // The same once more, as where a name goes to another lease: nothing changed, though the serial did.
    let before = serial_of(&node);
    let (key, value) = record(7, 7);
    etcd.put(&key, value.as_bytes());
    until(PATIENCE, "the serial", || (serial_of(&node) != before).then_some(()));
    assert_eq!(secondary.hear_all(CALM).len(), 0);
}

#[test]
fn many_changes_are_few_messages_and_the_last_serial_is_told() {
    let etcd = Etcd::start();
    let secondary = Secondary::start(true);
    let node = Node::in_cluster(&etcd, 1, 400, &["--also-notify", &secondary.address()]);
    node.slot();
    secondary.hear_all(CALM);
    let began = Instant::now();
    for number in (2..).take_while(|_| began.elapsed() < Duration::from_secs(2)) {
        let (key, value) = record(2 + number % 300, number);
        etcd.put(&key, value.as_bytes());
    }
    let took = began.elapsed();
    let told = secondary.hear_all(CALM);
    let most = took.as_millis() / 200 + 2;
    assert!((2..=most).contains(&(told.len() as u128)), "{} in {took:?}", told.len());
    assert_eq!(told.last().map(Told::serial), Some(serial_of(&node)));
    // Two may be heard together, where this machine stood still.
    let apart = (told[told.len() - 1].at - told[0].at) / (told.len() as u32 - 1);
    assert!(apart > Duration::from_millis(150), "{apart:?}");
}

#[test]
fn who_does_not_answer_is_told_again_and_ever_more_rarely() {
    let etcd = Etcd::start();
    let (secondary, other) = (Secondary::start(false), Secondary::start(true));
    let both = format!("{},{}", secondary.address(), other.address());
    let node = Node::in_cluster(&etcd, 1, 400, &["--also-notify", &both]);
    node.slot();
    let first = secondary.hear(PATIENCE).expect("told");
    // Changes do not hurry it, and others are told as ever.
    other.hear_all(AT_ONCE * 2);
    etcd.put("worker9.tf.local.", br#"{"ipv4":"10.0.0.9"}"#);
    assert!(other.hear(PATIENCE).is_some());
    let mut before = first.at;
    for seconds in [1, 2, 4] {
        let told = secondary.hear(PATIENCE).expect("told again");
        let waited = told.at - before;
        // As it is heard here, which may be late.
        let (wanted, late) = (Duration::from_secs(seconds), Duration::from_millis(300));
        assert!(waited >= wanted - late, "{waited:?} and not {seconds} s");
        assert!(waited < wanted + Duration::from_secs(1), "{waited:?} and not {seconds} s");
        before = told.at;
    }
    // An answer to another message is none; one to this is.
    let told = secondary.hear(PATIENCE).expect("told again");
    let mut wrong = Told { octets: told.octets.clone(), ..told };
    wrong.octets[0] ^= 0x40;
    answer(&secondary.socket, &wrong);
    answer(&secondary.socket, &told);
    secondary.answers.store(true, Ordering::Relaxed);
    assert!(secondary.hear_all(CALM).is_empty());
    etcd.put("worker10.tf.local.", br#"{"ipv4":"10.0.0.10"}"#);
    let changed = Instant::now();
    let told = secondary.hear(PATIENCE).expect("told at once");
    // The next time would have been after eight seconds.
    assert!(told.at - changed < Duration::from_secs(1), "{:?}", told.at - changed);
}

#[test]
fn what_is_told_is_signed_and_so_must_the_answer_be() {
    let etcd = Etcd::start();
    let (secondary, keys) = (Secondary::start(false), Keys::write());
    let key = keys.option("hmac-sha512");
    let node = Node::in_cluster(
        &etcd,
        1,
        400,
        &["--also-notify", &secondary.address(), "--tsig-key", &key],
    );
    node.slot();
    let mut parts = key.splitn(3, ':');
    let mut part = || parts.next().expect("a part");
    let (name, algorithm) = (part().parse().expect("a name"), part().parse().expect("one"));
    let text = std::fs::read_to_string(part()).expect("the file");
    let keys = TsigKeys::new(vec![key_file::find(&text, &name, algorithm).expect("the key")]);
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.expect("after 1970").as_secs()
    };
    let told = secondary.hear(PATIENCE).expect("told");
    let read = SignedRequest::read(&told.octets, &keys, now()).expect("well formed");
    assert!(read.expect("signed").judgement.is_ok());
    // Whoever answers without a signature may be anybody.
    answer(&secondary.socket, &told);
    node.wait_for_log("it is not signed");
    let again = secondary.hear(PATIENCE).expect("told again");
    let read = SignedRequest::read(&again.octets, &keys, now()).expect("well formed");
    let mut signer = read.expect("signed").judgement.expect("good");
    let mut reply = again.octets[..question_end(&again.octets)].to_vec();
    reply[2] |= 0x80;
    reply[6..12].fill(0);
    signer.sign(&mut reply, now());
    secondary.socket.send_to(&reply, again.from).expect("sent");
    let later = secondary.hear(Duration::from_millis(2500));
    assert!(later.is_none_or(|later| later.octets != again.octets), "told again all the same");
}

#[test]
fn who_transferred_a_zone_is_told_of_it_at_the_port_of_dns() {
    let etcd = Etcd::start();
    // Of this process alone.
    let [high, low] = u16::try_from(std::process::id() % 0xffff).expect("16 bits").to_be_bytes();
    let client = format!("127.53.{high}.{low}");
    let secondary = Secondary::start_at(&format!("{client}:53"), true);
    let more = ["--resolve", "db.example.com"];
    let node = Node::in_cluster(&etcd, 1, 400, &[&ALLOW[..], &more].concat());
    node.slot();
    assert!(secondary.hear(CALM).is_none(), "nobody knows of it");
    let (host, port) = (format!("@{}", node.address().ip()), node.address().port().to_string());
    run("dig", &["-b", &client, "-p", &port, &host, "tf.local", "AXFR"]);
    assert!(secondary.hear(CALM).is_none(), "it has the zone");
    for number in [7, 8] {
        let (key, value) = record(number, number);
        etcd.put(&key, value.as_bytes());
        let told = secondary.hear_all(CALM);
        let zones: Vec<String> = told.iter().map(Told::zone).collect();
        assert_eq!(zones, ["tf.local"], "no other zone");
        assert_eq!(told[0].serial(), serial_of(&node));
    }
}
