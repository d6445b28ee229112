//! A client that asks a server over and over, and keeps the worst.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    pub worst: Duration,
}

impl Prober {
    /// Asks for a name every few milliseconds from now on.
    pub fn start(server: SocketAddr, name: &str) -> Prober {
        let ended = Arc::new(AtomicBool::new(false));
        let query = question(name, TYPE::A);
        let thread = {
            let ended = ended.clone();
            thread::spawn(move || probe(server, query, &ended))
        };
        Prober { ended, thread }
    }

    /// Ends it, and tells what it saw.
    pub fn stop(self) -> Probed {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().expect("no panic")
    }
}

fn probe(server: SocketAddr, mut query: Vec<u8>, ended: &AtomicBool) -> Probed {
    let socket = connected(server, Duration::from_secs(2));
    let mut probed = Probed::default();
    let mut reply = [0; 1500];
    while !ended.load(Ordering::Relaxed) {
        probed.asked += 1;
        query[..2].copy_from_slice(&(probed.asked as u16).to_be_bytes());
        let began = Instant::now();
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
        probed.worst = probed.worst.max(began.elapsed());
        thread::sleep(Duration::from_millis(2));
    }
    probed
}
