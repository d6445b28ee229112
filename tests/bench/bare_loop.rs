//! The least that a UDP server can do: receive, flip the QR bit, send. Its CPU time for a query is
//! what the sockets cost, and so the measure for a real server. Usage: `bare_loop ADDR:PORT`
//!
//! `bare_loop ADDR:PORT poll` also sleeps as a server must that waits for more than one socket: in
//! poll(2), with as many descriptors as an idle node has, once the socket is found empty. And its
//! replies are longer, by an A record. What that costs, no such server can save.

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// The octets of an A record whose owner is a pointer to the question.
const RECORD: usize = 16;

/// Long enough to be of no account.
const PATIENCE: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let address = arguments.first().map_or("127.0.0.1:5300", String::as_str);
    let socket = UdpSocket::bind(address)?;
    match arguments.get(1).map(String::as_str) {
        None => answer(&socket),
        Some("poll") => answer_and_poll(&socket),
        Some(other) => panic!("{other}: not known; usage: bare_loop ADDR:PORT [poll]"),
    }
}

fn answer(socket: &UdpSocket) -> std::io::Result<()> {
    let mut message = [0; 4096];
    loop {
        let (length, client) = socket.recv_from(&mut message)?;
        message[2] |= 0x80;
        socket.send_to(&message[..length], client)?;
    }
}

fn answer_and_poll(socket: &UdpSocket) -> std::io::Result<()> {
    socket.set_nonblocking(true)?;
    // In place of the signals, the streams' socket, and the connection to etcd.
    let (signals, _sender) = UnixStream::pair()?;
    let streams = TcpListener::bind("127.0.0.1:0")?;
    let (etcd, _etcd) = UnixStream::pair()?;
    let mut message = [0; 4096];
    loop {
        let mut fds = [
            PollFd::new(&signals, PollFlags::IN),
            PollFd::new(socket, PollFlags::IN),
            PollFd::new(&streams, PollFlags::IN),
            PollFd::new(&etcd, PollFlags::IN),
        ];
        poll(&mut fds, Some(&PATIENCE))?;
        loop {
            let (length, client) = match socket.recv_from(&mut message) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            message[2] |= 0x80;
            let length = (length + RECORD).min(message.len());
            socket.send_to(&message[..length], client)?;
        }
    }
}
