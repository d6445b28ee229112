//! Who has a port, from `/proc` (proc(5)): which processes, as far as this user may know.

use std::collections::BTreeSet;
use std::fs;

/// The tables of sockets. Their lines begin with a number, the local address and port in hexadecimal,
/// and the tenth word is the inode.
const TABLES: [&str; 4] = ["/proc/net/udp", "/proc/net/udp6", "/proc/net/tcp", "/proc/net/tcp6"];
const LOCAL_ADDRESS: usize = 1;
const STATE: usize = 3;
const INODE: usize = 9;
/// The states of sockets that hold a port for others: TCP's that listens, UDP's unconnected.
const HOLDING: [&str; 2] = ["0A", "07"];

/// The processes that have the port open on any address, such as `named (pid 512)`.
pub(super) fn holders(port: u16) -> Vec<String> {
    let tables = TABLES.iter().filter_map(|table| fs::read_to_string(table).ok());
    let inodes: BTreeSet<String> = tables.flat_map(|table| inodes(&table, port)).collect();
    if inodes.is_empty() {
        return Vec::new();
    }
    let links: BTreeSet<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = processes.flatten().filter_map(|process| process.file_name().into_string().ok());
    let pids = pids.filter(|name| name.bytes().all(|octet| octet.is_ascii_digit()));
    pids.filter(|pid| has_open(pid, &links)).map(|pid| described(&pid)).collect()
}

/// The inodes of the sockets in a table that hold a port.
fn inodes(table: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    let lines = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let holding = lines.filter(|words| {
        words.get(LOCAL_ADDRESS).is_some_and(|address| address.ends_with(&end))
            && words.get(STATE).is_some_and(|state| HOLDING.contains(state))
    });
    holding.filter_map(|words| words.get(INODE).map(|inode| (*inode).to_owned())).collect()
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
    format!("{} (pid {pid})", super::table::printable(name.trim()))
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
        assert_eq!(inodes(table, 53), ["17001", "17003"]);
        assert_eq!(inodes(table, 0x1035), ["17004"]);
        assert!(inodes("", 53).is_empty());
    }

    #[test]
    fn this_process_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        let own = format!("(pid {})", std::process::id());
        assert!(holders(port).iter().any(|holder| holder.ends_with(&own)), "{:?}", holders(port));
    }
}
