//! Names to ask for: known ones, their neighbours, and what is hardly a name.

use support::dns::wire;

use super::Generator;

const CHAOS: [&str; 13] = [
    "version.bind",
    "version.server",
    "hostname.bind",
    "id.server",
    "queries.bind",
    "answers.bind",
    "etcd.bind",
    "revision.bind",
    "slots.bind",
    "stats.bind",
    "forwarded.bind",
    "authors.bind",
    "bind",
];
const ODD_NAMES: [&str; 24] = [
    "tf.local.",
    "local.",
    ".",
    "worker.tf.local.",
    "worker.tf.local.",
    "ps.a.tf.local.",
    "a.tf.local.",
    "b.tf.local.",
    "y.tf.local.",
    "w3.y.tf.local.",
    "w4.y.tf.local.",
    "x.w.y.tf.local.",
    "w.y.tf.local.",
    "n.",
    "8.n.",
    "example.com.",
    "absent.example.com.",
    "x.db.example.com.",
    "xtf.local.",
    "worker0.tf.local.",
    "worker01.tf.local.",
    "worker3.tf.local.",
    "worker99999999999.tf.local.",
    "worker-1.tf.local.",
];

impl Generator {
    pub(super) fn chaos_name(&mut self) -> Vec<u8> {
        let name = self.random.pick(&CHAOS);
        self.wire(name)
    }

    /// A name of any kind, in wire form.
    pub(super) fn name(&mut self) -> Vec<u8> {
        let known = self.random.below(self.names.len());
        let known = self.names[known].clone();
        match self.random.below(32) {
            0..16 => self.wire(&known),
            16 | 17 => {
                let number = self.random.below(450);
                self.wire(&format!("worker{number}.tf.local."))
            }
            18..22 => {
                let name = self.random.pick(&ODD_NAMES);
                self.wire(name)
            }
            22 | 23 => self.below_known(&known),
            24..27 => {
                let name = self.reverse_name();
                self.wire(&name)
            }
            27 => self.wire("worker.tf.local."),
            28 => self.long_name(),
            _ => self.odd_labels(),
        }
    }

    /// A name in wire form, its letters in either case.
    fn wire(&mut self, name: &str) -> Vec<u8> {
        let mut wire = wire(name);
        if self.random.one_in(2) {
            for letter in wire.iter_mut().filter(|octet| octet.is_ascii_alphabetic()) {
                *letter ^= u8::from(self.random.one_in(2)) << 5;
            }
        }
        wire
    }

    /// A name below one that exists, or one whose label holds a dot.
    fn below_known(&mut self, known: &str) -> Vec<u8> {
        let mut wire = self.wire(known);
        match self.random.below(3) {
            0 => [vec![2, b'x', self.random.octet()], wire].concat(),
            1 => [self.wire("_dns._tcp")[..10].to_vec(), wire].concat(),
            _ => {
                // The length of the first label becomes a dot within a longer one.
                let length = usize::from(wire[0]);
                if let Some(next) = wire.get(length + 1).copied().filter(|next| *next > 0) {
                    wire[0] += 1 + next;
                    wire[length + 1] = b'.';
                }
                wire
            }
        }
    }

    fn reverse_name(&mut self) -> String {
        let (high, low) = (self.random.below(2), self.random.below(210));
        let number = self.random.below(0x300);
        let [a, b, c] = [number & 15, number >> 4 & 15, number >> 8];
        match self.random.below(5) {
            0 | 1 => format!("{low}.{high}.0.10.in-addr.arpa."),
            2 => format!("{a:x}.{b:x}.{c:x}.0.{}0.0.d.f.ip6.arpa.", "0.".repeat(24)),
            3 => format!("{high}.0.10.in-addr.arpa."),
            _ => format!("0{low}.{high}.0.10.in-addr.arpa."),
        }
    }

    /// About as long as a name may be, and sometimes longer.
    fn long_name(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        while wire.len() < 190 {
            let length = 1 + self.random.below(63);
            wire.push(length as u8);
            wire.extend(self.random.octets(length));
        }
        let zone = self.random.pick(&["tf.local.", "example.com."]);
        wire.extend(self.wire(zone));
        wire
    }

    fn odd_labels(&mut self) -> Vec<u8> {
        let mut wire = Vec::new();
        for _ in 0..self.random.below(5) {
            let length = 1 + self.random.below(12);
            wire.push(length as u8);
            wire.extend(self.random.octets(length));
        }
        let zone = self.random.pick(&["tf.local.", "n.", "com."]);
        wire.extend(self.wire(zone));
        wire
    }
}
