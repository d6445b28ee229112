//! A client that asks a server over and over, and keeps the worst.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use simple_dns::TYPE;

use super::{connected, question};

/// A prober that runs until it is stopped.
pub struct Prober {
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Probed>,
}

/// What a prober saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Probed {
    pub asked: u32,
    pub lost: u32,
    /// The longest wait for a reply, without the time for which the machine let nobody run.
    pub worst: Duration,
}

/// Notes for how long the machine lets a thread wait that has nothing to do but to wake up.
#[derive(Clone, Default)]
struct Stalls(Arc<AtomicU64>);

impl Stalls {
    /// Follows them until it is ended.
    fn follow(&self, ended: Arc<AtomicBool>) {
        let microseconds = self.0.clone();
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let began = Instant::now();
                thread::sleep(BEAT);
                let late = began.elapsed().saturating_sub(2 * BEAT).as_micros();
                microseconds.fetch_add(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        });
    }

    /// All of them so far, together.
    fn total(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

/// The time between two looks at the machine.
const BEAT: Duration = Duration::from_millis(1);

impl Prober {
    /// Asks for a name every few milliseconds from now on.
    pub fn start(server: SocketAddr, name: &str) -> Prober {
        let ended = Arc::new(AtomicBool::new(false));
        let query = question(name, TYPE::A);
        let thread = {
            let ended = ended.clone();
            let stalls = Stalls::default();
            stalls.follow(ended.clone());
            thread::spawn(move || probe(server, query, &ended, &stalls))
        };
        Prober { ended, thread }
    }

    /// Ends it, and tells what it saw.
    pub fn stop(self) -> Probed {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

fn probe(server: SocketAddr, mut query: Vec<u8>, ended: &AtomicBool, stalls: &Stalls) -> Probed {
    let socket = connected(server, Duration::from_secs(2));
    let mut probed = Probed::default();
    let mut reply = [0; 1500];
    while !ended.load(Ordering::Relaxed) {
        probed.asked += 1;
        query[..2].copy_from_slice(&(probed.asked as u16).to_be_bytes());
        let (began, stalled) = (Instant::now(), stalls.total());
        socket.send(&query).expect("sent");
        loop {
            match socket.recv(&mut reply) {
                Ok(_) if reply[..2] != query[..2] => continue,
                Ok(_) => break,
                Err(_) => {
                    probed.lost += 1;
                    break;
                }
            }
        }
        let took = began.elapsed();
        // By then a stall that goes on is over, too.
        thread::sleep(Duration::from_millis(2));
        probed.worst = probed.worst.max(took.saturating_sub(stalls.total() - stalled));
    }
    probed
}
