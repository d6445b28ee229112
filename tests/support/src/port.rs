//! Ports that a test has for itself.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The system gives none of these to a socket that asks for any (`ip_local_port_range` begins above).
const FIRST: u16 = 10_240;
const COUNT: u16 = 20_480;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of loopback that is free, over TCP and UDP, and that no other test is given, of this process or
/// of another, until this process ends.
pub fn free_port() -> u16 {
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (u32::from(start) + u32::from(step)).rem_euclid(COUNT.into()) as u16;
        if is_reserved(port) && is_free(port) {
            return port;
        }
    }
    panic!("no free port from {FIRST} on");
}

/// A name that ends with the process: who has it has the port.
fn is_reserved(port: u16) -> bool {
    let name = format!("idetcd-test-port-{port}");
    let address = SocketAddr::from_abstract_name(name).expect("a short name");
    // Not closed: the reservation is to outlive this call.
    UnixListener::bind_addr(&address).map(std::mem::forget).is_ok()
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok()
}
