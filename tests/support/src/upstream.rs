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
    /// Well, with a TTL of one second.
    Fleeting,
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
    /// A forged one under the right ID in the client's spelling, or another if that is the right one, and
    /// then the right one.
    ForgedSpellingFirst,
    /// With all names in small letters, over UDP and TCP; `Deaf`: over UDP alone.
    SmallLetters,
    SmallLettersDeaf,
    /// To OPT with FORMERR and nothing else, and else well.
    NoEdns,
    /// With a cookie; a query without that has BADCOOKIE. One that has it is answered with a forged reply
    /// without a cookie before the right one.
    Cookies,
    /// With OPT that has this payload, and an extended error in it.
    Tells(u16),
}

/// What it was asked: by whom, under which ID, and in all.
#[derive(Clone, Debug)]
pub struct Asked {
    pub from: SocketAddr,
    pub id: u16,
    pub query: Vec<u8>,
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
    query.windows(12).any(|octets| octets.eq_ignore_ascii_case(b"\x04loop\x06idetcd"))
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
        asked.lock().expect("no panic").push(Asked { from, id, query: query.to_vec() });
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
            Habit::ForgedSpellingFirst => {
                let mut forged = wrong_address(query);
                let end = 12 + question_length(query);
                let small = forged[12..end].to_ascii_lowercase();
                let is_small = forged[12..end] == small[..];
                forged[12..end].copy_from_slice(&small);
                if is_small {
                    forged[12..end].make_ascii_uppercase();
                }
                send(&forged);
                send(&good(query));
            }
            Habit::Cookies if server_cookie(query) == Some(SERVER_COOKIE) => {
                send(&wrong_address(query));
                send(&with_opt(good(query), 0, 1232, &cookie_for(query)));
            }
            habit => send(&reply(query, habit)),
        }
    }
}

/// The length of the question's name on the wire.
fn question_length(query: &[u8]) -> usize {
    query[12..].iter().position(|octet| *octet == 0).expect("a name") + 1
}

/// The server's part of the cookie that it gives to everybody.
const SERVER_COOKIE: &[u8] = b"server's";

/// The data of the first option of OPT, which is the only record, where that is a cookie.
pub fn cookie(query: &[u8]) -> Option<&[u8]> {
    let opt = &query[12 + question_length(query) + 4..];
    let is_cookie = opt.get(11..13) == Some(&[0, 10]);
    opt.get(15..15 + usize::from(*opt.get(14)?)).filter(|_| is_cookie)
}

fn server_cookie(query: &[u8]) -> Option<&[u8]> {
    cookie(query)?.get(8..)
}

/// The option that answers the cookie of a query.
fn cookie_for(query: &[u8]) -> Vec<u8> {
    let client = &cookie(query).expect("a cookie")[..8];
    [&[0, 10, 0, 16], client, SERVER_COOKIE].concat()
}

/// Adds OPT with the high bits of the response code.
fn with_opt(mut reply: Vec<u8>, rcode_bits: u8, payload: u16, options: &[u8]) -> Vec<u8> {
    let [high, low] = payload.to_be_bytes();
    let length = u8::try_from(options.len()).expect("short");
    reply[11] += 1;
    reply.extend([0, 0, 41, high, low, rcode_bits, 0, 0, 0, 0, length]);
    reply.extend(options);
    reply
}

/// With the names in small letters.
fn small(mut reply: Vec<u8>) -> Vec<u8> {
    let end = 12 + question_length(&reply);
    reply[12..end].make_ascii_lowercase();
    reply
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
            Habit::SmallLettersDeaf => continue,
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
        Habit::SmallLetters | Habit::SmallLettersDeaf => small(good(query)),
        Habit::NoEdns if query[11] > 0 => {
            let mut reply = query[..12].to_vec();
            reply[2..].copy_from_slice(&[0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]);
            reply
        }
        Habit::Cookies if server_cookie(query) != Some(SERVER_COOKIE) => {
            let mut reply = with_opt(answered_with_nothing(query), 1, 1232, &cookie_for(query));
            reply[3] = 0x80 | 7;
            reply
        }
        Habit::Cookies => with_opt(good(query), 0, 1232, &cookie_for(query)),
        Habit::Tells(payload) => with_opt(good(query), 0, payload, &[0, 15, 0, 3, 0, 4, b'x']),
        Habit::Fleeting => {
            let mut reply = good(query);
            let ttl_end = reply.len() - 6;
            reply[ttl_end - 1] = 1;
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
