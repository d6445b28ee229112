//! A name server that a forwarder asks, with habits of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::dns::tcp::{framed, try_receive};

/// How it answers. Whatever it answers well has the address 192.0.2.80.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    Good,
    /// Not at all.
    Silent,
    /// Well, but so much later.
    Slow(Duration),
    /// With this response code.
    Says(u8),
    /// The same without the question, and with OPT.
    SaysBarely(u8),
    /// Over UDP that the answer is too long.
    Truncates,
    /// Over UDP with more octets than were asked for.
    Overlong,
    /// Under another ID, with another question, or from another port.
    WrongId,
    WrongQuestion,
    WrongSource,
    /// All three wrong ones first, and then the right one.
    LiesFirst,
}

/// What it was asked: by whom, and under which ID.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub from: SocketAddr,
    pub id: u16,
}

/// A name server that runs until it is dropped.
pub struct Upstream {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// Whether it is the forwarder's own look for loops, which no client asked for.
fn is_probe(query: &[u8]) -> bool {
    query.windows(12).any(|octets| octets == b"\x04loop\x06idetcd")
}

impl Upstream {
    pub fn start(habit: Habit) -> Upstream {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("an address")) {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().expect("an address");
        let (asked, ended) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let threads = vec![
            thread::spawn({
                let (asked, ended) = (Arc::clone(&asked), ended.clone());
                move || serve_datagrams(&udp, habit, &asked, &ended)
            }),
            thread::spawn({
                let (asked, ended) = (Arc::clone(&asked), ended.clone());
                move || serve_connections(&tcp, habit, &asked, &ended)
            }),
        ];
        Upstream { address, asked, ended, threads }
    }

    /// What it was asked so far by clients.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn note(query: &[u8], from: SocketAddr, asked: &Mutex<Vec<Asked>>) {
    if !is_probe(query) {
        let id = u16::from_be_bytes([query[0], query[1]]);
        asked.lock().expect("no panic").push(Asked { from, id });
    }
}

fn serve_datagrams(
    socket: &UdpSocket,
    habit: Habit,
    asked: &Mutex<Vec<Asked>>,
    ended: &AtomicBool,
) {
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
    let other = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let mut buffer = [0; 4096];
    while !ended.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
        let query = &buffer[..length];
        note(query, from, asked);
        let habit = if is_probe(query) { Habit::Good } else { habit };
        let send = |reply: &[u8]| drop(socket.send_to(reply, from));
        match habit {
            Habit::Silent => {}
            Habit::Slow(delay) => {
                let (socket, reply) = (socket.try_clone().expect("a socket"), good(query));
                thread::spawn(move || {
                    thread::sleep(delay);
                    let _ = socket.send_to(&reply, from);
                });
            }
            Habit::WrongSource => drop(other.send_to(&good(query), from)),
            Habit::LiesFirst => {
                send(&wrong_id(query));
                send(&wrong_question(query));
                let _ = other.send_to(&wrong_address(query), from);
                send(&good(query));
            }
            habit => send(&reply(query, habit)),
        }
    }
}

fn serve_connections(
    listener: &TcpListener,
    habit: Habit,
    asked: &Mutex<Vec<Asked>>,
    ended: &AtomicBool,
) {
    listener.set_nonblocking(true).expect("set");
    while !ended.load(Ordering::Relaxed) {
        let Ok((mut stream, from)) = listener.accept() else {
            thread::sleep(Duration::from_millis(5));
            continue;
        };
        stream.set_nonblocking(false).expect("set");
        let Some(query) = try_receive(&mut stream) else { continue };
        note(&query, from, asked);
        let reply = match habit {
            Habit::Silent => {
                // Kept open without a word until the client gives up.
                let _ = stream.read(&mut [0; 2]);
                continue;
            }
            Habit::Slow(delay) => {
                thread::sleep(delay);
                good(&query)
            }
            Habit::Truncates | Habit::Overlong => good(&query),
            habit => reply(&query, habit),
        };
        let _ = stream.write_all(&framed(&reply));
    }
}

fn reply(query: &[u8], habit: Habit) -> Vec<u8> {
    match habit {
        Habit::Says(rcode) => {
            let mut reply = answered_with_nothing(query);
            reply[3] = 0x80 | rcode;
            reply
        }
        Habit::SaysBarely(rcode) => {
            let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
            let header = [query[0], query[1], 0x81, 0x80 | rcode, 0, 0, 0, 0, 0, 0, 0, 1];
            [&header[..], &opt].concat()
        }
        Habit::Truncates => {
            let mut reply = answered_with_nothing(query);
            reply[2] |= 0x02;
            reply
        }
        Habit::Overlong => {
            let mut reply = good(query);
            reply[7] = 100;
            let record = reply[reply.len() - 16..].to_vec();
            (1..100).for_each(|_| reply.extend(&record));
            reply
        }
        Habit::WrongId => wrong_id(query),
        Habit::WrongQuestion => wrong_question(query),
        _ => good(query),
    }
}

/// What a resolver replies that found nothing: the header, and the question as it was asked.
pub fn answered_with_nothing(query: &[u8]) -> Vec<u8> {
    let end = 12 + query[12..].iter().position(|octet| *octet == 0).expect("a name") + 5;
    let mut reply = query[..end].to_vec();
    reply[2] = 0x81;
    reply[3] = 0x80;
    reply[6..12].fill(0);
    reply
}

/// The same with one address, of the name that was asked for.
pub fn answered(query: &[u8], address: [u8; 4]) -> Vec<u8> {
    let mut reply = answered_with_nothing(query);
    reply[7] = 1;
    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
    reply.extend(address);
    reply
}

fn good(query: &[u8]) -> Vec<u8> {
    answered(query, [192, 0, 2, 80])
}

fn wrong_address(query: &[u8]) -> Vec<u8> {
    answered(query, [192, 0, 2, 66])
}

fn wrong_id(query: &[u8]) -> Vec<u8> {
    let mut reply = wrong_address(query);
    reply[0] ^= 0xff;
    reply
}

fn wrong_question(query: &[u8]) -> Vec<u8> {
    let mut reply = wrong_address(query);
    reply[13] ^= 0x01;
    reply
}
