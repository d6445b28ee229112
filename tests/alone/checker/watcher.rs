//! Asks every live node all the time, and a bare server beside them as a control.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::ANSWERED_WITHIN;
use support::dns::connected;
use support::question;

const BETWEEN: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_millis(500);

/// What was seen of all nodes together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub asked: u32,
    pub lost: u32,
    pub late: u32,
    pub worst: Duration,
    pub control_worst: Duration,
}

/// One target; an odd count of changes says that it is not live.
struct Target {
    address: SocketAddr,
    changes: AtomicU32,
}

/// The threads that ask.
pub struct Watcher {
    targets: Vec<Arc<Target>>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
    control: JoinHandle<Seen>,
}

impl Watcher {
    pub fn start(addresses: Vec<SocketAddr>) -> Watcher {
        let ended = Arc::new(AtomicBool::new(false));
        let target = |address| Arc::new(Target { address, changes: AtomicU32::new(0) });
        let targets: Vec<Arc<Target>> = addresses.into_iter().map(target).collect();
        let ask = |target: &Arc<Target>| {
            let (target, ended) = (target.clone(), ended.clone());
            thread::spawn(move || ask(&target, &ended))
        };
        let threads = targets.iter().map(&ask).collect();
        let control = ask(&target(bare_server()));
        Watcher { targets, ended: ended.clone(), threads, control }
    }

    /// Says whether a node is not live: nobody expects it to answer.
    pub fn ignore(&self, index: usize, ignored: bool) {
        let changes = &self.targets[index].changes;
        let is_ignored = changes.load(Ordering::SeqCst) % 2 == 1;
        if is_ignored != ignored {
            changes.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub fn stop(self) -> Seen {
        self.ended.store(true, Ordering::SeqCst);
        let mut all = Seen::default();
        for thread in self.threads {
            let seen = thread.join().expect("no panic");
            all.asked += seen.asked;
            all.lost += seen.lost;
            all.late += seen.late;
            all.worst = all.worst.max(seen.worst);
        }
        all.control_worst = self.control.join().expect("no panic").worst;
        all
    }
}

/// Sends back what it gets with the bit set that makes it a reply.
fn bare_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut query) {
            query[2] |= 0x80;
            let _ = socket.send_to(&query[..length], client);
        }
    });
    address
}

fn ask(target: &Target, ended: &AtomicBool) -> Seen {
    let socket = connected(target.address, PATIENCE);
    let mut query = question("worker1.tf.local.", simple_dns::TYPE::A);
    let mut seen = Seen::default();
    let mut number: u16 = 0;
    while !ended.load(Ordering::SeqCst) {
        thread::sleep(BETWEEN);
        let changes = target.changes.load(Ordering::SeqCst);
        if changes % 2 == 1 {
            continue;
        }
        number = number.wrapping_add(1);
        query[..2].copy_from_slice(&number.to_be_bytes());
        let began = Instant::now();
        let answered = socket.send(&query).is_ok() && is_answered(&socket, number, began);
        let took = began.elapsed();
        if target.changes.load(Ordering::SeqCst) != changes {
            // It was stopped while it was asked.
            continue;
        }
        seen.asked += 1;
        seen.lost += u32::from(!answered);
        seen.late += u32::from(took > ANSWERED_WITHIN);
        if took > ANSWERED_WITHIN {
            println!("late: {} after {took:?}", target.address);
        }
        seen.worst = seen.worst.max(took);
    }
    seen
}

fn is_answered(socket: &UdpSocket, number: u16, began: Instant) -> bool {
    let mut reply = [0; 512];
    while began.elapsed() < PATIENCE {
        match socket.recv(&mut reply) {
            Ok(_) if reply[..2] == number.to_be_bytes() => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    false
}
