//! The processes that have a port, from `/proc` (proc(5)), as far as this user may know.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};

use crate::text::{number, printable};

/// The tables of sockets. Their lines begin with a number, the local address and port in hexadecimal,
/// and the tenth word is the inode.
const TABLES: [&str; 4] = ["/proc/net/udp", "/proc/net/udp6", "/proc/net/tcp", "/proc/net/tcp6"];
const LOCAL_ADDRESS: usize = 1;
const STATE: usize = 3;
const INODE: usize = 9;
/// The states of sockets that hold a port for others: TCP's that listens, UDP's unconnected.
const HOLDING: [&str; 2] = ["0A", "07"];

/// The processes that keep the address and port from others, such as `named (pid 512)`. Empty: there are none, or this user
/// may not know of them.
pub fn holders(address: SocketAddr) -> Vec<String> {
    let tables = TABLES.iter().filter_map(|table| fs::read_to_string(table).ok());
    let inodes = tables.flat_map(|table| inodes(&table, address));
    let links: BTreeSet<String> = inodes.map(|inode| format!("socket:[{inode}]")).collect();
    if links.is_empty() {
        return Vec::new();
    }
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|process| process.file_name().into_string().ok());
    let pids = pids.filter(|name| number::<u32>(name).is_some());
    pids.filter(|pid| has_open(pid, &links)).map(|pid| described(&pid)).collect()
}

/// The inodes of the sockets in a table that hold a port, at the address or at all of them.
fn inodes(table: &str, address: SocketAddr) -> Vec<String> {
    let (ip, port) = (address.ip(), format!("{:04X}", address.port()));
    let own = in_hexadecimal(ip);
    let held_inode = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (host, held_port) = words.get(LOCAL_ADDRESS)?.rsplit_once(':')?;
        let is_all = ip.is_unspecified() || host.bytes().all(|digit| digit == b'0');
        let is_held = held_port == port && (is_all || host == own);
        let (state, inode) = (words.get(STATE)?, words.get(INODE)?);
        (is_held && HOLDING.contains(state)).then(|| (*inode).to_owned())
    };
    table.lines().skip(1).filter_map(held_inode).collect()
}

/// An address as the tables spell it: words of 32 bits in the order of this machine.
fn in_hexadecimal(ip: IpAddr) -> String {
    let word = |octets: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(octets));
    match ip {
        IpAddr::V4(ip) => word(ip.octets()),
        IpAddr::V6(ip) => ip.octets().as_chunks::<4>().0.iter().copied().map(word).collect(),
    }
}

fn has_open(pid: &str, links: &BTreeSet<String>) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|link| link.to_str().is_some_and(|link| links.contains(link)))
}

fn described(pid: &str) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{} (pid {pid})", printable(name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_hold_a_port_are_found_in_the_tables() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            1: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 17001 2\n\
            2: 0100007F:0035 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 17002 1\n\
            3: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17003 1\n\
            4: 0100007F:1035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 17004 2\n\
            5: short\n";
        let of = |ip: [u8; 4], port| inodes(table, SocketAddr::from((ip, port)));
        assert_eq!(of([0, 0, 0, 0], 53), ["17001", "17003"]);
        assert_eq!(of([127, 0, 0, 53], 53), ["17001", "17003"]);
        assert_eq!(of([127, 0, 0, 1], 53), ["17003"], "another address is no matter");
        assert_eq!(of([127, 0, 0, 1], 0x1035), ["17004"]);
        assert!(inodes("", SocketAddr::from(([127, 0, 0, 1], 53))).is_empty());
    }

    #[test]
    fn this_process_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("an address");
        let own = format!("(pid {})", std::process::id());
        assert!(
            holders(address).iter().any(|holder| holder.ends_with(&own)),
            "{:?}",
            holders(address)
        );
    }
}
