//! Queries: good ones, odd ones, and either with a few octets changed.

use support::dns::{Opt, Query};
use support::random::Random;

mod names;

/// How far the names can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Synced,
    Stale,
    Expired,
    Incomplete,
    Empty,
}

pub struct Generator {
    random: Random,
    names: Vec<String>,
    /// A cookie that the server gave.
    cookie: Vec<u8>,
}

const TYPES: [u16; 16] = [1, 1, 1, 28, 28, 33, 33, 12, 6, 2, 16, 255, 255, 252, 251, 65];
impl Generator {
    pub fn new(seed: u64, names: Vec<String>) -> Generator {
        Generator { random: Random::new(seed), names, cookie: Vec::new() }
    }

    /// Keeps a cookie, to show it later.
    pub fn learn(&mut self, cookie: Option<Vec<u8>>) {
        self.cookie = cookie.unwrap_or_else(|| std::mem::take(&mut self.cookie));
    }

    /// The next query, and to whom it goes.
    pub fn next(&mut self) -> (Vec<u8>, State) {
        let state = match self.random.below(20) {
            0 => State::Stale,
            1 => State::Expired,
            2 => State::Empty,
            3 => State::Incomplete,
            _ => State::Synced,
        };
        let mut query = self.well_formed().octets();
        if self.random.one_in(5) {
            self.mutate(&mut query);
        }
        (query, state)
    }

    fn well_formed(&mut self) -> Query {
        let is_chaos = self.random.one_in(25);
        let mut query = Query::empty().with_id(self.number()).with_flags(self.flags());
        let count = if self.random.one_in(40) { self.random.below(4) } else { 1 };
        for _ in 0..count {
            let name = if is_chaos { self.chaos_name() } else { self.name() };
            let rrtype = match self.random.below(8) {
                0 => self.number(),
                _ if is_chaos => 16,
                _ => self.random.pick(&TYPES),
            };
            let class = match self.random.below(40) {
                0 => self.number(),
                _ if is_chaos => 3,
                _ => 1,
            };
            query = query.asking(&name, rrtype, class);
        }
        self.add_records(&mut query);
        query
    }

    fn number(&mut self) -> u16 {
        self.random.number() as u16
    }

    fn flags(&mut self) -> u16 {
        let opcode = if self.random.one_in(30) { self.random.below(16) as u16 } else { 0 };
        let response = if self.random.one_in(60) { 0x8000 } else { 0 };
        match self.random.below(4) {
            // Everything but QR and the opcode.
            0 => response | opcode << 11 | self.number() & 0x07ff,
            _ => response | opcode << 11 | 0x0100,
        }
    }

    /// Records that have no business in a query, and OPT, mostly where it belongs.
    fn add_records(&mut self, query: &mut Query) {
        if self.random.one_in(25) {
            let section = self.random.below(3);
            let mut record = if self.random.one_in(2) { vec![0] } else { vec![1, b'x', 0xc0, 12] };
            let length = self.random.below(20);
            let data = self.random.octets(length);
            let rrtype = self.random.pick(&[1, 16, 99]);
            record.extend([0, rrtype, 0, 1, 0, 0, 0, 5, 0, length as u8]);
            record.extend(data);
            query.sections[section].push(record);
        }
        let count = match self.random.below(20) {
            0..8 => 0,
            8 => 2,
            _ => 1,
        };
        for _ in 0..count {
            let section = if self.random.one_in(80) { self.random.below(2) } else { 2 };
            let opt = self.opt();
            query.sections[section].push(opt);
        }
    }

    fn opt(&mut self) -> Vec<u8> {
        let payload = match self.random.below(4) {
            0 => self.number(),
            _ => self.random.pick(&[0, 512, 600, 1200, 1232, 1233, 4096, 65_535]),
        };
        let version = if self.random.one_in(12) { self.random.octet() } else { 0 };
        let flags = if self.random.one_in(3) { self.number() } else { 0 };
        let rcode = self.random.one_in(50).into();
        let count = self.random.below(4);
        let options = (0..count).map(|_| self.option()).collect();
        let record = Opt { payload, rcode, version, flags, options }.record();
        // An owner that is not the root.
        if self.random.one_in(80) { [&[1, b'o'], &record[..]].concat() } else { record }
    }

    fn option(&mut self) -> (u16, Vec<u8>) {
        match self.random.below(8) {
            0 | 1 => (3, if self.random.one_in(4) { self.random.octets(3) } else { Vec::new() }),
            2 => (10, self.random.octets(8)),
            3 => (10, self.cookie.clone()),
            4 => {
                let length = self.random.below(45);
                (10, self.random.octets(length))
            }
            5 => (self.random.pick(&[8, 9, 11, 12, 15]), vec![0; 4]),
            _ => {
                let length = self.random.below(30);
                (self.number() | 0x4000, self.random.octets(length))
            }
        }
    }

    fn mutate(&mut self, query: &mut Vec<u8>) {
        for _ in 0..1 + self.random.below(4) {
            if query.is_empty() {
                return;
            }
            let at = self.random.below(query.len());
            match self.random.below(6) {
                0 => query.truncate(at),
                1 => query.insert(at, self.random.octet()),
                2 => query[at] ^= 1 << self.random.below(8),
                3 => drop(query.remove(at)),
                4 => query.extend([0]),
                _ => query[at] = self.random.octet(),
            }
        }
    }
}
