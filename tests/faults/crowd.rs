//! A node that starts while many others are in the queue: what it answers until it knows them, and that it
//! is not blind to what becomes of its own name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::{Action, Directory, Etcd, Node, PATIENCE, Phase, Proxy, ask, lookup, slot_in, until};

/// So many that a node waits for others to be named.
const OTHERS: u32 = 200;
/// A quarter of it, or four seconds, is how long a node waits for that.
const OPTIONS: [&str; 2] = ["--lease-ttl", "60"];

fn ticket(number: u32) -> String {
    format!("{}#10.9.{}.{},53", support::PATTERN, number / 200, number % 200)
}

/// Tickets in the queue, which leave it one by one.
struct Crowd {
    ended: Arc<AtomicBool>,
    leaving: Option<thread::JoinHandle<()>>,
}

impl Crowd {
    fn gather(etcd: &Etcd) {
        for number in 0..OTHERS {
            etcd.put(&ticket(number), b"");
        }
    }

    fn leave(etcd: &Arc<Etcd>) -> Crowd {
        let ended = Arc::new(AtomicBool::new(false));
        let (etcd, stop) = (etcd.clone(), ended.clone());
        let leaving = thread::spawn(move || {
            for number in 0..OTHERS {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                etcd.delete(&ticket(number));
                thread::sleep(Duration::from_millis(40));
            }
        });
        Crowd { ended, leaving: Some(leaving) }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        if let Some(leaving) = self.leaving.take() {
            let _ = leaving.join();
        }
    }
}

#[test]
fn names_that_came_while_a_node_was_named_are_never_denied() {
    let etcd = Arc::new(Etcd::start());
    etcd.put("worker1.tf.local.", br#"{"ipv4":"10.9.9.1"}"#);
    Crowd::gather(&etcd);
    let proxy = Proxy::new(&etcd.address());
    let (behind, mut transactions) = (etcd.clone(), 0);
    proxy.police(move |passing| {
        let is_txn = passing.path == "/v3/kv/txn" && passing.phase == Phase::Request;
        transactions += u32::from(is_txn);
        if is_txn && transactions == 2 {
            // Between the ticket and the claim.
            behind.put("worker2.tf.local.", br#"{"ipv4":"10.9.9.2"}"#);
        }
        Action::Pass
    });
    let _crowd = Crowd::leave(&etcd);
    let node = Node::at(&proxy.endpoint(), 1, OTHERS + 50, &OPTIONS);
    let slot = node.slot();
    let server = node.address();
    let own = format!("worker{slot}.tf.local.");
    assert_eq!(lookup(server, &own).as_deref(), Some("10.0.0.2"), "the own name is known");
    assert_eq!(lookup(server, "worker1.tf.local.").as_deref(), Some("10.9.9.1"));
    let mut unknown = 0;
    until(PATIENCE, "the name is known", || {
        let nobody = ask(server, "worker9.tf.local.", TYPE::A);
        let group = ask(server, "worker.tf.local.", TYPE::A);
        let reply = ask(server, "worker2.tf.local.", TYPE::A);
        assert_ne!(reply.rcode, 3, "it is denied:\n{}", node.log());
        unknown += u32::from(reply.rcode == 2);
        if reply.rcode == 2 {
            assert_eq!((nobody.rcode, group.rcode), (2, 2));
        }
        (reply.rcode == 0).then_some(())
    });
    println!("unknown {unknown} times before it was known");
    assert!(unknown > 0);
    until(PATIENCE, "all is known", || {
        (ask(server, "worker9.tf.local.", TYPE::A).rcode == 3).then_some(())
    });
    let mut group = ask(server, "worker.tf.local.", TYPE::A).answers;
    group.sort_unstable();
    assert_eq!(group, ["10.0.0.2", "10.9.9.1", "10.9.9.2"]);
}

#[test]
fn a_node_that_waits_for_others_is_told_at_once_what_becomes_of_its_name() {
    let etcd = Arc::new(Etcd::start());
    Crowd::gather(&etcd);
    let _crowd = Crowd::leave(&etcd);
    let directory = Directory::new();
    for (number, change) in [(1, "overwritten"), (2, "deleted")] {
        let path = directory.file(change);
        let options = [&OPTIONS[..], &["--name-file", &path]].concat();
        let node = Node::in_cluster(&etcd, number, OTHERS + 50, &options);
        let key = format!("worker{}.tf.local.", node.slot());
        // Each telling is a new file: the same name may be free, and be taken again at once.
        let told = || std::fs::metadata(&path).and_then(|it| it.modified()).ok();
        let before = until(PATIENCE, "the name is told", told);
        let began = Instant::now();
        if change == "deleted" {
            etcd.delete(&key);
        } else {
            etcd.put(&key, br#"{"ipv4":"10.9.9.9"}"#);
        }
        until(PATIENCE, "it is not told any more", || (told() != Some(before)).then_some(()));
        let noticed = began.elapsed();
        println!("{change} after {noticed:?}");
        node.wait_for_log(&format!("lost {key}"));
        // Far less than it waits for the others.
        assert!(noticed < Duration::from_secs(2), "{change}: {noticed:?}");
        slot_in(&node.wait_for_log("re-claimed"));
    }
}
