//! What tells this machine from others, and the one server on it that has certain sockets.
//!
//! Two processes with the same ID here cannot live side by side: both would have bound the same
//! sockets on the same machine. So whoever finds what another one with this ID left behind knows that it is
//! dead. (Containers have networks of their own, and may see one ID of their host: there it proves
//! nothing, nor does it on machines that were cloned with their `/etc/machine-id`.)

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;

use rustix::system::uname;
use rustls::crypto::hash::Output;
use rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

/// Where a machine's ID stands, the best first: one for good (`machine-id(5)`), and one that the kernel
/// draws at each boot (`random(4)`).
const SOURCES: [&str; 2] = ["/etc/machine-id", "/proc/sys/kernel/random/boot_id"];

/// The number of hexadecimal digits in an ID: 128 bits.
const DIGITS: usize = 32;

/// The longest file that is looked at, in octets: a UUID and the end of its line.
const LONGEST_FILE: u64 = 64;

/// What is hashed before the machine's ID, so that nobody else has the same hash of it.
const PURPOSE: &str = "idetcd node ID 1";

/// The octets of the hash that are kept. It is compared with those of nodes that publish the same
/// addresses only, and every node reads it in every record.
const KEPT: usize = 8;

/// The ID of the server on this machine that has bound these sockets, as hexadecimal digits; `None`:
/// the machine has none. It is hashed, because the machine's own is to stay on it (`machine-id(5)`).
pub fn server_id(sockets: impl IntoIterator<Item = SocketAddr>) -> Option<String> {
    let machine = SOURCES.iter().find_map(|path| machine_id(File::open(path).ok()?))?;
    hashed(&machine, sockets)
}

/// The name of this host (`uname(2)`).
pub fn host_name() -> String {
    uname().nodename().to_string_lossy().into_owned()
}

/// Reads an ID: hexadecimal digits, some of them not zero, and maybe hyphens. Before the first boot is
/// done there may be another word.
fn machine_id(file: impl Read) -> Option<String> {
    let mut text = String::new();
    file.take(LONGEST_FILE).read_to_string(&mut text).ok()?;
    let digits = text.trim().replace('-', "").to_ascii_lowercase();
    let is_id = digits.len() == DIGITS && digits.bytes().all(|octet| octet.is_ascii_hexdigit());
    (is_id && digits.bytes().any(|octet| octet != b'0')).then_some(digits)
}

fn hashed(machine: &str, sockets: impl IntoIterator<Item = SocketAddr>) -> Option<String> {
    let mut sockets: Vec<String> = sockets.into_iter().map(|socket| socket.to_string()).collect();
    sockets.sort();
    let text = [PURPOSE, machine].into_iter().chain(sockets.iter().map(String::as_str));
    let hash = sha_256(text.collect::<Vec<_>>().join("\n").as_bytes())?;
    let kept = hash.as_ref().iter().take(KEPT);
    Some(kept.fold(String::new(), |mut digits, octet| {
        // Writing into a string does not fail.
        let _ = write!(digits, "{octet:02x}");
        digits
    }))
}

/// The hash that TLS brings along.
fn sha_256(octets: &[u8]) -> Option<Output> {
    Some(TLS13_AES_128_GCM_SHA256.tls13()?.common.hash_provider.hash(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: &str = "3d1219c7c4c5404aaa1f6d2a48adfda4";

    fn sockets(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn an_id_is_128_bits_and_anything_else_is_none() {
        let table = [
            ("3d1219c7c4c5404aaa1f6d2a48adfda4\n", Some(MACHINE)),
            ("3D1219C7-C4C5-404A-AA1F-6D2A48ADFDA4\n", Some(MACHINE)),
            ("", None),
            ("uninitialized\n", None),
            ("00000000000000000000000000000000\n", None),
            ("3d1219c7c4c5404aaa1f6d2a48adfda\n", None),
            ("3d1219c7c4c5404aaa1f6d2a48adfda4 3d1219c7c4c5404aaa1f6d2a48adfda4\n", None),
            ("3d1219c7c4c5404aaa1f6d2a48adfdg4\n", None),
        ];
        for (file, wanted) in table {
            assert_eq!(machine_id(file.as_bytes()).as_deref(), wanted, "{file:?}");
        }
        assert_eq!(machine_id(&[0xff; 32][..]), None);
        assert_eq!(machine_id(std::io::repeat(b'a')), None);
    }

    #[test]
    fn what_is_told_is_a_hash_of_the_machine_and_the_sockets() {
        // By sha256sum: it must be the same in the next version, or a restart would cost the name.
        let id = |machine, addresses: &[&str]| hashed(machine, sockets(addresses)).expect("an ID");
        let one = id(MACHINE, &["0.0.0.0:53", "[::]:53"]);
        assert_eq!(one, "b1090169f904654a");
        assert_eq!(id(MACHINE, &["[::]:53", "0.0.0.0:53"]), one);
        for other in [
            id("3d1219c7c4c5404aaa1f6d2a48adfda5", &["0.0.0.0:53", "[::]:53"]),
            id(MACHINE, &["0.0.0.0:53"]),
            id(MACHINE, &["0.0.0.0:54", "[::]:53"]),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn this_machine_has_one() {
        let own = || server_id(sockets(&["0.0.0.0:53"]));
        assert_eq!(own(), own());
        assert_eq!(own().map(|id| id.len()), Some(2 * KEPT));
    }
}
