//! The least that a UDP server can do: receive, flip the QR bit, send. Its CPU time for a query is
//! what the sockets cost, and so the measure for a real server. Usage: `bare_loop ADDR:PORT`

use std::net::UdpSocket;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:5300".to_owned());
    let socket = UdpSocket::bind(address)?;
    let mut message = [0; 4096];
    loop {
        let (length, client) = socket.recv_from(&mut message)?;
        message[2] |= 0x80;
        socket.send_to(&message[..length], client)?;
    }
}
