//! A DNS client over TCP (RFC 7766).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    stream.set_nodelay(true).expect("set");
    stream
}

/// A message with its length before it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("short");
    [&length.to_be_bytes()[..], message].concat()
}

/// The next message.
pub fn receive(stream: &mut TcpStream) -> Vec<u8> {
    try_receive(stream).expect("a message")
}

/// The next message; `None`: the other side ends the connection before it begins one.
pub fn try_receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).expect("the rest of a message");
    Some(message)
}

/// Asks on a connection that stays open.
pub fn ask_on(stream: &mut TcpStream, query: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(query)).expect("sent");
    receive(stream)
}

/// Asks on a connection of its own.
pub fn ask(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    ask_on(&mut connect(server), query)
}
