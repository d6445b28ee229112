//! Asks every live node all the time for a name that is there all the time, and a bare server beside
//! them as a control.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use simple_dns::TYPE;
use support::dns::connected;
use support::question;

/// What is not answered by then is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time in which a node that begins to listen is asked again.
const WHILE_STARTING: Duration = Duration::from_millis(50);
/// A process that ends closes its sockets some time before it is gone; on a busy machine so long.
const ENDING: Duration = Duration::from_secs(3);

/// An answer that took longer waited for something else than a processor: the time-out of etcd's calls
/// is 500 ms.
const WAITED: Duration = Duration::from_millis(400);

const NOERROR: u8 = 0;
const NXDOMAIN: u8 = 3;

/// What was seen of all nodes together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub asked: u32,
    pub lost: u32,
    /// Answers that came, later than [`WAITED`].
    pub late: u32,
    /// Answers that the name does not exist.
    pub denied: u32,
    /// Answers without the name, after it was answered by the same process.
    pub withdrawn: u32,
    pub worst: Duration,
    pub control_worst: Duration,
    /// The longest time from the start of a process to its first answer.
    pub slowest_start: Duration,
}

/// Whether a node is expected to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Down,
    /// From this time on: not yet.
    Starting(Instant),
    Live,
}

/// Who is asked.
#[derive(Clone, Copy, Debug)]
struct Target {
    address: SocketAddr,
    phase: Phase,
    /// Its process; `None`: one that does not end.
    pid: Option<u32>,
    /// Grows with each change.
    generation: u32,
    /// Whether this process has answered the name.
    has_answered: bool,
}

type Shared = Arc<Mutex<Target>>;

fn lock(target: &Shared) -> MutexGuard<'_, Target> {
    target.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The threads that ask.
pub struct Watcher {
    targets: Vec<Shared>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Seen>>,
    control: JoinHandle<Seen>,
}

impl Watcher {
    /// Asks for this name, `count` nodes that are down at first.
    pub fn start(count: usize, name: &str) -> Watcher {
        let ended = Arc::new(AtomicBool::new(false));
        let target = |address, phase| {
            let target = Target { address, phase, pid: None, generation: 0, has_answered: false };
            Arc::new(Mutex::new(target))
        };
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        let targets: Vec<Shared> = (0..count).map(|_| target(nobody, Phase::Down)).collect();
        // As many questions a second, however many nodes there are.
        let between = Duration::from_millis(count.max(10) as u64);
        let ask = |target: &Shared| {
            let (target, ended, name) = (target.clone(), ended.clone(), name.to_owned());
            thread::spawn(move || ask(&target, &name, between, &ended))
        };
        let threads = targets.iter().map(&ask).collect();
        let control = ask(&target(bare_server(), Phase::Live));
        Watcher { targets, ended: ended.clone(), threads, control }
    }

    fn change(&self, index: usize, change: impl FnOnce(&mut Target)) {
        let mut target = lock(&self.targets[index]);
        target.generation += 1;
        change(&mut target);
    }

    /// A process was started that is going to answer here.
    pub fn starts(&self, index: usize, address: SocketAddr, pid: u32) {
        self.change(index, |target| {
            let phase = Phase::Starting(Instant::now());
            let pid = Some(pid);
            *target = Target { address, phase, pid, has_answered: false, ..*target };
        });
    }

    /// It is not expected to answer any more.
    pub fn is_down(&self, index: usize) {
        self.change(index, |target| target.phase = Phase::Down);
    }

    /// It goes on as if nothing had been.
    pub fn goes_on(&self, index: usize) {
        self.change(index, |target| target.phase = Phase::Live);
    }

    pub fn stop(self) -> Seen {
        self.ended.store(true, Ordering::SeqCst);
        let mut all = Seen::default();
        for thread in self.threads {
            let seen = thread.join().expect("no panic");
            all.asked += seen.asked;
            all.lost += seen.lost;
            all.late += seen.late;
            all.denied += seen.denied;
            all.withdrawn += seen.withdrawn;
            all.worst = all.worst.max(seen.worst);
            all.slowest_start = all.slowest_start.max(seen.slowest_start);
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
            // One answer, by what it says.
            query[7] = 1;
            let _ = socket.send_to(&query[..length], client);
        }
    });
    address
}

fn ask(shared: &Shared, name: &str, between: Duration, ended: &AtomicBool) -> Seen {
    let mut query = question(name, TYPE::A);
    let mut seen = Seen::default();
    let mut number: u16 = 0;
    let mut socket: Option<(SocketAddr, UdpSocket)> = None;
    while !ended.load(Ordering::SeqCst) {
        let target = *lock(shared);
        let (pause, patience) = match target.phase {
            Phase::Live => (between, PATIENCE),
            Phase::Starting(_) | Phase::Down => (WHILE_STARTING, WHILE_STARTING),
        };
        thread::sleep(pause);
        if target.phase == Phase::Down {
            continue;
        }
        let (_, socket) = match &socket {
            Some(known) if known.0 == target.address => known,
            _ => socket.insert((target.address, connected(target.address, WHILE_STARTING))),
        };
        number = number.wrapping_add(1);
        query[..2].copy_from_slice(&number.to_be_bytes());
        let began = Instant::now();
        let is_current = || lock(shared).generation == target.generation;
        let is_sent = socket.send(&query).is_ok();
        let rcode = is_sent.then(|| reply(socket, number, patience, is_current)).flatten();
        let took = began.elapsed();
        let asked_live = target.phase == Phase::Live;
        let has_ended = rcode.is_none() && asked_live && ends(shared, &target);
        let mut now = lock(shared);
        if now.generation != target.generation {
            // It was stopped, or started, while it was asked.
            continue;
        }
        match (target.phase, rcode) {
            (Phase::Down, _) | (Phase::Starting(_), None) => continue,
            (Phase::Starting(since), Some(_)) => {
                seen.slowest_start = seen.slowest_start.max(since.elapsed());
                now.phase = Phase::Live;
            }
            (Phase::Live, None) if has_ended => {
                now.phase = Phase::Down;
                continue;
            }
            (Phase::Live, _) => {
                if took > WAITED {
                    println!("LATE: {} answers after {took:.3?}", target.address);
                    seen.late += 1;
                }
                seen.asked += 1;
                seen.worst = seen.worst.max(took);
            }
        }
        now.has_answered |= rcode == Some(NOERROR);
        let address = target.address;
        match rcode {
            None => {
                println!("LOST: no answer from {address} in {took:.3?}");
                seen.lost += 1;
            }
            Some(NOERROR) => {}
            Some(NXDOMAIN) => {
                println!("DENIED: {address} says that {name} does not exist");
                seen.denied += 1;
            }
            Some(rcode) if target.has_answered => {
                println!("WITHDRAWN: {address} says {rcode} to {name}, and knew it before");
                seen.withdrawn += 1;
            }
            Some(_) => {}
        }
    }
    seen
}

/// The response code of the reply to the query of this number. No record is no name.
/// `None`: it does not come while its server is the one that was asked.
fn reply(
    socket: &UdpSocket,
    number: u16,
    patience: Duration,
    is_current: impl Fn() -> bool,
) -> Option<u8> {
    let end = Instant::now() + patience;
    let mut reply = [0; 512];
    while Instant::now() < end && is_current() {
        match socket.recv(&mut reply) {
            Ok(_) if reply[..2] == number.to_be_bytes() => {
                let is_empty = reply[6..8] == [0, 0];
                let rcode = reply[3] & 0x0f;
                return Some(if rcode == NOERROR && is_empty { NXDOMAIN } else { rcode });
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
    None
}

/// Whether the process that gave no answer is one that ends.
fn ends(shared: &Shared, target: &Target) -> bool {
    let end = Instant::now() + ENDING;
    while Instant::now() < end {
        if lock(shared).generation != target.generation || target.pid.is_some_and(is_gone) {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Whether a process is gone, but for its parent to be told.
fn is_gone(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // After the name of the program, which is in parentheses and may hold anything.
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    state.is_none_or(|state| "ZX".contains(state))
}
